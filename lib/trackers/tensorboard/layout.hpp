// The layout of TensorBoard's Custom Scalars dashboard: a value with its range over the ranks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ranklog::tensorboard_proto {
class Event;
}

namespace ranklog::trackers {

// Collects keys whose value, minimum and maximum are scalars of this run.
class RangeLayout {
 public:
  // A key that is already there changes nothing.
  void add(std::string_view key);
  // True if keys came since the last event().
  [[nodiscard]] bool has_news() const noexcept { return has_news_; }
  // The layout with one chart for each key, in categories by the first part of the key. At step 0
  // always, so that the newest takes the place of the older ones.
  [[nodiscard]] tensorboard_proto::Event event(double time);

 private:
  std::vector<std::string> keys_;  // sorted
  bool has_news_ = false;
};

}  // namespace ranklog::trackers
