#include "reduce/block_merge.hpp"

#include <cmath>
#include <cstring>
#include <type_traits>

namespace ranklog::reduce {
namespace {

template <class T>
T* values(Block& block, std::uint32_t slot) {
  if constexpr (std::is_same_v<T, double>)
    return block.reals(slot);
  else
    return block.integers(slot);
}
template <class T>
const T* values(const Block& block, std::uint32_t slot) {
  if constexpr (std::is_same_v<T, double>)
    return block.reals(slot);
  else
    return block.integers(slot);
}

// One input's rows of one column.
struct Source {
  const Block& block;
  const ShapeColumn& column;
  std::uint32_t first;  // row

  [[nodiscard]] std::uint32_t slot(std::uint32_t offset) const { return column.slot + offset; }
};

// One column of the merged block.
struct Target {
  Block& block;
  const ShapeColumn& column;
  std::uint32_t n_rows;

  [[nodiscard]] std::uint32_t slot(std::uint32_t offset) const { return column.slot + offset; }
};

bool counts_nonzero(Reduction reduction) {
  return reduction == Reduction::any || reduction == Reduction::all;
}
bool keeps_one(Reduction reduction) {
  return reduction == Reduction::first || reduction == Reduction::last;
}

// The first part: what a single rank's value means, or a copy of statistics.
template <class T>
void begin_raw(const Target& to, const Source& from) {
  const T* in = values<T>(from.block, from.column.slot) + from.first;
  double* mean = to.block.reals(to.slot(slot_mean));
  double* m2 = to.block.reals(to.slot(slot_m2));
  T* min = values<T>(to.block, to.slot(slot_min));
  T* max = values<T>(to.block, to.slot(slot_max));
  std::int32_t* min_rank = to.block.min_ranks(to.slot(slot_ranks));
  std::int32_t* max_rank = to.block.max_ranks(to.slot(slot_ranks));
  for (std::uint32_t i = 0; i < to.n_rows; ++i) {
    mean[i] = static_cast<double>(in[i]);
    m2[i] = 0;
    min[i] = max[i] = in[i];
    min_rank[i] = max_rank[i] = from.column.first_rank;
  }
  const Reduction reduction = to.column.reduction;
  if (reduction == Reduction::sum || keeps_one(reduction)) {
    std::memcpy(to.block.slot(to.slot(slot_extra)), in, to.n_rows * sizeof(T));
  }
  if (counts_nonzero(reduction)) {
    std::int64_t* n_nonzero = to.block.integers(to.slot(slot_extra));
    for (std::uint32_t i = 0; i < to.n_rows; ++i) n_nonzero[i] = in[i] != 0 ? 1 : 0;
  }
  if (reduction == Reduction::sum && std::is_same_v<T, double>) {
    double* compensation = to.block.reals(to.slot(slot_compensation));
    for (std::uint32_t i = 0; i < to.n_rows; ++i) compensation[i] = 0;
  }
}

void copy_column(const Target& to, const Source& from) {
  const auto n = to.column.n_slots();
  for (std::uint32_t s = 0; s < n; ++s) {
    if (s == slot_ranks && !to.column.is_raw()) {
      std::memcpy(to.block.min_ranks(to.slot(s)), from.block.min_ranks(from.slot(s)) + from.first,
                  to.n_rows * sizeof(std::int32_t));
      std::memcpy(to.block.max_ranks(to.slot(s)), from.block.max_ranks(from.slot(s)) + from.first,
                  to.n_rows * sizeof(std::int32_t));
      continue;
    }
    std::memcpy(to.block.slot(to.slot(s)),
                from.block.slot(from.slot(s)) + 8 * std::size_t{from.first},
                std::size_t{8} * to.n_rows);
  }
}

// Chan, Golub & LeVeque's update as in core/statistics.cpp, for groups of constant weight.
template <class GetMean, class GetM2>
bool merge_moments(const Target& to, double weight_a, double weight_b, GetMean mean_of,
                   GetM2 m2_of) {
  double* mean = to.block.reals(to.slot(slot_mean));
  double* m2 = to.block.reals(to.slot(slot_m2));
  const double weight = weight_a + weight_b;
  const double share_b = weight_b / weight;
  std::int64_t n_beyond = 0;  // as wide as a double, for vector instructions
  for (std::uint32_t i = 0; i < to.n_rows; ++i) {
    const double delta = mean_of(i) - mean[i];
    n_beyond += std::abs(delta) <= std::numeric_limits<double>::max() ? 0 : 1;
    mean[i] += delta * share_b;
    m2[i] += m2_of(i) + delta * delta * weight_a * share_b;
  }
  return n_beyond == 0;
}

// Ties stay with the lower rank, which came first.
template <class T, class GetMin, class GetMax, class GetMinRank, class GetMaxRank>
void merge_extremes(const Target& to, GetMin min_of, GetMax max_of, GetMinRank min_rank_of,
                    GetMaxRank max_rank_of) {
  T* min = values<T>(to.block, to.slot(slot_min));
  T* max = values<T>(to.block, to.slot(slot_max));
  std::int32_t* min_rank = to.block.min_ranks(to.slot(slot_ranks));
  std::int32_t* max_rank = to.block.max_ranks(to.slot(slot_ranks));
  for (std::uint32_t i = 0; i < to.n_rows; ++i) {
    const T other = min_of(i);
    min_rank[i] = other < min[i] ? min_rank_of(i) : min_rank[i];
    min[i] = other < min[i] ? other : min[i];
  }
  for (std::uint32_t i = 0; i < to.n_rows; ++i) {
    const T other = max_of(i);
    max_rank[i] = other > max[i] ? max_rank_of(i) : max_rank[i];
    max[i] = other > max[i] ? other : max[i];
  }
}

// Neumaier's sum, as add_to_sum in core/statistics.cpp; rows are finite, but sums may not be.
template <class GetCompensation>
void merge_real_sum(const Target& to, const double* in, GetCompensation compensation_of) {
  double* sum = to.block.reals(to.slot(slot_extra));
  double* compensation = to.block.reals(to.slot(slot_compensation));
  for (std::uint32_t i = 0; i < to.n_rows; ++i) {
    const double total = sum[i] + in[i];
    if (std::isfinite(total)) {
      compensation[i] +=
          std::abs(sum[i]) >= std::abs(in[i]) ? (sum[i] - total) + in[i] : (in[i] - total) + sum[i];
    }
    sum[i] = total;
    compensation[i] += compensation_of(i);
  }
}

bool merge_integer_sum(const Target& to, const std::int64_t* in) {
  std::int64_t* sum = to.block.integers(to.slot(slot_extra));
  bool fits = true;
  for (std::uint32_t i = 0; i < to.n_rows; ++i) {
    fits = !__builtin_add_overflow(sum[i], in[i], &sum[i]) && fits;
  }
  return fits;
}

// What the reduction needs beside the statistics.
template <class T>
bool merge_extra(const Target& to, const Source& from) {
  const Reduction reduction = to.column.reduction;
  const std::uint32_t slot = from.column.is_raw() ? from.column.slot : from.slot(slot_extra);
  if (reduction == Reduction::last) {
    std::memcpy(to.block.slot(to.slot(slot_extra)), values<T>(from.block, slot) + from.first,
                to.n_rows * sizeof(T));
  }
  if (counts_nonzero(reduction)) {
    std::int64_t* n_nonzero = to.block.integers(to.slot(slot_extra));
    const T* raw = values<T>(from.block, slot) + from.first;
    const std::int64_t* counted = from.block.integers(slot) + from.first;
    for (std::uint32_t i = 0; i < to.n_rows; ++i) {
      n_nonzero[i] += from.column.is_raw() ? (raw[i] != 0 ? 1 : 0) : counted[i];
    }
  }
  if (reduction != Reduction::sum) return true;
  if constexpr (std::is_same_v<T, double>) {
    const double* sums = from.block.reals(slot) + from.first;
    if (from.column.is_raw()) {
      merge_real_sum(to, sums, [](std::uint32_t) { return 0.0; });
    } else {
      const double* others = from.block.reals(from.slot(slot_compensation)) + from.first;
      merge_real_sum(to, sums, [=](std::uint32_t i) { return others[i]; });
    }
    return true;
  } else {
    return merge_integer_sum(to, from.block.integers(slot) + from.first);
  }
}

template <class T>
bool merge_part(const Target& to, const Source& from, double weight_a) {
  const auto weight_b = static_cast<double>(from.column.n_ranks);
  bool fits = true;
  if (from.column.is_raw()) {
    const T* in = values<T>(from.block, from.column.slot) + from.first;
    const auto value = [=](std::uint32_t i) { return in[i]; };
    const auto rank = [r = from.column.first_rank](std::uint32_t) { return r; };
    fits = merge_moments(
        to, weight_a, weight_b, [=](std::uint32_t i) { return static_cast<double>(in[i]); },
        [](std::uint32_t) { return 0.0; });
    merge_extremes<T>(to, value, value, rank, rank);
  } else {
    const auto get = [](const auto* data) { return [=](std::uint32_t i) { return data[i]; }; };
    const Block& block = from.block;
    const std::uint32_t at = from.first;
    fits = merge_moments(to, weight_a, weight_b, get(block.reals(from.slot(slot_mean)) + at),
                         get(block.reals(from.slot(slot_m2)) + at));
    merge_extremes<T>(to, get(values<T>(block, from.slot(slot_min)) + at),
                      get(values<T>(block, from.slot(slot_max)) + at),
                      get(block.min_ranks(from.slot(slot_ranks)) + at),
                      get(block.max_ranks(from.slot(slot_ranks)) + at));
  }
  return merge_extra<T>(to, from) && fits;
}

template <class T>
bool merge_column(const Target& to, std::span<const Source> parts) {
  if (parts.size() == 1) {
    copy_column(to, parts[0]);
    return true;
  }
  if (parts[0].column.is_raw()) {
    begin_raw<T>(to, parts[0]);
  } else {
    copy_column(to, parts[0]);
  }
  auto weight = static_cast<double>(parts[0].column.n_ranks);
  bool fits = true;
  for (const auto& part : parts.subspan(1)) {
    fits = merge_part<T>(to, part, weight) && fits;
    weight += static_cast<double>(part.column.n_ranks);
  }
  return fits;
}

}  // namespace

bool merge_rows(const ShapeTable& shapes, const Plan& plan, std::span<const BlockRows> inputs,
                std::uint32_t n_rows, Block& merged) {
  const Shape& output = shapes.at(plan.output);
  const BlockRows* timed = &inputs[0];  // the input whose clock counts
  for (const auto& input : inputs) {
    if (shapes.at(input.block->shape()).time_rank == output.time_rank) timed = &input;
  }
  std::memcpy(merged.steps.data(), inputs[0].block->steps.data() + inputs[0].first,
              n_rows * sizeof(std::int64_t));
  std::memcpy(merged.times.data(), timed->block->times.data() + timed->first,
              n_rows * sizeof(double));
  merged.n_rows = n_rows;
  thread_local std::vector<Source> parts_of_column;
  bool fits = true;
  for (std::size_t c = 0; c < output.columns.size(); ++c) {
    parts_of_column.clear();
    for (auto p = plan.first_part[c]; p < plan.first_part[c + 1]; ++p) {
      const auto [input, column] = plan.parts[p];
      const BlockRows& rows = inputs[input];
      parts_of_column.push_back(
          {*rows.block, shapes.at(rows.block->shape()).columns[column], rows.first});
    }
    const Target to{merged, output.columns[c], n_rows};
    const bool is_integer = output.columns[c].is_integer;
    fits = (is_integer ? merge_column<std::int64_t>(to, parts_of_column)
                       : merge_column<double>(to, parts_of_column)) &&
           fits;
  }
  return fits;
}

}  // namespace ranklog::reduce
