// What the tensorboard tracker puts into its file; tests/interop reads it with TensorBoard.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/crc32c.hpp"
#include "ranklog/error.hpp"
#include "ranklog/record_block.hpp"
#include "ranklog/tensorboard_writer.hpp"
#include "support/scratch_directory.hpp"
#include "support/tracker_records.hpp"
#include "trackers/tensorboard/tensorboard_tracker.hpp"

namespace {

using namespace ranklog;
using namespace ranklog::test_support;
using ranklog::crc32c;
using ranklog::mask_crc;
using trackers::make_tensorboard_tracker;

std::vector<std::filesystem::path> event_files(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().filename().string().starts_with("events.out.tfevents.")) {
      found.push_back(entry.path());
    }
  }
  return found;
}

template <class Unsigned>
Unsigned read_at(const std::string& bytes, std::size_t at) {
  Unsigned value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);  // the tests run on little-endian machines
  return value;
}

// The payloads of a file; fails at a wrong checksum or a torn record.
std::vector<std::string> payloads_of(const std::filesystem::path& path) {
  const std::string bytes = contents_of(path);
  std::vector<std::string> payloads;
  std::size_t at = 0;
  while (at < bytes.size()) {
    REQUIRE(bytes.size() - at >= 16);
    const std::string_view length(bytes.data() + at, 8);
    REQUIRE(read_at<std::uint32_t>(bytes, at + 8) == mask_crc(crc32c(length)));
    const auto n = read_at<std::uint64_t>(bytes, at);
    REQUIRE(bytes.size() - at - 16 >= n);
    payloads.push_back(bytes.substr(at + 12, n));
    REQUIRE(read_at<std::uint32_t>(bytes, at + 12 + n) == mask_crc(crc32c(payloads.back())));
    at += n + 16;
  }
  return payloads;
}

std::vector<std::string> payloads_in(const std::filesystem::path& directory) {
  const auto files = event_files(directory);
  REQUIRE(files.size() == 1);
  return payloads_of(files.front());
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}

// Logs one metric with these options and returns the payload that holds it.
std::string payload_of(const Metric& metric, const Config& options = {}) {
  const ScratchDirectory directory;
  const auto tracker = make_tensorboard_tracker();
  tracker->start(context_in(directory.path(), options));
  tracker->log(record_at(7, {metric}), {});
  tracker->finish({});
  const auto payloads = payloads_in(directory.path());
  REQUIRE(payloads.size() >= 3);
  return payloads[2];  // behind the version and the session start
}

}  // namespace

TEST_CASE("a new event file opens with its version, its writer and a session start") {
  const ScratchDirectory directory;
  const auto tracker = make_tensorboard_tracker();
  tracker->start(context_in(directory.path()));
  const auto payloads = payloads_in(directory.path());
  REQUIRE(payloads.size() == 2);
  CHECK(contains(payloads[0],
                 "\x1a\x0d"
                 "brain.Event:2"));
  CHECK(contains(payloads[0], "ranklog "));
  CHECK(payloads[1].substr(9) == "\x3a\x02\x08\x01");  // session_log { status: START }
}

TEST_CASE("a scalar is encoded in the 26 bytes that TensorBoard's format gives") {
  CHECK(payload_of(real_metric("loss", 0.5)) ==
        std::string("\x09\0\0\0\0\0\0\xf0\x3f\x10\x07\x2a\x0d\x0a\x0b\x0a\x04loss\x15\0\0\0\x3f",
                    26));
}

TEST_CASE("integers are taken from their exact value") {
  auto metric = real_metric(metric_info("n", Kind::integer, Reduction::sum), 0);
  metric.integer_value = 3;
  CHECK(contains(payload_of(metric), std::string_view("\x15\0\0\x40\x40", 5)));
}

TEST_CASE("statistics are written only when asked for") {
  const auto metric = real_metric("loss", 0.5);
  CHECK_FALSE(contains(payload_of(metric), "loss_min"));
  const std::string payload = payload_of(metric, {{"statistics", true}});
  CHECK(contains(payload, "loss_min"));
  CHECK(contains(payload, "loss_max"));
  CHECK(contains(payload, "loss_std"));
}

TEST_CASE("rows that come as a block are written as they would be one by one") {
  RecordBlock block;
  block.row_step = {5, 1000000};
  block.time = {1.5, std::nan("")};
  for (const std::string key : {"loss",
                                "gr\xc3\xb6\xc3\x9f"
                                "e",
                                "bad\xff", "n"}) {
    BlockColumn column;
    column.info = metric_info(key, key == "n" ? Kind::integer : Kind::real,
                              key == "n" ? Reduction::sum : Reduction::mean);
    column.count = 2;
    column.value = column.mean = {0.5, 2};
    column.min = {0.25, 1};
    column.max = {0.75, 3};
    column.std = {0.125, 4};
    column.min_rank = column.max_rank = {0, 1};
    if (key == "n") column.integer_value = {3, 7};
    block.metrics.push_back(std::move(column));
  }
  const Config options{{"statistics", true}};
  std::vector<std::vector<std::string>> found;
  for (const bool is_whole : {true, false}) {
    const ScratchDirectory directory;
    const auto tracker = make_tensorboard_tracker();
    tracker->start(context_in(directory.path(), options));
    if (is_whole) {
      tracker->log_block(block);
    } else {
      Record record;
      for (std::size_t row = 0; row < block.n_rows(); ++row) {
        block.copy_row(row, record);
        tracker->log(record, {});
      }
    }
    tracker->finish({});
    auto payloads = payloads_in(directory.path());
    REQUIRE(payloads.size() == 5);
    found.push_back({payloads[2], payloads[3].substr(9)});  // without the time that is not a number
  }
  CHECK(found[0] == found[1]);
  CHECK(contains(found[0][0], "bad\\xff_std"));
  CHECK(contains(found[0][0], std::string_view("\x01n\x15\0\0\x40\x40", 7)));
}

