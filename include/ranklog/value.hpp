// The dictionary that `log` takes: borrowed, allocation-free views built from a braced list, and
// `Dict`, which owns its contents and can be filled in a loop.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "ranklog/device.hpp"
#include "ranklog/reduction.hpp"

namespace ranklog {

struct Item;
class Dict;
struct Accumulator;

namespace detail {
[[noreturn]] void throw_unsigned_too_large(unsigned long long value);
}

template <class T>
concept LoggableInteger = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> &&
                          !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> &&
                          !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;

// Element types that a span in a dictionary may have.
template <class T>
concept LoggableElement = std::same_as<T, double> || std::same_as<T, float> ||
    std::same_as<T, std::int64_t> || std::same_as<T, std::int32_t>;

// A borrowed run of numbers; elements are widened to double or int64 when read.
struct NumberSpan {
  enum class Element : std::uint8_t { f64, f32, i64, i32 };
  const void* data = nullptr;
  std::size_t n = 0;
  Element element = Element::f64;

  [[nodiscard]] bool is_integer() const noexcept {
    return element == Element::i64 || element == Element::i32;
  }
  [[nodiscard]] double real(std::size_t index) const noexcept;
  [[nodiscard]] std::int64_t integer(std::size_t index) const noexcept;
};

// One value of a dictionary: a number, a span of numbers on the host or on a device, a string or a
// nested dictionary, with an optional reduction and weight. Borrows what it is made from, which
// therefore must live until the call that it is passed to returns; temporaries in the same
// expression do.
//
// A span stands for its elements: it adds each of them to the statistics of its key (count is
// then the number of elements). Inside `gather` it becomes the rank's part of a row.
class Value {
 public:
  enum class Tag : std::uint8_t {
    real,
    integer,
    boolean,
    text,
    numbers,
    nested,
    device,       // numbers in device memory
    accumulated,  // numbers that were reduced before; made by ranklog itself
  };

  template <std::floating_point T>
  Value(T value) noexcept : tag_(Tag::real) {  // NOLINT
    real_ = static_cast<double>(value);
  }
  template <LoggableInteger T>
  Value(T value) : tag_(Tag::integer) {  // NOLINT
    if constexpr (std::is_unsigned_v<T> && sizeof(T) >= sizeof(std::int64_t)) {
      if (value > static_cast<T>(INT64_MAX)) detail::throw_unsigned_too_large(value);
    }
    integer_ = static_cast<std::int64_t>(value);
  }
  template <std::same_as<bool> T>
  Value(T value) noexcept : tag_(Tag::boolean) {  // NOLINT
    integer_ = value ? 1 : 0;
  }
  Value(std::string_view text) noexcept : tag_(Tag::text) { text_ = text; }   // NOLINT
  Value(const char* text) noexcept : Value(std::string_view(text)) {}         // NOLINT
  Value(const std::string& text) noexcept : Value(std::string_view(text)) {}  // NOLINT
  template <class T, std::size_t N>
  requires LoggableElement<std::remove_const_t<T>> Value(std::span<T, N> values)
  noexcept : tag_(Tag::numbers) {  // NOLINT
    numbers_ = {values.data(), values.size(), element_of<std::remove_const_t<T>>()};
  }
  template <LoggableElement T>
  Value(const std::vector<T>& values) noexcept : Value(std::span<const T>(values)) {}  // NOLINT
  Value(std::initializer_list<Item> nested) noexcept : tag_(Tag::nested) {             // NOLINT
    nested_ = {nested.begin(), nested.size()};
  }
  Value(const Dict& nested);  // NOLINT: a nested dictionary that was built at run time
  Value(const DeviceSpan& tensor) noexcept  // NOLINT
      : tag_(Tag::device), device_element_(tensor.element) {
    device_ = {tensor.data, tensor.n, tensor.stream};
  }
  // Statistics that stand for the numbers they were made of.
  Value(const Accumulator& accumulator, bool is_integer) noexcept : tag_(Tag::accumulated) {
    accumulated_ = {&accumulator, is_integer};
  }

  // This value with another reduction or weight.
  [[nodiscard]] Value with(Reduction reduction) const noexcept {
    Value copy = *this;
    copy.reduction_ = reduction;
    copy.has_reduction_ = true;
    return copy;
  }
  [[nodiscard]] Value weighted(double weight) const noexcept {
    Value copy = *this;
    copy.weight_ = weight;
    return copy;
  }

