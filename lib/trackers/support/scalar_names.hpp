// How a reduced value becomes the flat names that vendors know: `key`, `key_min`, `key_rank3`.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "ranklog/record.hpp"
#include "tracking/tracker_options.hpp"

namespace ranklog::trackers::support {

struct Expansion {
  bool has_statistics = false;    // also key_min, key_max and key_std of numbers
  std::int64_t max_ranks = 16;    // ranks that get values of their own when gathered
  std::size_t max_elements = 16;  // of a gathered span, for each rank
};

// Options `statistics` and `max_ranks`. Errors: UsageError for a negative max_ranks.
[[nodiscard]] Expansion read_expansion(std::string_view tracker, tracking::OptionReader& options);

// One value under one name; valid during the call that it is passed to.
struct NamedValue {
  enum class Kind : std::uint8_t { real, integer, text };
  std::string_view name;
  Kind kind = Kind::real;
  double real = 0;           // of integers too, rounded to double
  std::int64_t integer = 0;  // kind integer
  std::string_view text;     // kind text
  // Of one rank, for vendors that keep such values under the key itself; -1: of none.
  std::string_view key = {};
  std::int32_t rank = -1;
  std::int64_t element = -1;  // of a gathered span of several
};

// The value of `metric` under its key, then its statistics, then gathered values by rank:
// `key_rank3` for one value, `key_rank3_0`, `key_rank3_1`, ... for several. Gathered numbers have
// their mean under the key itself, gathered text has nothing there. `name_buffer` is scratch.
void for_each_value(const Metric& metric, const Expansion& expansion, std::string& name_buffer,
                    const std::function<void(const NamedValue&)>& visit);

}  // namespace ranklog::trackers::support
