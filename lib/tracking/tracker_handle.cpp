#include "ranklog/tracker_handle.hpp"

#include <fmt/format.h>

#include "ranklog/error.hpp"
#include "tracking/dispatch.hpp"
#include "tracking/media_tasks.hpp"

namespace ranklog {

TrackerHandle::TrackerHandle(std::string name, std::weak_ptr<tracking::Dispatch> dispatch,
                             std::size_t index)
    : name_(std::move(name)), dispatch_(std::move(dispatch)), index_(index) {}

bool TrackerHandle::is_null() const noexcept { return dispatch_.expired(); }

void TrackerHandle::store_init_configuration(const Config& config) const {
  if (const auto dispatch = dispatch_.lock()) {
    dispatch->direct(index_, "store_init_configuration", [config](GeneralTracker& tracker) {
      tracker.store_init_configuration(config);
    });
  }
}

void TrackerHandle::log(const Values& values, std::optional<std::int64_t> step,
                        const Config& options) const {
  const auto dispatch = dispatch_.lock();
  if (!dispatch) return;
  auto record = dispatch->own_record(values, step);
  dispatch->direct(index_, "log", [record = std::move(record), options](GeneralTracker& tracker) {
    tracker.log(record, options);
  });
}

void TrackerHandle::log_images(const std::vector<ImageItem>& images,
                               std::optional<std::int64_t> step, const Config& options) const {
  if (const auto dispatch = dispatch_.lock()) {
    dispatch->direct_media(index_, tracking::images_task(*dispatch, images, step), options);
  }
}

void TrackerHandle::log_table(std::string_view key, const Table& table,
                              std::optional<std::int64_t> step, const Config& options) const {
  if (const auto dispatch = dispatch_.lock()) {
    dispatch->direct_media(index_, tracking::table_task(*dispatch, key, table, step), options);
  }
}

void TrackerHandle::log_histogram(std::string_view key, const Histogram& histogram,
                                  std::optional<std::int64_t> step, const Config& options) const {
  if (const auto dispatch = dispatch_.lock()) {
    dispatch->direct_media(index_, tracking::histogram_task(*dispatch, key, histogram, step),
                           options);
  }
}

void TrackerHandle::log_figure(const Figure& figure, std::optional<std::int64_t> step,
                               const Config& options) const {
  if (const auto dispatch = dispatch_.lock()) {
    dispatch->direct_media(index_, tracking::figure_task(*dispatch, figure, step), options);
  }
}

void TrackerHandle::log_artifact(const std::filesystem::path& path, std::string_view artifact_path,
                                 const Config& options) const {
  if (const auto dispatch = dispatch_.lock()) {
    dispatch->direct_media(index_, tracking::artifact_task(*dispatch, path, artifact_path),
                           options);
  }
}

void TrackerHandle::flush() const {
  if (const auto dispatch = dispatch_.lock()) dispatch->flush();
}

void* TrackerHandle::native_checked(const std::type_info& wanted) const {
  const auto dispatch = dispatch_.lock();
  if (!dispatch) return nullptr;
  dispatch->flush();
  const NativeHandle native = dispatch->trackers()[index_].tracker->native();
  if (native.object == nullptr) {
    throw UsageError(
        fmt::format("unwrap: tracker '{}' has no object of a vendor behind it", name_));
  }
  if (*native.type != wanted) {
    throw UsageError(fmt::format("unwrap: tracker '{}' holds a {}, not a {}", name_,
                                 native.type->name(), wanted.name()));
  }
  return native.object;
}

}  // namespace ranklog
