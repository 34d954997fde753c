#include "ranklog/tracker_handle.hpp"

#include <fmt/format.h>

#include "ranklog/error.hpp"
#include "tracking/dispatch.hpp"

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
