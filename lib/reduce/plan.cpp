#include "reduce/plan.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace ranklog::reduce {

const Plan* PlanTable::find_or_make(std::span<const ShapeId> inputs) {
  const auto found = std::find_if(plans_.begin(), plans_.end(), [&](const auto& plan) {
    return std::equal(plan->inputs.begin(), plan->inputs.end(), inputs.begin(), inputs.end());
  });
  if (found != plans_.end()) {
    if (found != plans_.begin()) std::swap(*found, *std::prev(found));
    return found == plans_.begin() ? found->get() : std::prev(found)->get();
  }
  if (shapes_.is_full()) return nullptr;
  plans_.push_back(std::make_unique<Plan>(make(inputs)));
  return plans_.back().get();
}

Plan PlanTable::make(std::span<const ShapeId> inputs) {
  Plan plan;
  plan.inputs.assign(inputs.begin(), inputs.end());
  std::vector<ShapeColumn> columns;
  std::vector<std::vector<Plan::Part>> parts;
  std::unordered_map<std::uint32_t, std::size_t> column_of;
  const Shape& lowest = shapes_.at(inputs.front());
  std::int32_t time_rank = lowest.time_rank;
  for (std::uint32_t i = 0; i < inputs.size(); ++i) {
    const Shape& shape = shapes_.at(inputs[i]);
    time_rank = std::min(time_rank, shape.time_rank);
    for (std::uint32_t c = 0; c < shape.columns.size(); ++c) {
      const ShapeColumn& column = shape.columns[c];
      const auto [place, is_new] =
          column_of.try_emplace(static_cast<std::uint32_t>(column.key), columns.size());
      if (is_new) {
        columns.push_back(column);
        parts.emplace_back();
      } else {
        ShapeColumn& known = columns[place->second];
        known.n_ranks += column.n_ranks;
        known.first_rank = std::min(known.first_rank, column.first_rank);
        known.last_rank = std::max(known.last_rank, column.last_rank);
      }
      parts[place->second].push_back({i, c});
    }
  }
  plan.is_complete = std::all_of(columns.begin(), columns.end(),
                                 [&](const auto& column) { return column.n_ranks >= n_ranks_; });
  for (const auto& of_column : parts) {
    plan.first_part.push_back(static_cast<std::uint32_t>(plan.parts.size()));
    plan.parts.insert(plan.parts.end(), of_column.begin(), of_column.end());
  }
  plan.first_part.push_back(static_cast<std::uint32_t>(plan.parts.size()));
  plan.output = shapes_.add(lowest.has_steps, time_rank, std::move(columns));
  return plan;
}

}  // namespace ranklog::reduce
