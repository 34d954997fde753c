// Delivery of media: order, limits on memory, trackers that have no place for them.
#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "ranklog/error.hpp"
#include "support/captured_stderr.hpp"
#include "support/error_of.hpp"
#include "support/scratch_directory.hpp"
#include "tracking/dispatch.hpp"
#include "tracking/media_tasks.hpp"
#include "tracking/typed_options.hpp"

using namespace ranklog;
using namespace ranklog::tracking;
using ranklog::test_support::CapturedStderr;
using ranklog::test_support::error_of;
using ranklog::test_support::ScratchDirectory;

namespace {

// Notes what arrives, in order, as one line each.
class NotingTracker final : public GeneralTracker {
 public:
  explicit NotingTracker(std::string name = "noting") : name_(std::move(name)) {}
  [[nodiscard]] std::string name() const override { return name_; }
  [[nodiscard]] bool requires_logging_directory() const override { return false; }
  void log(const Record& record, const Config&) override {
    note("record " + std::to_string(record.row_step));
  }
  bool log_images(const std::vector<ImageItem>& images, const MediaTime& when,
                  const Config& options) override {
    if (is_slow) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    for (const auto& item : images) {
      note("image " + item.name + " at " + std::to_string(when.row_step) +
           (when.step ? "" : " own") + (options.empty() ? "" : " with options"));
    }
    return true;
  }
  bool log_table(const std::string& key, const Table& table, const MediaTime&,
                 const Config&) override {
    note("table " + key + " of " + std::to_string(table.rows().size()));
    return true;
  }
  bool log_figure(const Figure&, const MediaTime&, const Config&) override {
    throw std::runtime_error("no figures today");
  }
  [[nodiscard]] std::vector<std::string> notes() const {
    const std::lock_guard lock(mutex_);
    return notes_;
  }
  bool is_slow = false;

 private:
  void note(std::string text) {
    const std::lock_guard lock(mutex_);
    notes_.push_back(std::move(text));
  }
  std::string name_;
  mutable std::mutex mutex_;
  std::vector<std::string> notes_;
};

// Has the methods that every tracker must have.
class PlainTracker final : public GeneralTracker {
 public:
  [[nodiscard]] std::string name() const override { return "plain"; }
  [[nodiscard]] bool requires_logging_directory() const override { return false; }
  void log(const Record&, const Config&) override {}
};

std::unique_ptr<Dispatch> started(const std::vector<std::shared_ptr<GeneralTracker>>& trackers) {
  std::vector<Selected> selected;
  for (const auto& tracker : trackers) selected.push_back({tracker->name(), tracker, true});
  auto dispatch = std::make_unique<Dispatch>(std::move(selected), nullptr);
  dispatch->start([](const Selected&) { return TrackerContext{}; }, nullptr);
  return dispatch;
}

Image grey(std::int32_t side) {
  const std::vector<std::uint8_t> pixels(static_cast<std::size_t>(side) *
                                         static_cast<std::size_t>(side));
  return {side, side, 1, pixels};
}

}  // namespace

TEST_CASE("media and records arrive in the order in which they were logged") {
  const auto tracker = std::make_shared<NotingTracker>();
  const auto dispatch = started({tracker});
  auto record = std::make_shared<Record>();
  record->row_step = 4;
  dispatch->submit(record, nullptr, Audience::main_process);
  dispatch->submit_media(images_task(*dispatch, {{"samples", grey(2)}}, 4), nullptr);
  record = std::make_shared<Record>();
  record->row_step = 5;
  dispatch->submit(record, nullptr, Audience::main_process);
  dispatch->submit_media(table_task(*dispatch, "t", Table({"a"}, {{1}, {2}}), 5), nullptr);
  dispatch->flush();
  CHECK(tracker->notes() ==
        std::vector<std::string>{"record 4", "image samples at 4", "record 5", "table t of 2"});
}

TEST_CASE("images without a step are numbered by key") {
  const auto tracker = std::make_shared<NotingTracker>();
  const auto dispatch = started({tracker});
  for (int i = 0; i < 2; ++i)
    dispatch->submit_media(images_task(*dispatch, {{"a", grey(1)}}, std::nullopt), nullptr);
  dispatch->submit_media(images_task(*dispatch, {{"b", grey(1)}}, std::nullopt), nullptr);
  dispatch->flush();
  CHECK(tracker->notes() ==
        std::vector<std::string>{"image a at 0 own", "image a at 1 own", "image b at 0 own"});
}

