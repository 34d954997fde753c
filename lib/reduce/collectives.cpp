#include "ranklog/collectives.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/text.hpp"
#include "ranklog/error.hpp"
#include "reduce/shapes.hpp"
#include "reduce/wire.hpp"

namespace ranklog::collectives {
namespace {

using reduce::agree_on_shapes;
using reduce::check_combines;
using reduce::WireReader;
using reduce::WireWriter;

template <class T>
constexpr std::string_view type_name = "text";
template <>
constexpr std::string_view type_name<double> = "f64";
template <>
constexpr std::string_view type_name<float> = "f32";
template <>
constexpr std::string_view type_name<std::int64_t> = "i64";
template <>
constexpr std::string_view type_name<std::int32_t> = "i32";

// Integers are summed in 128 bits, reals in double, whatever the element type.
__extension__ typedef __int128 WideInteger;
template <class T>
using Wide = std::conditional_t<std::floating_point<T>, double, WideInteger>;

// Integers stop at the ends of their type instead of wrapping.
template <std::integral T>
T to_element(WideInteger total) {
  using Limits = std::numeric_limits<T>;
  return static_cast<T>(std::clamp<WideInteger>(total, Limits::min(), Limits::max()));
}
template <std::integral T>
T to_rounded(double total) {
  using Limits = std::numeric_limits<T>;
  // As a double the greatest int64 is one more than it is, hence "not below".
  if (!(total < static_cast<double>(Limits::max()))) return Limits::max();
  if (total <= static_cast<double>(Limits::min())) return Limits::min();
  return static_cast<T>(std::llround(total));
}

template <class T>
T finish(Wide<T> total, Reduction reduction, int n_ranks, double scale) {
  if constexpr (std::floating_point<T>) {
    if (reduction == Reduction::mean) total /= n_ranks;
    return static_cast<T>(total * scale);
  } else {
    if (reduction == Reduction::mean || scale != 1.0) {
      const double divisor = reduction == Reduction::mean ? n_ranks : 1;
      return to_rounded<T>(static_cast<double>(total) / divisor * scale);
    }
    return to_element<T>(total);
  }
}

// Integers in the order of doubles, with NaN where it wins, because MPI may lose a NaN.
std::int64_t to_key(double value, Reduction reduction) {
  using Limits = std::numeric_limits<std::int64_t>;
  if (std::isnan(value)) return reduction == Reduction::max ? Limits::max() : Limits::min();
  const auto bits = std::bit_cast<std::int64_t>(value);
  return bits < 0 ? bits ^ Limits::max() : bits;
}
double from_key(std::int64_t key) {
  using Limits = std::numeric_limits<std::int64_t>;
  if (key == Limits::max() || key == Limits::min()) return std::numeric_limits<double>::quiet_NaN();
  return std::bit_cast<double>(key < 0 ? key ^ Limits::max() : key);
}

// 0 or 1, with NaN where it wins.
template <class T>
std::int64_t to_truth(T value, Reduction reduction) {
  if constexpr (std::floating_point<T>) {
    if (std::isnan(value)) return reduction == Reduction::any ? 2 : -1;
  }
  return value != 0 ? 1 : 0;
}
template <class T>
Wide<T> from_truth(std::int64_t truth) {
  if (truth == 0 || truth == 1) return static_cast<Wide<T>>(truth);
  return std::numeric_limits<Wide<T>>::quiet_NaN();
}

// Exact: the halves of 64 bits are added by themselves.
template <std::integral T>
std::vector<WideInteger> sum_over_ranks(const Communicator& comm, const std::vector<T>& values) {
  constexpr std::int64_t low_half = 0xFFFFFFFF;
  const std::size_t n = values.size();
  std::vector<std::int64_t> halves(2 * n);
  for (std::size_t i = 0; i < n; ++i) {
    halves[i] = std::int64_t{values[i]} & low_half;
    halves[n + i] = std::int64_t{values[i]} >> 32;
  }
  comm.all_reduce(std::span(halves), Communicator::Op::sum);
  std::vector<WideInteger> total(n);
  for (std::size_t i = 0; i < n; ++i) {
    total[i] = (WideInteger{halves[n + i]} << 32) + halves[i];
  }
  return total;
}
template <std::floating_point T>
std::vector<double> sum_over_ranks(const Communicator& comm, const std::vector<T>& values) {
  std::vector<double> total(values.begin(), values.end());
  comm.all_reduce(std::span(total), Communicator::Op::sum);
  return total;
}

// Each element over all ranks by a reduction other than sum and mean.
template <class T>
std::vector<Wide<T>> select_over_ranks(const Communicator& comm, const std::vector<T>& values,
                                       Reduction reduction) {
  const bool is_truth = reduction == Reduction::any || reduction == Reduction::all;
  const bool is_greatest = reduction == Reduction::any || reduction == Reduction::max;
  std::vector<std::int64_t> codes(values.size());
  std::transform(values.begin(), values.end(), codes.begin(), [&](T value) -> std::int64_t {
    if (is_truth) return to_truth(value, reduction);
    if constexpr (std::floating_point<T>) {
      return to_key(value, reduction);
    } else {
      return value;
    }
  });
  comm.all_reduce(std::span(codes), is_greatest ? Communicator::Op::max : Communicator::Op::min);
  std::vector<Wide<T>> result(values.size());
  std::transform(codes.begin(), codes.end(), result.begin(), [&](std::int64_t code) -> Wide<T> {
    if (is_truth) return from_truth<T>(code);
    if constexpr (std::floating_point<T>) {
      return from_key(code);
    } else {
      return code;
    }
  });
  return result;
}

// What all ranks must have in common, since the leaves are then exchanged one by one.
std::string shape_of(std::span<const Item> items) {
  std::string shape = "{";
  for (const auto& item : items) {
    if (shape.size() > 1) shape += ", ";
    shape += json_quote(item.key);
    if (item.value.tag() == Value::Tag::nested) shape += ": " + shape_of(item.value.nested());
    if (item.value.tag() == Value::Tag::text) shape += ": text";
    if (item.value.tag() == Value::Tag::device) shape += ": a device tensor";
  }
  return shape + "}";
}

std::string manner_of(Reduction reduction, double scale) {
  const auto by = fmt::format("by {}", to_string(reduction));
  return scale == 1.0 ? by : fmt::format("{} times {}", by, scale);
}

// Calls `function` with each leaf, as a vector; nested dictionaries recursively.
template <class F>
Dict map_leaves(const Dict& values, std::string_view operation, F function) {
  Dict out;
  for (const auto& item : values.items()) {
    const Value& v = item.value;
    switch (v.tag()) {
      case Value::Tag::real:
        out.set(item.key, function(std::vector<double>{v.real()}));
        break;
      case Value::Tag::integer:
      case Value::Tag::boolean:
        out.set(item.key, function(std::vector<std::int64_t>{v.integer()}));
        break;
      case Value::Tag::numbers: {
        const auto& span = v.numbers();
        if (span.is_integer()) {
          std::vector<std::int64_t> copy(span.n);
          for (std::size_t i = 0; i < span.n; ++i) copy[i] = span.integer(i);
          out.set(item.key, function(std::move(copy)));
        } else {
          std::vector<double> copy(span.n);
          for (std::size_t i = 0; i < span.n; ++i) copy[i] = span.real(i);
          out.set(item.key, function(std::move(copy)));
        }
        break;
      }
      case Value::Tag::nested: {
        Dict nested;
        for (const auto& inner : v.nested()) nested.set(inner.key, inner.value);
        out.set(item.key, map_leaves(nested, operation, function));
        break;
      }
      case Value::Tag::text:
      case Value::Tag::device:
      case Value::Tag::accumulated:
        throw UsageError(fmt::format("{}() of a dictionary takes numbers and spans; '{}' is {}",
                                     operation, item.key,
                                     v.tag() == Value::Tag::text ? "text" : "a device tensor"));
    }
  }
  return out;
}

}  // namespace

template <Element T>
std::vector<T> gather(const Communicator& comm, const std::vector<T>& values) {
  agree_on_shapes(comm, "gather", type_name<T>);
  std::vector<T> all;
  for (const auto& part : comm.all_gather(std::as_bytes(std::span(values)))) {
    const auto n_before = all.size();
    all.resize(n_before + part.size() / sizeof(T));
    if (!part.empty()) std::memcpy(all.data() + n_before, part.data(), part.size());
  }
  return all;
}

std::vector<std::string> gather(const Communicator& comm, const std::vector<std::string>& values) {
  agree_on_shapes(comm, "gather", "text");
  WireWriter out;
  out.put(static_cast<std::uint32_t>(values.size()));
  for (const auto& value : values) out.put_text(value);
  const Bytes own = out.take();
  std::vector<std::string> all;
  for (const auto& part : comm.all_gather(own)) {
    WireReader in(part, "gathered text");
    const auto n = in.get_count(4);
    for (std::size_t i = 0; i < n; ++i) all.push_back(in.get_text());
  }
  return all;
}

std::vector<std::string> gather(const Communicator& comm, const std::string& value) {
  return gather(comm, std::vector<std::string>{value});
}

Dict gather(const Communicator& comm, const Dict& values) {
  agree_on_shapes(comm, "gather", shape_of(values.items()));
  return map_leaves(values, "gather", [&](const auto& leaf) { return gather(comm, leaf); });
}

void check_samples_in_batch(const Communicator& comm, std::int64_t n_samples_in_batch,
                            std::size_t n_gathered) {
  agree_on_shapes(comm, "gather_for_metrics", fmt::format("{} samples", n_samples_in_batch));
  if (n_samples_in_batch >= 0 && static_cast<std::uint64_t>(n_samples_in_batch) <= n_gathered)
    return;
  throw UsageError(fmt::format(
      "gather_for_metrics: {} samples in the batch, but {} were gathered from all ranks; pass the "
      "number of real samples of this global batch",
      n_samples_in_batch, n_gathered));
}

template <Element T>
std::vector<T> reduce(const Communicator& comm, const std::vector<T>& values, Reduction reduction,
                      double scale) {
  agree_on_shapes(
      comm, "reduce",
      fmt::format("{}[{}] {}", type_name<T>, values.size(), manner_of(reduction, scale)));
  check_combines(reduction);
  const bool is_sum = reduction == Reduction::sum || reduction == Reduction::mean;
  const auto total =
      is_sum ? sum_over_ranks(comm, values) : select_over_ranks(comm, values, reduction);
  std::vector<T> result(values.size());
  for (std::size_t i = 0; i < total.size(); ++i) {
    result[i] = finish<T>(total[i], reduction, comm.size(), scale);
  }
  return result;
}

Dict reduce(const Communicator& comm, const Dict& values, Reduction reduction, double scale) {
  agree_on_shapes(comm, "reduce", shape_of(values.items()) + " " + manner_of(reduction, scale));
  return map_leaves(values, "reduce",
                    [&](const auto& leaf) { return reduce(comm, leaf, reduction, scale); });
}

template <Element T>
std::vector<T> pad_across_processes(const Communicator& comm, std::vector<T> values, T pad_value,
                                    PadSide side) {
  agree_on_shapes(comm, "pad_across_processes", type_name<T>);
  std::int64_t longest = static_cast<std::int64_t>(values.size());
  comm.all_reduce(std::span(&longest, 1), Communicator::Op::max);
  const auto n_missing = static_cast<std::size_t>(longest) - values.size();
  values.insert(side == PadSide::back ? values.end() : values.begin(), n_missing, pad_value);
  return values;
}

bool any_rank(const Communicator& comm, bool value) {
  std::int64_t is_set = value ? 1 : 0;
  comm.all_reduce(std::span(&is_set, 1), Communicator::Op::max);
  return is_set != 0;
}

#define RANKLOG_INSTANTIATE(T)                                                                   \
  template std::vector<T> gather(const Communicator&, const std::vector<T>&);                    \
  template std::vector<T> reduce(const Communicator&, const std::vector<T>&, Reduction, double); \
  template std::vector<T> pad_across_processes(const Communicator&, std::vector<T>, T, PadSide);
RANKLOG_INSTANTIATE(double)
RANKLOG_INSTANTIATE(float)
RANKLOG_INSTANTIATE(std::int64_t)
RANKLOG_INSTANTIATE(std::int32_t)
#undef RANKLOG_INSTANTIATE

}  // namespace ranklog::collectives
