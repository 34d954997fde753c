// What get_tracker returns: a tracker that can be spoken to directly, or a null tracker.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ranklog/config.hpp"
#include "ranklog/media.hpp"
#include "ranklog/tracker.hpp"
#include "ranklog/value.hpp"

namespace ranklog {

namespace tracking {
class Dispatch;
}

// Valid until end_training(). A null handle (other ranks, before init_trackers) does nothing and
// says so by is_null(). Not collective: values given here are rank 0's own, unreduced.
class TrackerHandle {
 public:
  TrackerHandle() = default;
  TrackerHandle(std::string name, std::weak_ptr<tracking::Dispatch> dispatch, std::size_t index);

  [[nodiscard]] bool is_null() const noexcept;
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  void store_init_configuration(const Config& config) const;
  void log(const Values& values, std::optional<std::int64_t> step = std::nullopt,
           const Config& options = {}) const;
  // As on the Accelerator, for this tracker alone.
  void log_images(const std::vector<ImageItem>& images,
                  std::optional<std::int64_t> step = std::nullopt,
                  const Config& options = {}) const;
  void log_table(std::string_view key, const Table& table,
                 std::optional<std::int64_t> step = std::nullopt, const Config& options = {}) const;
  void log_histogram(std::string_view key, const Histogram& histogram,
                     std::optional<std::int64_t> step = std::nullopt,
                     const Config& options = {}) const;
  void log_figure(const Figure& figure, std::optional<std::int64_t> step = std::nullopt,
                  const Config& options = {}) const;
  void log_artifact(const std::filesystem::path& path, std::string_view artifact_path = {},
                    const Config& options = {}) const;
  void flush() const;

  // The vendor object, or null on a null handle. First waits until everything logged so far is
  // delivered; the object may then be used until the next call of log() on the Accelerator.
  // Errors: UsageError if the object is of another type (the message names both), or there is none.
  template <class T>
  [[nodiscard]] T* unwrap() const {
    return static_cast<T*>(native_checked(typeid(T)));
  }

 private:
  [[nodiscard]] void* native_checked(const std::type_info& wanted) const;

  std::string name_;
  std::weak_ptr<tracking::Dispatch> dispatch_;
  std::size_t index_ = 0;
};

}  // namespace ranklog
