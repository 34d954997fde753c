// The file that changes in steps, cut off at every system call that changes it.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "hdf5/atomic_file.hpp"
#include "hdf5/committed_file.hpp"
#include "hdf5/journal.hpp"
#include "support/failing_calls.hpp"
#include "support/scratch_directory.hpp"
#include "unit/hdf5_support.hpp"

using namespace ranklog;                // NOLINT: a test file
using namespace ranklog::test_support;  // NOLINT
namespace fs = std::filesystem;

namespace {

constexpr std::size_t n_bytes_at_most = 40'000;
// One that does not wait in memory.
constexpr std::size_t large_bytes = 17'000;
constexpr int n_commits = 4;

// What the file should hold: -1 where nothing was written.
using Content = std::vector<int>;

struct Program {
  explicit Program(unsigned seed) : random(seed) {}

  std::size_t below(std::size_t n) { return random() % n; }

  // Writes that overlap each other and what was committed. The first bytes are always written.
  void write_some(h5::DrivenFile& file, Content& image) {
    for (int i = 0; i < 6; ++i) {
      const std::size_t offset = i == 0 ? 0 : below(n_bytes_at_most - 1);
      const std::size_t n_small = 1 + below(std::min<std::size_t>(400, n_bytes_at_most - offset));
      const bool is_large = i == 3 && offset + large_bytes <= n_bytes_at_most;
      const std::size_t n = is_large ? large_bytes : n_small;
      std::vector<std::byte> bytes(n);
      for (std::size_t k = 0; k < n; ++k) {
        bytes[k] = static_cast<std::byte>(random());
        image[offset + k] = static_cast<int>(bytes[k]);
      }
      REQUIRE(file.write(offset, bytes, static_cast<std::uint8_t>(below(3))) == 0);
      file.set_end(std::max<std::uint64_t>(file.end(), offset + n));
    }
  }

  std::mt19937 random;
};

bool holds(const std::vector<std::byte>& bytes, const Content& image) {
  for (std::size_t i = 0; i < image.size(); ++i) {
    if (image[i] >= 0 && (i >= bytes.size() || image[i] != static_cast<int>(bytes[i])))
      return false;
  }
  return true;
}

std::vector<std::byte> bytes_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  std::vector<std::byte> bytes(text.size());
  std::transform(text.begin(), text.end(), bytes.begin(), [](char c) { return std::byte(c); });
  return bytes;
}

// As a reader sees the file: with what its journal adds.
std::vector<std::byte> seen_bytes_of(const fs::path& path) {
  std::vector<std::byte> bytes = bytes_of(path);
  const h5::ReadJournal journal = h5::read_journal(path);
  if (journal.state != h5::ReadJournal::State::pending) return bytes;
  for (std::size_t i = 0; i < journal.record.n_extents(); ++i) {
    const auto part = journal.record.bytes(i);
    const std::uint64_t offset = journal.record.place(i).offset;
    REQUIRE(offset + part.size() <= bytes.size());
    std::copy(part.begin(), part.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
  }
  return bytes;
}

struct Outcome {
  std::vector<Content> images;  // before the first commit, after the first, ...
  int n_acknowledged = 0;
  bool was_cut_in_commit = false;
  int n_calls = 0;
};

Outcome run_program(const fs::path& path, unsigned seed, int cut, std::size_t n_parts,
                    h5::Durability durability) {
  CutCalls calls(cut, n_parts);
  const h5::ReplacedSystemCalls replaced(calls);
  Program program(seed);
  Outcome outcome;
  Content image(n_bytes_at_most, -1);
  outcome.images.push_back(image);
  const auto file = h5::AtomicFile::create(path, "0123456789abcdef");
  for (int i = 0; i < n_commits && !calls.is_cut(); ++i) {
    program.write_some(*file, image);
    outcome.images.push_back(image);
    const bool is_ok = !file->commit(durability);
    if (is_ok) ++outcome.n_acknowledged;
    outcome.was_cut_in_commit = calls.is_cut();
  }
  outcome.n_calls = calls.n_calls();
  return outcome;
}

}  // namespace

