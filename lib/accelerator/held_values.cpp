#include "accelerator/held_values.hpp"

#include <limits>

namespace ranklog {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

IntegerMoments integers_of(const gpu::TensorStatistics& tensor, bool is_single) {
  using Wide = IntegerMoments::Wide;
  IntegerMoments integers;
  integers.sum = static_cast<Wide>(tensor.integer_sum_high) * (Wide{1} << 64) +
                 static_cast<Wide>(tensor.integer_sum_low);
  integers.min = tensor.integer_min;
  integers.max = tensor.integer_max;
  if (is_single) integers.first = integers.last = tensor.integer_min;
  return integers;
}

}  // namespace

Accumulator to_accumulator(const gpu::TensorStatistics& tensor, const DeviceSpan& span,
                           double weight, std::int32_t rank) {
  Accumulator accumulator;
  Moments& m = accumulator.moments;
  m.count = static_cast<std::int64_t>(span.n);
  m.nan_count = tensor.n_nan;
  m.nonzero_count = tensor.n_nonzero;
  m.finite_weight = static_cast<double>(tensor.n_finite) * weight;
  m.mean = tensor.mean;
  m.m2 = tensor.m2 * weight;
  m.positive_infinite_weight = static_cast<double>(tensor.n_positive_infinite) * weight;
  m.negative_infinite_weight = static_cast<double>(tensor.n_negative_infinite) * weight;
  m.sum = tensor.sum;
  if (tensor.n_positive_infinite > 0) m.sum += infinity;
  if (tensor.n_negative_infinite > 0) m.sum -= infinity;
  if (tensor.min_index >= 0) {
    m.min = tensor.min;
    m.max = tensor.max;
    m.min_rank = m.max_rank = rank;
  }
  m.first_nan_rank = tensor.n_nan > 0 ? rank : -1;
  m.first_rank = m.last_rank = rank;
  const bool is_single = span.n == 1;
  if (is_single) {
    m.first = m.last = tensor.n_nan > 0 ? std::numeric_limits<double>::quiet_NaN() : tensor.min;
  }
  if (span.is_integer()) accumulator.integers = integers_of(tensor, is_single);
  return accumulator;
}

void HeldRow::clear() noexcept {
  ticket_.reset();
  items_.clear();
  tensors_.clear();
  tensor_places_.clear();
  accumulators_.clear();
  chars_.clear();
  reals_.clear();
  integers_.clear();
}

void HeldRow::hold(const Values& values, std::optional<std::int64_t> step,
                   const LogOptions& options, const SourceLocation& where) {
  clear();
  step_ = step;
  options_ = options;
  where_ = where;
  // Reserved first, so that what is copied stays where its views point to.
  n_chars_ = n_reals_ = n_integers_ = 0;
  measure(values.items(), 0);
  chars_.reserve(n_chars_);
  reals_.reserve(n_reals_);
  integers_.reserve(n_integers_);
  prefix_.clear();
  copy(values.items());
}

void HeldRow::measure(std::span<const Item> items, std::size_t n_prefix) {
  for (const auto& item : items) {
    const std::size_t n_key = n_prefix + item.key.size();
    switch (item.value.tag()) {
      case Value::Tag::nested:
        measure(item.value.nested(), n_key + 1);
        continue;
      case Value::Tag::text:
        n_chars_ += item.value.text().size();
        break;
      case Value::Tag::numbers:
        (item.value.numbers().is_integer() ? n_integers_ : n_reals_) += item.value.numbers().n;
        break;
      default:
        break;
    }
    n_chars_ += n_key;
  }
}

std::string_view HeldRow::keep(std::string_view text) {
  const std::size_t start = chars_.size();
  chars_ += text;
  return std::string_view(chars_).substr(start);
}

Value HeldRow::owned(const Value& value) {
  if (value.tag() == Value::Tag::text) return {keep(value.text())};
  if (value.tag() != Value::Tag::numbers) return value;
  const auto& span = value.numbers();
  if (span.is_integer()) {
    const std::size_t start = integers_.size();
    for (std::size_t i = 0; i < span.n; ++i) integers_.push_back(span.integer(i));
    return {std::span<const std::int64_t>(integers_).subspan(start)};
  }
  const std::size_t start = reals_.size();
  for (std::size_t i = 0; i < span.n; ++i) reals_.push_back(span.real(i));
  return {std::span<const double>(reals_).subspan(start)};
}

void HeldRow::copy(std::span<const Item> items) {
  for (const auto& item : items) {
    const std::size_t n_prefix = prefix_.size();
    prefix_ += item.key;
    if (item.value.tag() == Value::Tag::nested) {
      prefix_ += '/';
      copy(item.value.nested());
    } else if (item.value.tag() != Value::Tag::device || item.value.tensor().n > 0) {
      Value value = owned(item.value).weighted(item.value.weight());
      if (const auto reduction = item.value.reduction()) value = value.with(*reduction);
      if (value.tag() == Value::Tag::device) {
        tensor_places_.push_back({items_.size(), value.weight()});
        tensors_.push_back(value.tensor());
      }
      items_.emplace_back(keep(prefix_), value);
    }
    prefix_.resize(n_prefix);
  }
}

void HeldRow::fill_in(std::int32_t rank) {
  accumulators_.clear();
  accumulators_.reserve(tensors_.size());
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const auto& place = tensor_places_[i];
    accumulators_.push_back(to_accumulator(ticket_->result(i), tensors_[i], place.weight, rank));
    // The weight is in the statistics; here it is for the recorder's checks.
    Value filled = Value(accumulators_.back(), tensors_[i].is_integer()).weighted(place.weight);
    if (const auto reduction = items_[place.item].value.reduction()) {
      filled = filled.with(*reduction);
    }
    items_[place.item].value = filled;
  }
  ticket_.reset();
}

void HeldRow::drop_tensors() {
  std::erase_if(items_, [](const Item& item) { return item.value.tag() == Value::Tag::device; });
  ticket_.reset();
}

}  // namespace ranklog
