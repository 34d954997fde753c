#include "trackers/support/scalar_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "ranklog/error.hpp"

namespace ranklog::trackers::support {
namespace {

using Visit = std::function<void(const NamedValue&)>;

NamedValue real_value(std::string_view name, double value) {
  return {name, NamedValue::Kind::real, value, 0, {}};
}

NamedValue integer_value(std::string_view name, std::int64_t value) {
  return {name, NamedValue::Kind::integer, static_cast<double>(value), value, {}};
}

NamedValue text_value(std::string_view name, std::string_view text) {
  return {name, NamedValue::Kind::text, 0, 0, text};
}

void visit_statistics(const Metric& metric, std::string& name, const Visit& visit) {
  const Statistics& statistics = metric.statistics;
  const std::size_t n_key = metric.key().size();
  name = metric.key();
  const auto visit_one = [&](std::string_view suffix, double value) {
    name.resize(n_key);
    name += suffix;
    visit(real_value(name, value));
  };
  visit_one("_min", statistics.min);
  visit_one("_max", statistics.max);
  visit_one("_std", statistics.std);
}

void visit_ranks(const Metric& metric, const Expansion& expansion, std::string& name,
                 const Visit& visit) {
  const bool is_whole = metric.info->kind != Kind::real;
  const auto visit_part = [&](NamedValue value, std::int32_t rank, std::int64_t element) {
    value.key = metric.key();
    value.rank = rank;
    value.element = element;
    visit(value);
  };
  for (const RankPart& part : metric.per_rank) {
    if (part.rank >= expansion.max_ranks) continue;
    name.clear();
    fmt::format_to(std::back_inserter(name), "{}_rank{}", metric.key(), part.rank);
    if (!metric.is_number()) {
      visit_part(text_value(name, part.text), part.rank, -1);
      continue;
    }
    const std::size_t n = is_whole ? part.integers.size() : part.reals.size();
    const std::size_t n_name = name.size();
    for (std::size_t i = 0; i < std::min(n, expansion.max_elements); ++i) {
      name.resize(n_name);
      if (n > 1) fmt::format_to(std::back_inserter(name), "_{}", i);
      visit_part(is_whole ? integer_value(name, part.integers[i]) : real_value(name, part.reals[i]),
                 part.rank, n > 1 ? static_cast<std::int64_t>(i) : -1);
    }
  }
}

}  // namespace

Expansion read_expansion(std::string_view tracker, tracking::OptionReader& options) {
  Expansion expansion;
  expansion.has_statistics = options.flag("statistics", expansion.has_statistics);
  expansion.max_ranks = options.integer("max_ranks", expansion.max_ranks);
  if (expansion.max_ranks < 0) {
    throw UsageError(fmt::format("tracker '{}': option 'max_ranks' is {}; use 0 or more", tracker,
                                 expansion.max_ranks));
  }
  return expansion;
}

void for_each_value(const Metric& metric, const Expansion& expansion, std::string& name_buffer,
                    const Visit& visit) {
  const bool is_gathered = metric.info->reduction == Reduction::gather;
  if (metric.is_number()) {
    visit(metric.info->has_integer_value() ? integer_value(metric.key(), metric.integer_value)
                                           : real_value(metric.key(), metric.value));
    if (expansion.has_statistics) visit_statistics(metric, name_buffer, visit);
  } else if (!is_gathered) {
    visit(text_value(metric.key(), metric.text));
  }
  if (is_gathered) visit_ranks(metric, expansion, name_buffer, visit);
}

}  // namespace ranklog::trackers::support
