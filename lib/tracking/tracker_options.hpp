// Reads a tracker's options, with defaults, and rejects names that the tracker does not know.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ranklog/config.hpp"

namespace ranklog::tracking {

// Each getter also declares its name; call reject_unknown() after the last one.
// Errors: UsageError naming the tracker, the option and the types or names that are right.
class OptionReader {
 public:
  OptionReader(std::string_view tracker, const Config& options)
      : tracker_(tracker), options_(options) {}

  // Accepts integers too.
  [[nodiscard]] double number(std::string_view name, double fallback);
  [[nodiscard]] std::int64_t integer(std::string_view name, std::int64_t fallback);
  [[nodiscard]] bool flag(std::string_view name, bool fallback);
  [[nodiscard]] std::string text(std::string_view name, std::string fallback);
  // A list of texts, or one text.
  [[nodiscard]] std::vector<std::string> texts(std::string_view name,
                                               std::vector<std::string> fallback);
  // Empty when it is not given.
  [[nodiscard]] Config dictionary(std::string_view name);
  void reject_unknown() const;

 private:
  [[nodiscard]] const ConfigValue* declare(std::string_view name);
  [[noreturn]] void reject_type(std::string_view name, const ConfigValue& value,
                                std::string_view wanted) const;

  std::string tracker_;
  const Config& options_;
  std::vector<std::string> known_;
};

}  // namespace ranklog::tracking
