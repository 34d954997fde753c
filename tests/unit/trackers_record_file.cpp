// The append-only file under the tensorboard and jsonl trackers, with a system that refuses.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "ranklog/error.hpp"
#include "support/scratch_directory.hpp"
#include "support/tracker_records.hpp"
#include "trackers/support/record_file.hpp"

namespace {

using ranklog::test_support::contents_of;
using ranklog::test_support::ScratchDirectory;
using ranklog::trackers::support::FileCalls;
using ranklog::trackers::support::RecordFile;
using ranklog::trackers::support::RecordFileOptions;

// What write() does at each call: a number of bytes at most, or an error when negative.
struct Script {
  std::vector<long> writes;
  bool can_truncate = true;
  std::size_t n_calls = 0;
  std::vector<std::size_t> offered{};  // bytes at each call
};
Script script;

ssize_t scripted_write(int fd, const void* data, std::size_t n_bytes) {
  script.offered.push_back(n_bytes);
  const std::size_t call = script.n_calls++;
  if (call >= script.writes.size()) return ::write(fd, data, n_bytes);
  const long step = script.writes[call];
  if (step < 0) {
    errno = static_cast<int>(-step);
    return -1;
  }
  return ::write(fd, data, std::min(n_bytes, static_cast<std::size_t>(step)));
}

int scripted_truncate(int fd, off_t n_bytes) {
  if (script.can_truncate) return ::ftruncate(fd, n_bytes);
  errno = EIO;
  return -1;
}

constexpr FileCalls scripted_calls{scripted_write, scripted_truncate};

RecordFileOptions scripted(std::vector<long> writes, bool can_truncate = true) {
  script = {.writes = std::move(writes), .can_truncate = can_truncate};
  return {.flush_interval = std::chrono::hours(1), .calls = &scripted_calls};
}

std::string message_of_flush(RecordFile& file) {
  try {
    file.flush();
  } catch (const ranklog::IoError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("records are written together, in order, at flush") {
  const ScratchDirectory directory;
  RecordFile file(directory.path() / "f", scripted({}));
  file.append("one,");
  file.append("two,");
  CHECK(contents_of(file.path()).empty());
  file.flush();
  CHECK(contents_of(file.path()) == "one,two,");
  CHECK(script.offered == std::vector<std::size_t>{8});
}

TEST_CASE("a full buffer is written without being asked to") {
  const ScratchDirectory directory;
  auto options = scripted({});
  options.flush_bytes = 8;
  RecordFile file(directory.path() / "f", options);
  file.append("one,");
  CHECK(script.n_calls == 0);
  file.append("two,");
  CHECK(contents_of(file.path()) == "one,two,");
}

TEST_CASE("a record is written when the flush interval has passed") {
  const ScratchDirectory directory;
  auto options = scripted({});
  options.flush_interval = std::chrono::duration<double>(0);
  RecordFile file(directory.path() / "f", options);
  file.append("one,");
  CHECK(contents_of(file.path()) == "one,");
}

TEST_CASE("short writes and interrupted calls lose nothing") {
  const ScratchDirectory directory;
  RecordFile file(directory.path() / "f", scripted({1, -EINTR, 2, -EINTR, 3}));
  file.append("one,");
  file.append("two,");
  file.flush();
  CHECK(contents_of(file.path()) == "one,two,");
  CHECK(script.n_calls == 6);
}

TEST_CASE("a torn write is cut back to whole records and the rest is written later") {
  const ScratchDirectory directory;
  RecordFile file(directory.path() / "f", scripted({6, -ENOSPC}));
  file.append("one,");
  file.append("two,");
  const std::string message = message_of_flush(file);
  CHECK(message.find("No space left on device") != message.npos);
  CHECK(message.find(file.path().string()) != message.npos);
  CHECK(contents_of(file.path()) == "one,");
  file.append("three,");
  file.flush();
  CHECK(contents_of(file.path()) == "one,two,three,");
}

TEST_CASE("after a torn first record the file is empty, not torn") {
  const ScratchDirectory directory;
  RecordFile file(directory.path() / "f", scripted({2, -EIO}));
  file.append("one,");
  CHECK_THROWS_AS(file.flush(), ranklog::IoError);
  CHECK(contents_of(file.path()).empty());
}

TEST_CASE("nothing follows a torn record that cannot be cut off") {
  const ScratchDirectory directory;
  RecordFile file(directory.path() / "f", scripted({6, -EIO}, false));
  file.append("one,");
  file.append("two,");
  CHECK_THROWS_AS(file.flush(), ranklog::IoError);
  file.append("three,");
  CHECK(message_of_flush(file).find("torn record") != std::string::npos);
  CHECK_THROWS_AS(file.close(), ranklog::IoError);
  CHECK(contents_of(directory.path() / "f") == "one,tw");
}

TEST_CASE("a file that cannot be written is not tried again at every record") {
  const ScratchDirectory directory;
  auto options = scripted(std::vector<long>(100, -ENOSPC));
  options.flush_bytes = 4;
  RecordFile file(directory.path() / "f", options);
  CHECK_THROWS_AS(file.append("one,"), ranklog::IoError);
  for (int i = 0; i < 10; ++i) file.append("two,");
  CHECK(script.n_calls == 1);
  script.writes.clear();
  file.flush();
  CHECK(contents_of(file.path()).size() == 44);
}

TEST_CASE("what waits for a full disk is bounded and what is dropped is said") {
  const ScratchDirectory directory;
  auto options = scripted(std::vector<long>(100, -ENOSPC));
  options.max_pending_bytes = 8;
  RecordFile file(directory.path() / "f", options);
  file.append("one,");
  file.append("two,");
  CHECK_THROWS_AS(file.flush(), ranklog::IoError);
  CHECK_THROWS_WITH_AS(file.append("three,"), doctest::Contains("1 record(s) dropped"),
                       ranklog::IoError);
  CHECK(file.pending_bytes() == 8);
}

TEST_CASE("an existing file is not touched") {
  const ScratchDirectory directory;
  directory.write("f", "mine");
  CHECK_THROWS_AS(RecordFile(directory.path() / "f"), ranklog::RunExistsError);
  CHECK(contents_of(directory.path() / "f") == "mine");
}

TEST_CASE("close writes what is left and may be repeated, and nothing can be added after it") {
  const ScratchDirectory directory;
  RecordFile file(directory.path() / "f", scripted({}));
  file.append("one,");
  file.close();
  file.close();
  CHECK(contents_of(file.path()) == "one,");
  CHECK_THROWS_AS(file.append("two,"), ranklog::IoError);
}
