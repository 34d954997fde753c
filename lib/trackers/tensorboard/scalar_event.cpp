#include "trackers/tensorboard/scalar_event.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <type_traits>

#include "core/text.hpp"
#include "trackers/support/run_output.hpp"
#include "trackers/tensorboard/event_messages.hpp"

namespace ranklog::trackers {
namespace {

// A field's number and its wire type (protobuf's encoding): 0 a varint, 1 eight bytes, 2 a length
// and as many bytes, 5 four bytes.
constexpr char key(unsigned field, unsigned wire_type) {
  return static_cast<char>(field << 3 | wire_type);
}
constexpr char event_wall_time = key(1, 1);
constexpr char event_step = key(2, 0);
constexpr char event_summary = key(5, 2);
constexpr char summary_value = key(1, 2);
constexpr char value_tag = key(1, 2);
constexpr char value_simple_value = key(2, 5);
constexpr std::size_t number_bytes = 1 + sizeof(float);

void append_varint(std::string& out, std::uint64_t value) {
  constexpr std::uint64_t more = 0x80;
  for (; value >= more; value >>= 7) out += static_cast<char>(value | more);
  out += static_cast<char>(value);
}

std::size_t varint_bytes(std::uint64_t value) {
  std::size_t n = 1;
  for (; value >= 0x80; value >>= 7) ++n;
  return n;
}

template <class Real>
void append_real(std::string& out, Real value) {
  using Bits = std::conditional_t<sizeof(Real) == 8, std::uint64_t, std::uint32_t>;
  const auto bits = std::bit_cast<Bits>(value);
  std::array<char, sizeof bits> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(static_cast<unsigned char>(bits >> (8 * i)));
  }
  out.append(bytes.data(), bytes.size());
}

void append_tag(std::string& out, std::string_view tag) {
  out += summary_value;
  append_varint(out, 1 + varint_bytes(tag.size()) + tag.size() + number_bytes);
  out += value_tag;
  append_varint(out, tag.size());
  out += tag;
  out += value_simple_value;
}

}  // namespace

std::string encoded_tag(std::string_view tag) {
  std::string out;
  append_tag(out, decodable(tag));
  return out;
}

void ScalarEvent::begin(std::int64_t step, double time) {
  step_ = step;
  time_ = std::isfinite(time) ? time : support::now_s();
  values_.clear();
}

void ScalarEvent::add(std::string_view tag, double value) {
  if (is_valid_utf8(tag)) {
    append_tag(values_, tag);
  } else {
    append_tag(values_, decodable(tag));
  }
  append_real(values_, static_cast<float>(value));
}

void ScalarEvent::add_encoded(std::string_view encoded_tag, double value) {
  values_ += encoded_tag;
  append_real(values_, static_cast<float>(value));
}

std::string_view ScalarEvent::head() {
  head_.clear();
  head_ += event_wall_time;
  append_real(head_, time_);
  head_ += event_step;
  append_varint(head_, static_cast<std::uint64_t>(step_));
  head_ += event_summary;
  append_varint(head_, values_.size());
  return head_;
}

}  // namespace ranklog::trackers
