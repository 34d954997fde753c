#include "ranklog/record.hpp"

#include <algorithm>

namespace ranklog {

bool MetricInfo::has_integer_value() const noexcept {
  if (kind != Kind::integer && kind != Kind::boolean) return false;
  return reduction != Reduction::mean && reduction != Reduction::std &&
         reduction != Reduction::gather;
}

const Metric* Record::find(std::string_view key) const noexcept {
  const auto found = std::find_if(metrics.begin(), metrics.end(),
                                  [&](const Metric& metric) { return metric.key() == key; });
  return found == metrics.end() ? nullptr : &*found;
}

}  // namespace ranklog