TEST_CASE("cut off at any system call, the file holds the last commit or the one under way") {
  for (const h5::Durability durability : {h5::Durability::process, h5::Durability::disk}) {
    for (unsigned seed = 1; seed <= 3; ++seed) {
      ScratchDirectory directory;
      const fs::path whole = directory.path() / "whole";
      const int n_calls = run_program(whole, seed, 1'000'000, 0, durability).n_calls;
      CHECK(n_calls > 20);
      for (int cut = 1; cut <= n_calls; ++cut) {
        for (std::size_t n_parts = 0; n_parts < 5; ++n_parts) {
          const fs::path path = directory.path() / "run.h5";
          const Outcome outcome = run_program(path, seed, cut, n_parts, durability);
          CAPTURE(seed);
          CAPTURE(cut);
          CAPTURE(n_parts);
          const auto seen = seen_bytes_of(path);
          const auto n = static_cast<std::size_t>(outcome.n_acknowledged);
          const bool is_old = holds(seen, outcome.images[n]);
          const bool is_new = n + 1 < outcome.images.size() && holds(seen, outcome.images[n + 1]);
          REQUIRE((is_old || is_new));
          h5::recover(path);
          const auto recovered = bytes_of(path);
          REQUIRE(recovered == seen);
          REQUIRE_FALSE(fs::exists(h5::journal_path(path)));
          REQUIRE(h5::recover(path).found == h5::ReadJournal::State::absent);
          REQUIRE(bytes_of(path) == recovered);
          fs::remove(path);
        }
      }
    }
  }
}

TEST_CASE("between commits the file's own bytes are those of the last commit") {
  ScratchDirectory directory;
  const fs::path path = directory.path() / "run.h5";
  Program program(7);
  Content image(n_bytes_at_most, -1);
  const auto file = h5::AtomicFile::create(path, "id");
  for (int i = 0; i < 20; ++i) {
    const Content committed = image;
    program.write_some(*file, image);
    CHECK(holds(bytes_of(path), committed));
    CHECK_FALSE(file->commit(h5::Durability::process));
    CHECK(holds(bytes_of(path), image));
    std::vector<std::byte> read(n_bytes_at_most);
    CHECK(file->read(0, read) == 0);
    CHECK(holds(read, image));
  }
}

TEST_CASE("while somebody reads, what a commit changes waits in the journal until the next one") {
  ScratchDirectory directory;
  const fs::path path = directory.path() / "run.h5";
  Program program(13);
  Content image(n_bytes_at_most, -1);
  const auto file = h5::AtomicFile::create(path, "id");
  program.write_some(*file, image);
  REQUIRE_FALSE(file->commit(h5::Durability::process));
  const int reader = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(reader >= 0);
  REQUIRE(flock(reader, LOCK_SH | LOCK_NB) == 0);
  constexpr std::size_t n_bytes_of_a_step = 5 * 400 + large_bytes;
  for (int i = 0; i < 8; ++i) {
    const Content before = image;
    program.write_some(*file, image);
    CHECK_FALSE(file->commit(h5::Durability::process));
    // Each puts the one before into the file, whoever reads, and keeps no more than its own.
    CHECK(holds(bytes_of(path), before));
    CHECK(holds(seen_bytes_of(path), image));
    CHECK(file->n_bytes_waiting() <= n_bytes_of_a_step);
    std::vector<std::byte> read(n_bytes_at_most);
    CHECK(file->read(0, read) == 0);
    CHECK(holds(read, image));
  }
  CHECK_FALSE(holds(bytes_of(path), image));
  REQUIRE(close(reader) == 0);
  CHECK_FALSE(file->commit(h5::Durability::process));
  CHECK(holds(bytes_of(path), image));
}