TEST_CASE("gathered values get a scalar for each rank up to max_ranks") {
  auto metric = real_metric(metric_info("t", Kind::real, Reduction::gather), 1);
  for (int rank = 0; rank < 4; ++rank) metric.per_rank.push_back({rank, {1.0 * rank}, {}, {}});
  CHECK(contains(payload_of(metric), "t_rank3"));
  const std::string payload = payload_of(metric, {{"max_ranks", 3}});
  CHECK(contains(payload, "t_rank2"));
  CHECK_FALSE(contains(payload, "t_rank3"));
}

TEST_CASE("a gathered span gets a scalar for each of its first sixteen elements") {
  auto metric = real_metric(metric_info("t", Kind::integer, Reduction::gather), 1);
  metric.per_rank.push_back({2, {}, std::vector<std::int64_t>(20, 5), {}});
  const std::string payload = payload_of(metric);
  CHECK(contains(payload, "t_rank2_15"));
  CHECK_FALSE(contains(payload, "t_rank2_16"));
}

TEST_CASE("text that is not UTF-8 is escaped, because it would end the file for its readers") {
  CHECK(contains(payload_of(text_metric("note", "a\xff")), "a\\xff"));
}

TEST_CASE("a time that is not a number is replaced, because it would end the file") {
  const ScratchDirectory directory;
  const auto tracker = make_tensorboard_tracker();
  tracker->start(context_in(directory.path()));
  tracker->log(record_at(1, {real_metric("loss", 1)}, std::nan("")), {});
  tracker->finish({});
  const std::string payload = payloads_in(directory.path()).back();
  double time = 0;
  std::memcpy(&time, payload.data() + 1, sizeof time);
  CHECK(time > 1e9);
}

TEST_CASE("configuration goes to the event file and to hparams.yml, and the outcome ends it") {
  const ScratchDirectory directory;
  const auto tracker = make_tensorboard_tracker();
  tracker->start(context_in(directory.path()));
  tracker->store_init_configuration({{"lr", 0.5}});
  tracker->store_init_configuration({{"layers", std::vector{64, 32}}});
  tracker->finish({RunStatus::failed, "why"});
  const auto payloads = payloads_in(directory.path());
  CHECK(contains(payloads.at(2), "_hparams_/session_start_info"));
  CHECK(contains(payloads.back(), "_hparams_/session_end_info"));
  CHECK(contains(payloads.back(), "\x22\x0b\x08\x02"));  // session_end_info { status: FAILURE }
  CHECK(contents_of(directory.path() / "hparams.yml") == "\"lr\": 0.5\n\"layers\": [64, 32]\n");
}

TEST_CASE("each run has an event file of its own, even two of one process in one directory") {
  const ScratchDirectory directory;
  for (int run = 0; run < 2; ++run) {
    const auto tracker = make_tensorboard_tracker();
    tracker->start(context_in(directory.path()));
    tracker->finish({});
  }
  CHECK(event_files(directory.path()).size() == 2);
}

TEST_CASE("the vendor object writes to the file of the tracker") {
  const ScratchDirectory directory;
  const auto tracker = make_tensorboard_tracker();
  CHECK(tracker->native().object == nullptr);
  tracker->start(context_in(directory.path()));
  const NativeHandle handle = tracker->native();
  REQUIRE(handle.type != nullptr);
  REQUIRE(*handle.type == typeid(TensorBoardWriter));
  auto& writer = *static_cast<TensorBoardWriter*>(handle.object);
  writer.add_scalar("extra", 1, 4);
  writer.add_text("note", "**bold**", 5);
  writer.flush();
  const auto payloads = payloads_of(writer.path());
  REQUIRE(payloads.size() == 4);
  CHECK(contains(payloads[2], "extra"));
  CHECK(contains(payloads[3], "**bold**"));
  tracker->finish({});
}

TEST_CASE("options of the tensorboard tracker are checked") {
  const ScratchDirectory directory;
  const auto start = [&](const Config& options) {
    make_tensorboard_tracker()->start(context_in(directory.path(), options));
  };
  CHECK_THROWS_AS(start({{"statistic", true}}), UsageError);
  CHECK_THROWS_AS(start({{"max_ranks", -1}}), UsageError);
  CHECK_THROWS_AS(start({{"flush_interval_s", 0}}), UsageError);
  CHECK(event_files(directory.path()).empty());
}

TEST_CASE("an option of a single call is refused after the record is kept") {
  const ScratchDirectory directory;
  const auto tracker = make_tensorboard_tracker();
  tracker->start(context_in(directory.path()));
  CHECK_THROWS_AS(tracker->log(record_at(1, {real_metric("loss", 1)}), {{"walltime", 1}}),
                  UsageError);
  tracker->finish({});
  CHECK(payloads_in(directory.path()).size() == 3);
}
