// Command-line options of the examples: pairs of "--name value", each with a default.
#pragma once

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

namespace example {

class Options {
 public:
  Options(int argc, char** argv, std::initializer_list<std::string_view> known) {
    for (int i = 1; i < argc; i += 2) {
      const std::string name = argv[i];
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        throw std::runtime_error("unknown option " + name + "; known are:" + join(known));
      }
      if (i + 1 == argc) throw std::runtime_error("option " + name + " needs a value");
      values_[name] = argv[i + 1];
    }
  }

  [[nodiscard]] std::string text(const std::string& name, const std::string& fallback) const {
    const auto found = values_.find(name);
    return found == values_.end() ? fallback : found->second;
  }

  [[nodiscard]] int number(const std::string& name, int fallback) const {
    const auto found = values_.find(name);
    if (found == values_.end()) return fallback;
    const std::string& value = found->second;
    int number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc{} || end != value.data() + value.size() || number < 1) {
      throw std::runtime_error(name + " " + value + ": expected a whole number of at least 1");
    }
    return number;
  }

 private:
  static std::string join(std::initializer_list<std::string_view> names) {
    std::string list;
    for (const std::string_view name : names) list.append(" ").append(name);
    return list;
  }

  std::map<std::string, std::string> values_;
};

}  // namespace example