TEST_CASE("what is read back is what was written last, committed or not") {
  ScratchDirectory directory;
  Program program(11);
  Content image(n_bytes_at_most, -1);
  const auto file = h5::AtomicFile::create(directory.path() / "run.h5", "id");
  for (int i = 0; i < 60; ++i) {
    program.write_some(*file, image);
    const std::size_t offset = program.below(n_bytes_at_most - 1);
    std::vector<std::byte> read(1 + program.below(n_bytes_at_most - offset));
    REQUIRE(file->read(offset, read) == 0);
    REQUIRE(
        holds(read, Content(image.begin() + static_cast<std::ptrdiff_t>(offset),
                            image.begin() + static_cast<std::ptrdiff_t>(offset + read.size()))));
    if (i % 5 == 0) REQUIRE_FALSE(file->commit(h5::Durability::process));
  }
}

TEST_CASE("failures and short writes cost nothing once writing works again") {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    ScratchDirectory directory;
    const fs::path path = directory.path() / "run.h5";
    std::mt19937 random(seed);
    bool is_healthy = true;
    FatefulCalls calls([&] {
      if (is_healthy || random() % 3 == 0) return 0;
      return random() % 2 == 0 ? -1 : (random() % 2 == 0 ? ENOSPC : EIO);
    });
    const h5::ReplacedSystemCalls replaced(calls);
    Program program(seed);
    Content image(n_bytes_at_most, -1);
    const auto file = h5::AtomicFile::create(path, "id");
    int n_failures = 0;
    for (int i = 0; i < 30; ++i) {
      is_healthy = i % 4 == 0;
      const Content committed = image;
      program.write_some(*file, image);
      const auto failure = file->commit(h5::Durability::disk);
      if (failure) ++n_failures;
      if (is_healthy) {
        REQUIRE_FALSE(failure);
        REQUIRE(holds(bytes_of(path), image));
      }
      if (failure.is_committed) REQUIRE(holds(seen_bytes_of(path), image));
    }
    CHECK(n_failures > 5);
    is_healthy = true;
    REQUIRE_FALSE(file->close(h5::Durability::disk));
    CHECK(holds(bytes_of(path), image));
    CHECK_FALSE(fs::exists(h5::journal_path(path)));
  }
}

TEST_CASE("a journal whose record is not in the file stays when the file is closed") {
  ScratchDirectory directory;
  const fs::path path = directory.path() / "run.h5";
  bool fails_in_place = false;
  int n_writes = 0;
  FatefulCalls calls([&] {
    // Fresh bytes, the record, and then the file's own.
    return fails_in_place && ++n_writes > 2 ? EIO : 0;
  });
  const h5::ReplacedSystemCalls replaced(calls);
  const auto file = h5::AtomicFile::create(path, "id");
  const std::vector<std::byte> first(100, std::byte{1}), second(200, std::byte{2});
  CHECK(file->write(0, first, 0) == 0);
  file->set_end(100);
  CHECK_FALSE(file->commit(h5::Durability::process));
  CHECK(file->write(0, second, 0) == 0);
  file->set_end(200);
  fails_in_place = true;
  const auto failure = file->commit(h5::Durability::process);
  CHECK(failure.error == EIO);
  CHECK(failure.is_committed);
  (void)file->close(h5::Durability::process);
  CHECK(h5::read_journal(path).state == h5::ReadJournal::State::pending);
  fails_in_place = false;
  CHECK(h5::recover(path).n_extents == 1);
  CHECK(bytes_of(path) == second);
}

TEST_CASE("a journal beside a shorter file than its own is refused") {
  ScratchDirectory directory;
  const fs::path path = directory.path() / "run.h5";
  {
    CutCalls calls(6, 0);
    const h5::ReplacedSystemCalls replaced(calls);
    const auto file = h5::AtomicFile::create(path, "id");
    const std::vector<std::byte> bytes(100, std::byte{1});
    for (int i = 0; i < 3; ++i) {
      CHECK(file->write(0, bytes, 0) == 0);
      file->set_end(100);
      (void)file->commit(h5::Durability::process);
    }
  }
  REQUIRE(h5::read_journal(path).state == h5::ReadJournal::State::pending);
  fs::resize_file(path, 10);
  CHECK_THROWS_AS(h5::recover(path), h5::WrongFile);
  CHECK_FALSE(h5::CommittedFile(path).is_overlaid());
}
