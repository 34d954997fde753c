// Hyper-parameters and options: an owning, ordered, nested dictionary.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "ranklog/value.hpp"

namespace ranklog {

struct ConfigItem;
class ConfigValue;

// Braces make a (nested) dictionary; a list is made from a std::vector.
//   Config c{{"learning_rate", 1e-2}, {"optimizer", {{"name", "adam"}}}, {"layers", std::vector{64,
//   32}}};
// Keys keep their order. A key given twice: the last one wins. Thread safety: as a container.
class Config {
 public:
  // Out of line, because ConfigItem is not complete here.
  Config();
  ~Config();
  Config(const Config& other);
  Config(Config&& other) noexcept;
  Config& operator=(const Config& other);
  Config& operator=(Config&& other) noexcept;
  Config(std::initializer_list<ConfigItem> items);

  // Errors: InvalidKeyError for an empty key, or one with NUL.
  void set(std::string_view key, ConfigValue value);
  // Null when there is no such key.
  [[nodiscard]] const ConfigValue* find(std::string_view key) const noexcept;
  [[nodiscard]] const std::vector<ConfigItem>& items() const noexcept { return items_; }
  [[nodiscard]] bool empty() const noexcept;
  [[nodiscard]] std::size_t size() const noexcept;
  friend bool operator==(const Config& a, const Config& b) noexcept;

 private:
  std::vector<ConfigItem> items_;
};

class ConfigValue {
 public:
  using List = std::vector<ConfigValue>;
  using Storage =
      std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, List, Config>;

  ConfigValue() noexcept : storage_(nullptr) {}
  ConfigValue(std::nullptr_t) noexcept : storage_(nullptr) {}  // NOLINT
  template <std::same_as<bool> T>
  ConfigValue(T value) noexcept : storage_(value) {}  // NOLINT
  template <LoggableInteger T>
  ConfigValue(T value) {  // NOLINT
    if constexpr (std::is_unsigned_v<T> && sizeof(T) >= sizeof(std::int64_t)) {
      if (value > static_cast<T>(INT64_MAX)) detail::throw_unsigned_too_large(value);
    }
    storage_ = static_cast<std::int64_t>(value);
  }
  template <std::floating_point T>
  ConfigValue(T value) noexcept : storage_(static_cast<double>(value)) {}              // NOLINT
  ConfigValue(const char* text) : storage_(std::string(text)) {}                       // NOLINT
  ConfigValue(std::string_view text) : storage_(std::string(text)) {}                  // NOLINT
  ConfigValue(std::string text) : storage_(std::move(text)) {}                         // NOLINT
  ConfigValue(Config nested) : storage_(std::move(nested)) {}                          // NOLINT
  ConfigValue(std::initializer_list<ConfigItem> nested) : storage_(Config(nested)) {}  // NOLINT
  template <class T>
  requires std::constructible_from<ConfigValue, T> ConfigValue(
      const std::vector<T>& values)  // NOLINT
      : storage_(List(values.begin(), values.end())) {}

  [[nodiscard]] const Storage& storage() const noexcept { return storage_; }
  // Null when the value is of another type.
  template <class T>
  [[nodiscard]] const T* get_if() const noexcept {
    return std::get_if<T>(&storage_);
  }
  [[nodiscard]] bool is_null() const noexcept {
    return std::holds_alternative<std::nullptr_t>(storage_);
  }
  friend bool operator==(const ConfigValue& a, const ConfigValue& b) noexcept;

 private:
  Storage storage_;
};

struct ConfigItem {
  std::string key;
  ConfigValue value;
  friend bool operator==(const ConfigItem& a, const ConfigItem& b) noexcept;
};

// The value as one line of text: numbers in shortest exact form, lists and nested dictionaries
// as JSON, null as "null". Used by trackers that only know strings.
[[nodiscard]] std::string to_text(const ConfigValue& value);

// Leaves with their path joined by `/`, in order; lists and empty dictionaries stay whole.
[[nodiscard]] std::vector<ConfigItem> flatten(const Config& config);

}  // namespace ranklog