  [[nodiscard]] Tag tag() const noexcept { return tag_; }
  [[nodiscard]] double real() const noexcept { return real_; }
  [[nodiscard]] std::int64_t integer() const noexcept { return integer_; }
  [[nodiscard]] std::string_view text() const noexcept { return text_; }
  [[nodiscard]] const NumberSpan& numbers() const noexcept { return numbers_; }
  [[nodiscard]] std::span<const Item> nested() const noexcept;
  [[nodiscard]] DeviceSpan tensor() const noexcept {
    return {device_.data, device_.n, device_element_, device_.stream};
  }
  [[nodiscard]] const Accumulator& accumulator() const noexcept { return *accumulated_.data; }
  [[nodiscard]] bool is_accumulated_integer() const noexcept { return accumulated_.is_integer; }
  [[nodiscard]] std::optional<Reduction> reduction() const noexcept {
    return has_reduction_ ? std::optional(reduction_) : std::nullopt;
  }
  [[nodiscard]] double weight() const noexcept { return weight_; }

 private:
  template <class T>
  static constexpr NumberSpan::Element element_of() noexcept {
    if constexpr (std::same_as<T, double>) return NumberSpan::Element::f64;
    if constexpr (std::same_as<T, float>) return NumberSpan::Element::f32;
    if constexpr (std::same_as<T, std::int64_t>) return NumberSpan::Element::i64;
    if constexpr (std::same_as<T, std::int32_t>) return NumberSpan::Element::i32;
  }
  struct Nested {
    const Item* data;
    std::size_t n;
  };
  struct Accumulated {
    const Accumulator* data;
    bool is_integer;
  };
  struct DeviceNumbers {
    const void* data;
    std::size_t n;
    DeviceStream stream;
  };

  Tag tag_;
  bool has_reduction_ = false;
  Reduction reduction_ = Reduction::mean;
  DeviceElement device_element_ = DeviceElement::f64;  // here, it takes no room of its own
  double weight_ = 1.0;
  union {
    NumberSpan numbers_{};  // the widest: initialised, so that a copy reads no undefined bytes
    DeviceNumbers device_;
    double real_;
    std::int64_t integer_;
    std::string_view text_;
    Nested nested_;
    Accumulated accumulated_;
  };
};

// A key and its value, as written in a braced list: {"train/loss", loss}.
struct Item {
  Item(std::string_view item_key, Value item_value) noexcept : key(item_key), value(item_value) {}
  std::string_view key;
  Value value;
};

inline std::span<const Item> Value::nested() const noexcept { return {nested_.data, nested_.n}; }

// What `log` takes. Borrowed; see Value.
class Values {
 public:
  Values(std::initializer_list<Item> items) noexcept
      : items_(items.begin(), items.size()) {}                        // NOLINT
  Values(std::span<const Item> items) noexcept : items_(items) {}     // NOLINT
  Values(const std::vector<Item>& items) noexcept : items_(items) {}  // NOLINT
  Values(const Dict& dict);                                           // NOLINT

  [[nodiscard]] std::span<const Item> items() const noexcept { return items_; }

 private:
  std::span<const Item> items_;
};

// An owning dictionary, in insertion order; setting a key again replaces its value.
//   Dict d; for (auto& l : layers) d.set("grad/" + l.name, l.norm()); accelerator.log(d, step);
// Thread safety: as a standard container.
class Dict {
 public:
  Dict();
  ~Dict();
  Dict(const Dict& other);
  Dict(Dict&& other) noexcept;
  Dict& operator=(const Dict& other);
  Dict& operator=(Dict&& other) noexcept;

  // Copies `value` with all that it borrows. Complexity: O(size of the value).
  Dict& set(std::string_view key, const Value& value);
  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] bool contains(std::string_view key) const;
  // Borrowed view of the contents, valid until the dictionary is changed.
  [[nodiscard]] std::span<const Item> items() const noexcept;

 private:
  struct Storage;
  std::unique_ptr<Storage> storage_;
};

// The reductions by name, in place: log({{"samples", ranklog::sum(n)}}, step).
[[nodiscard]] inline Value mean(const Value& v) noexcept { return v.with(Reduction::mean); }
// Weighted mean: `weight` is this rank's share, e.g. its number of samples. Finite and >= 0.
[[nodiscard]] inline Value mean(const Value& v, double weight) noexcept {
  return v.with(Reduction::mean).weighted(weight);
}
[[nodiscard]] inline Value sum(const Value& v) noexcept { return v.with(Reduction::sum); }
[[nodiscard]] inline Value min(const Value& v) noexcept { return v.with(Reduction::min); }
[[nodiscard]] inline Value max(const Value& v) noexcept { return v.with(Reduction::max); }
[[nodiscard]] inline Value std(const Value& v) noexcept { return v.with(Reduction::std); }
[[nodiscard]] inline Value any(const Value& v) noexcept { return v.with(Reduction::any); }
[[nodiscard]] inline Value all(const Value& v) noexcept { return v.with(Reduction::all); }
[[nodiscard]] inline Value first(const Value& v) noexcept { return v.with(Reduction::first); }
[[nodiscard]] inline Value last(const Value& v) noexcept { return v.with(Reduction::last); }
[[nodiscard]] inline Value gather(const Value& v) noexcept { return v.with(Reduction::gather); }

}  // namespace ranklog
