// Blocks as rows of cells, and as finished columns for trackers.
#include <algorithm>
#include <cmath>

#include "reduce/block_merge.hpp"

namespace ranklog::reduce {
namespace {

void fill_integers(const Block& block, const ShapeColumn& column, std::uint32_t row,
                   IntegerMoments& integers) {
  integers.min = block.integers(column.slot + slot_min)[row];
  integers.max = block.integers(column.slot + slot_max)[row];
  const bool has_value = column.reduction == Reduction::sum ||
                         column.reduction == Reduction::first ||
                         column.reduction == Reduction::last;
  if (!has_value) return;
  const std::int64_t extra = block.integers(column.slot + slot_extra)[row];
  if (column.reduction == Reduction::sum) {
    integers.sum = extra;
  } else {
    integers.first = integers.last = extra;
  }
}

void fill_extra(const Block& block, const ShapeColumn& column, std::uint32_t row, Moments& m) {
  switch (column.reduction) {
    case Reduction::sum:
      if (column.is_integer) return;
      m.sum = block.reals(column.slot + slot_extra)[row];
      m.sum_compensation = block.reals(column.slot + slot_compensation)[row];
      return;
    case Reduction::any:
    case Reduction::all:
      m.nonzero_count = block.integers(column.slot + slot_extra)[row];
      return;
    case Reduction::first:
    case Reduction::last:
      m.first = m.last = column.is_integer
                             ? static_cast<double>(block.integers(column.slot + slot_extra)[row])
                             : block.reals(column.slot + slot_extra)[row];
      return;
    default:
      return;
  }
}

void fill_cell(const Block& block, const ShapeColumn& column, std::uint32_t row, Cell& cell) {
  cell.key = column.key;
  cell.n_ranks = column.n_ranks;
  if (column.is_raw()) {
    if (column.is_integer) {
      cell.numbers.add_integer(block.integers(column.slot)[row], 1, column.first_rank);
    } else {
      cell.numbers.add_real(block.reals(column.slot)[row], 1, column.first_rank);
    }
    return;
  }
  Moments& m = cell.numbers.moments;
  m.count = column.n_ranks;
  m.finite_weight = static_cast<double>(column.n_ranks);
  m.mean = block.reals(column.slot + slot_mean)[row];
  m.m2 = block.reals(column.slot + slot_m2)[row];
  m.min_rank = block.min_ranks(column.slot + slot_ranks)[row];
  m.max_rank = block.max_ranks(column.slot + slot_ranks)[row];
  m.first_rank = column.first_rank;
  m.last_rank = column.last_rank;
  if (column.is_integer) {
    fill_integers(block, column, row, cell.numbers.integers);
    m.min = static_cast<double>(cell.numbers.integers.min);
    m.max = static_cast<double>(cell.numbers.integers.max);
  } else {
    m.min = block.reals(column.slot + slot_min)[row];
    m.max = block.reals(column.slot + slot_max)[row];
  }
  fill_extra(block, column, row, m);
}

// Where a column's statistics stand in its block.
template <class T>
struct Finished {
  const Block& block;
  const ShapeColumn& column;

