// An event of scalars, encoded by hand from the field numbers of tensorboard_event.proto: nearly
// all events are such, and a message object for each costs several times the encoding.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ranklog::trackers {

// What stands in front of the number of each scalar of a tag: encoded once, used in many events.
// A tag that is not UTF-8 is escaped.
[[nodiscard]] std::string encoded_tag(std::string_view tag);

// Thread safety: none. Complexity of the members: O(bytes).
class ScalarEvent {
 public:
  // Empties it. A time that is not finite becomes the present, as in begin_event().
  void begin(std::int64_t step, double time);
  // TensorBoard keeps scalars as float32.
  void add(std::string_view tag, double value);
  void add_encoded(std::string_view encoded_tag, double value);
  [[nodiscard]] bool empty() const noexcept { return values_.empty(); }
  // The two parts of the event's encoding; valid until the next change.
  [[nodiscard]] std::string_view head();
  [[nodiscard]] std::string_view values() const noexcept { return values_; }

 private:
  std::int64_t step_ = 0;
  double time_ = 0;
  std::string head_;
  std::string values_;
};

}  // namespace ranklog::trackers