TEST_CASE("options of a call reach the tracker that they name") {
  const auto one = std::make_shared<NotingTracker>("one");
  const auto two = std::make_shared<NotingTracker>("two");
  const auto dispatch = started({one, two});
  const auto options =
      std::make_shared<const TrackerOptions>(TrackerOptions{{"two", {{"quality", 3}}}});
  dispatch->submit_media(images_task(*dispatch, {{"a", grey(1)}}, 0), options);
  dispatch->flush();
  CHECK(one->notes() == std::vector<std::string>{"image a at 0"});
  CHECK(two->notes() == std::vector<std::string>{"image a at 0 with options"});
}

TEST_CASE("a tracker without a place for media says so once, and the summary counts them") {
  const auto dispatch =
      started({std::make_shared<PlainTracker>(), std::make_shared<NotingTracker>()});
  std::string said;
  {
    const CapturedStderr captured;
    for (int i = 0; i < 3; ++i)
      dispatch->submit_media(images_task(*dispatch, {{"a", grey(1)}}, i), nullptr);
    dispatch->finish({});
    said = captured.text();
  }
  CHECK(said ==
        "ranklog: tracker 'plain' has no place for images; they are left out there (said once)\n");
  CHECK(dispatch->failures() ==
        std::vector<std::string>{"tracker 'plain' has no place for images: 3 left out"});
}

TEST_CASE("a tracker that throws at media is shielded like any other call") {
  const auto tracker = std::make_shared<NotingTracker>();
  const auto dispatch = started({tracker});
  const CapturedStderr captured;
  dispatch->submit_media(figure_task(*dispatch, Figure("a.svg", "x"), 0), nullptr);
  dispatch->submit_media(table_task(*dispatch, "t", Table({"a"}), 0), nullptr);
  dispatch->finish({});
  CHECK(tracker->notes() == std::vector<std::string>{"table t of 0"});
  REQUIRE(dispatch->failures().size() == 1);
  CHECK(dispatch->failures()[0].find("figures: no figures today") != std::string::npos);
}

TEST_CASE("a producer of images waits instead of filling the memory, also with enormous ones") {
  const auto tracker = std::make_shared<NotingTracker>();
  tracker->is_slow = true;
  const auto dispatch = started({tracker});
  for (const std::size_t n_bytes :
       {Dispatch::max_media_bytes * 2, Dispatch::max_media_bytes / 2 + 1,
        Dispatch::max_media_bytes / 2 + 1}) {
    auto task = images_task(*dispatch, {{"a", grey(1)}}, std::nullopt);
    task.n_bytes = n_bytes;
    dispatch->submit_media(std::move(task), nullptr);
  }
  CHECK(tracker->notes().size() >= 2);  // no two of them fit together
  dispatch->finish({});
  CHECK(tracker->notes().size() == 3);
}

TEST_CASE("wrong media are refused before anything is submitted") {
  const auto tracker = std::make_shared<NotingTracker>();
  const auto dispatch = started({tracker});
  const auto code = [&](auto make) { return error_of([&] { static_cast<void>(make()); }).code; };
  CHECK(code([&] { return images_task(*dispatch, {{"", grey(1)}}, 0); }) == ErrorCode::invalid_key);
  CHECK(code([&] {
          return images_task(*dispatch, {{"a", grey(1)}}, -1);
        }) == ErrorCode::invalid_step);
  CHECK(code([&] {
          return images_task(*dispatch, {{"a", grey(1)}, {"a", grey(1)}}, 0);
        }) == ErrorCode::usage);
  CHECK(code([&] { return artifact_task(*dispatch, "/no/such/file", ""); }) == ErrorCode::io);
  const ScratchDirectory directory;
  CHECK(code([&] { return artifact_task(*dispatch, directory.path(), "../up"); }) ==
        ErrorCode::invalid_name);
  CHECK(code([&] { return artifact_task(*dispatch, directory.path(), "models"); }) ==
        ErrorCode::none);
}

TEST_CASE("typed options become entries under their own names, and only those that are set") {
  const Config config = to_config(TensorBoardOptions{.statistics = true, .max_ranks = 3});
  CHECK(config == Config{{"statistics", true}, {"max_ranks", 3}});
  CHECK(to_config(Hdf5Options{.flush_rows = 7, .sync = "always", .max_pending_bytes = 0}) ==
        Config{{"flush_rows", 7}, {"sync", "always"}, {"max_pending_bytes", 0}});
}

TEST_CASE("an option given with and without a type is an error that names it") {
  Config from_map{{"statistics", false}, {"max_ranks", 2}};
  merge_options("tensorboard", Config{{"flush_interval_s", 2.0}}, from_map);
  CHECK(from_map.size() == 3);
  const auto caught = error_of([&] {
    merge_options("tensorboard", Config{{"max_ranks", 2}}, from_map);
  });
  CHECK(caught.code == ErrorCode::usage);
  CHECK(caught.text.find("'max_ranks' of tracker 'tensorboard'") != caught.text.npos);
}