  [[nodiscard]] const T* values(std::uint32_t offset) const {
    const auto slot = column.slot + (column.is_raw() ? 0 : offset);
    if constexpr (std::is_same_v<T, double>)
      return block.reals(slot);
    else
      return block.integers(slot);
  }
  // The number under the reduction, of the values' own type; not for mean and std.
  [[nodiscard]] T reduced(std::uint32_t row) const {
    switch (column.reduction) {
      case Reduction::min:
        return values(slot_min)[row];
      case Reduction::max:
        return values(slot_max)[row];
      case Reduction::any:
        return static_cast<T>(n_nonzero(row) > 0 ? 1 : 0);
      case Reduction::all:
        return static_cast<T>(n_nonzero(row) == column.n_ranks ? 1 : 0);
      case Reduction::sum:
        return sum(row);
      default:
        return values(slot_extra)[row];
    }
  }
  [[nodiscard]] std::int64_t n_nonzero(std::uint32_t row) const {
    if (column.is_raw()) return values(0)[row] != 0 ? 1 : 0;
    return block.integers(column.slot + slot_extra)[row];
  }
  [[nodiscard]] T sum(std::uint32_t row) const {
    const T plain = values(slot_extra)[row];
    if constexpr (std::is_same_v<T, double>) {
      const double compensation =
          column.is_raw() ? 0.0 : block.reals(column.slot + slot_compensation)[row];
      return std::isfinite(plain) ? plain + compensation : plain;
    } else {
      return plain;
    }
  }
};

template <class T>
void finish_column(const Block& block, const ShapeColumn& column, BlockColumn& out) {
  const Finished<T> in{block, column};
  const T* min = in.values(slot_min);
  const T* max = in.values(slot_max);
  const std::uint32_t n = block.n_rows;
  const auto weight = static_cast<double>(column.n_ranks);
  if (column.is_raw()) {
    for (std::uint32_t i = 0; i < n; ++i) out.mean[i] = static_cast<double>(min[i]);
    std::fill(out.std.begin(), out.std.end(), 0.0);
    std::fill(out.min_rank.begin(), out.min_rank.end(), column.first_rank);
    std::fill(out.max_rank.begin(), out.max_rank.end(), column.first_rank);
  } else {
    const double* m2 = block.reals(column.slot + slot_m2);
    std::copy_n(block.reals(column.slot + slot_mean), n, out.mean.begin());
    for (std::uint32_t i = 0; i < n; ++i) out.std[i] = std::sqrt(std::max(0.0, m2[i] / weight));
    std::copy_n(block.min_ranks(column.slot + slot_ranks), n, out.min_rank.begin());
    std::copy_n(block.max_ranks(column.slot + slot_ranks), n, out.max_rank.begin());
  }
  for (std::uint32_t i = 0; i < n; ++i) {
    out.min[i] = static_cast<double>(min[i]);
    out.max[i] = static_cast<double>(max[i]);
  }
  if (column.reduction == Reduction::mean) {
    out.value = out.mean;
  } else if (column.reduction == Reduction::std) {
    out.value = out.std;
  } else {
    for (std::uint32_t i = 0; i < n; ++i) {
      const T value = in.reduced(i);
      out.value[i] = static_cast<double>(value);
      if constexpr (std::is_same_v<T, std::int64_t>) out.integer_value[i] = value;
    }
  }
}

}  // namespace

Row to_row(const ShapeTable& shapes, const Block& block, std::uint32_t row) {
  const Shape& shape = shapes.at(block.shape());
  Row result;
  result.step = block.steps[row];
  result.has_step = shape.has_steps;
  result.time = block.times[row];
  result.time_rank = shape.time_rank;
  result.cells.resize(shape.columns.size());
  for (std::size_t i = 0; i < shape.columns.size(); ++i) {
    fill_cell(block, shape.columns[i], row, result.cells[i]);
  }
  return result;
}

void finish_block(const ShapeTable& shapes, const KeyTable& keys, const Block& block,
                  std::int32_t n_ranks, RecordBlock& out) {
  const Shape& shape = shapes.at(block.shape());
  const std::size_t n = block.n_rows;
  out.has_steps = shape.has_steps;
  out.n_ranks = n_ranks;
  out.row_step.assign(block.steps.begin(), block.steps.begin() + static_cast<std::ptrdiff_t>(n));
  out.time.assign(block.times.begin(), block.times.begin() + static_cast<std::ptrdiff_t>(n));
  out.metrics.resize(shape.columns.size());
  for (std::size_t i = 0; i < shape.columns.size(); ++i) {
    const ShapeColumn& column = shape.columns[i];
    BlockColumn& metric = out.metrics[i];
    const auto& info = keys.at(column.key).info;
    if (metric.info != info) metric.info = info;
    metric.count = column.n_ranks;
    metric.integer_value.resize(info->has_integer_value() ? n : 0);
    for (auto* values : {&metric.value, &metric.min, &metric.max, &metric.mean, &metric.std}) {
      values->resize(n);
    }
    metric.min_rank.resize(n);
    metric.max_rank.resize(n);
    if (column.is_integer) {
      finish_column<std::int64_t>(block, column, metric);
    } else {
      finish_column<double>(block, column, metric);
    }
  }
}

}  // namespace ranklog::reduce
