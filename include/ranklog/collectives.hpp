// Blocking collectives on the caller's data, with the names of Accelerate: gather,
// gather_for_metrics, reduce, pad_across_processes. All ranks get the result, and all return or
// all throw.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ranklog/communicator.hpp"
#include "ranklog/reduction.hpp"
#include "ranklog/value.hpp"

namespace ranklog::collectives {

enum class PadSide : std::uint8_t { back, front };

template <class T>
concept Element = std::same_as<T, double> || std::same_as<T, float> ||
    std::same_as<T, std::int64_t> || std::same_as<T, std::int32_t>;

// Concatenates the ranks' elements in rank order; ranks may pass different lengths.
// Collective, waiting. Errors: ShapeMismatchError naming each rank's type if types differ.
// Complexity: one MPI_Allreduce of 16 bytes, MPI_Allgather of the lengths and MPI_Allgatherv.
template <Element T>
[[nodiscard]] std::vector<T> gather(const Communicator& comm, const std::vector<T>& values);
template <Element T>
[[nodiscard]] std::vector<T> gather(const Communicator& comm, const T& value) {
  return gather(comm, std::vector<T>{value});
}
// Flattens one level, as Accelerate's gather_object.
[[nodiscard]] std::vector<std::string> gather(const Communicator& comm,
                                              const std::vector<std::string>& values);
[[nodiscard]] std::vector<std::string> gather(const Communicator& comm, const std::string& value);
// Gathers every leaf of a dictionary of numbers and spans; the keys must agree on all ranks.
[[nodiscard]] Dict gather(const Communicator& comm, const Dict& values);

// Collective. Errors, on all ranks alike: ShapeMismatchError if ranks pass different numbers of
// samples, UsageError if it is negative or more than was gathered.
void check_samples_in_batch(const Communicator& comm, std::int64_t n_samples_in_batch,
                            std::size_t n_gathered);

// As gather, but the last batch of an uneven data set, padded so that all ranks have the same
// number of samples, loses its padding: only the first `n_samples_in_batch` elements stay.
// Errors: those of gather and check_samples_in_batch.
template <class T>
[[nodiscard]] std::vector<T> gather_for_metrics(const Communicator& comm,
                                                const std::vector<T>& values,
                                                std::int64_t n_samples_in_batch) {
  std::vector<T> all = gather(comm, values);
  check_samples_in_batch(comm, n_samples_in_batch, all.size());
  all.resize(static_cast<std::size_t>(n_samples_in_batch));
  return all;
}

// Element by element; `scale` multiplies the result. NaN anywhere in an element makes it NaN.
// Collective, waiting. Reductions: sum, mean, min, max, any, all.
// Errors, on all ranks alike: ShapeMismatchError naming each rank's type, length and reduction if
// they differ; UsageError for another reduction. The same inputs on the same number of ranks give
// the same bits. Integers are added exactly and stop at the ends of their type; their mean is
// rounded. Complexity: two MPI_Allreduce, of 16 bytes and of 8 bytes an element (integers: 16).
template <Element T>
[[nodiscard]] std::vector<T> reduce(const Communicator& comm, const std::vector<T>& values,
                                    Reduction reduction = Reduction::sum, double scale = 1.0);
template <Element T>
[[nodiscard]] T reduce(const Communicator& comm, const T& value,
                       Reduction reduction = Reduction::sum, double scale = 1.0) {
  return reduce(comm, std::vector<T>{value}, reduction, scale).front();
}
// Reduces every leaf of a dictionary of numbers and spans; the keys must agree on all ranks.
[[nodiscard]] Dict reduce(const Communicator& comm, const Dict& values,
                          Reduction reduction = Reduction::sum, double scale = 1.0);

// Pads to the longest rank's length, so that all ranks pass equal shapes on.
template <Element T>
[[nodiscard]] std::vector<T> pad_across_processes(const Communicator& comm, std::vector<T> values,
                                                  T pad_value, PadSide side = PadSide::back);

// True on all ranks if any rank passes true.
[[nodiscard]] bool any_rank(const Communicator& comm, bool value);

}  // namespace ranklog::collectives
