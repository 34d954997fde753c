// Media through the front door: only the main process' count, and no rank waits for another.
#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "mpi/mpi_test.hpp"
#include "ranklog/ranklog.hpp"
#include "support/error_of.hpp"

using namespace ranklog;
using ranklog::mpi_test::world_rank;
using ranklog::test_support::error_of;

namespace {

// Notes the images that it gets.
class ImageTracker final : public GeneralTracker {
 public:
  [[nodiscard]] std::string name() const override { return "images"; }
  [[nodiscard]] bool requires_logging_directory() const override { return false; }
  void log(const Record&, const Config&) override {}
  bool log_images(const std::vector<ImageItem>& images, const MediaTime& when,
                  const Config&) override {
    const std::lock_guard lock(mutex_);
    for (const auto& item : images) {
      notes_.push_back(item.name + "@" + std::to_string(when.row_step) + ":" +
                       std::string(item.images.at(0).bytes()));
    }
    return true;
  }
  [[nodiscard]] std::vector<std::string> notes() const {
    const std::lock_guard lock(mutex_);
    return notes_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> notes_;
};

Image letter(char c) {
  const std::array<std::uint8_t, 1> pixels{static_cast<std::uint8_t>(c)};
  return {1, 1, 1, pixels};
}

}  // namespace

TEST_CASE("images of rank 0 arrive once, whatever the other ranks call") {
  const auto tracker = std::make_shared<ImageTracker>();
  Accelerator accelerator({.log_with = tracker});
  accelerator.init_trackers("project");
  accelerator.log_images({{"a", letter(static_cast<char>('p' + world_rank()))}}, 4);
  // Calls that other ranks do not make, and names that only rank 0 would refuse.
  if (world_rank() == 0) accelerator.log_images({{"b", letter('x')}});
  if (world_rank() > 0) accelerator.log_images({{"", letter('y')}}, -1);
  accelerator.end_training();
  const std::vector<std::string> expected{"a@4:p", "b@0:x"};
  CHECK(tracker->notes() == (world_rank() == 0 ? expected : std::vector<std::string>{}));
}

TEST_CASE("media before init_trackers and after end_training are an error on every rank") {
  Accelerator accelerator({.log_with = std::make_shared<ImageTracker>()});
  const auto code = [&] {
    return error_of([&] { accelerator.log_images({{"a", letter('x')}}, 0); }).code;
  };
  CHECK(code() == ErrorCode::usage);
  accelerator.init_trackers("project");
  CHECK(code() == ErrorCode::none);
  accelerator.end_training();
  CHECK(code() == ErrorCode::usage);
}

TEST_CASE("a handle logs images to its tracker, and a null handle does nothing") {
  const auto tracker = std::make_shared<ImageTracker>();
  Accelerator accelerator({.log_with = {tracker, std::make_shared<MemoryTracker>()}});
  accelerator.init_trackers("project");
  accelerator.get_tracker("images").log_images({{"a", letter('x')}}, 1);
  accelerator.end_training();
  CHECK(tracker->notes().size() == (world_rank() == 0 ? 1 : 0));
}

TEST_CASE("an option given with and without a type is refused on all ranks alike") {
  Accelerator accelerator({.log_with = std::make_shared<ImageTracker>()});
  const auto caught = error_of([&] {
    accelerator.init_trackers("project", std::nullopt,
                              {.tracker_options = {{"tensorboard", {{"max_ranks", 1}}}},
                               .tensorboard = {.max_ranks = 2}});
  });
  CHECK(caught.code == ErrorCode::usage);
  CHECK(caught.says("max_ranks"));
}
