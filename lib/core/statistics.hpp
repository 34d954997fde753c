// Mergeable partial statistics: what one rank knows of one key at one step, and what two such
// parts become together. Finished into a Metric only at the end, so that a tree of merges loses
// nothing.
#pragma once

#include <cstdint>
#include <limits>

#include "ranklog/record.hpp"

namespace ranklog {

// Numbers of any kind, widened to double. Plain data, so that it can travel as bytes.
// Mean and second moment follow Chan, Golub & LeVeque (1983), "Algorithms for computing the
// sample variance", eq. 2.1, with weights; the sum is compensated after Neumaier (1974).
struct Moments {
  std::int64_t count = 0;  // values, NaN included
  std::int64_t nan_count = 0;
  std::int64_t nonzero_count = 0;  // of the values that are not NaN
  double finite_weight = 0;
  double mean = 0;  // of the finite values
  double m2 = 0;    // sum of w (x - mean)^2 over the finite values
  double positive_infinite_weight = 0;
  double negative_infinite_weight = 0;
  double sum = 0;  // unweighted, infinities included
  double sum_compensation = 0;
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();
  double first = 0;
  double last = 0;
  std::int32_t min_rank = -1;
  std::int32_t max_rank = -1;
  std::int32_t first_nan_rank = -1;
  std::int32_t first_rank = -1;
  std::int32_t last_rank = -1;
};

// The exact side of integers and booleans. The sum has 128 bits, so it cannot overflow.
struct IntegerMoments {
  __extension__ typedef __int128 Wide;
  Wide sum = 0;
  std::int64_t min = std::numeric_limits<std::int64_t>::max();
  std::int64_t max = std::numeric_limits<std::int64_t>::min();
  std::int64_t first = 0;
  std::int64_t last = 0;
};

struct Accumulator {
  Moments moments;
  IntegerMoments integers;

  // Adds one value of `rank`. Weight is finite and > 0 (the caller leaves out weight 0).
  void add_real(double value, double weight, std::int32_t rank);
  void add_integer(std::int64_t value, double weight, std::int32_t rank);
  // Ties of min and max go to the lower rank, whatever the order of merging.
  void merge(const Accumulator& other);
};

// What is made from sums over the values, however these were added.
struct Sums {
  double weight = 0;  // of the values that are not NaN
  double mean = 0;    // of the finite values; NaN without any
  double std = 0;     // likewise
  double sum = 0;     // of the values that are not NaN
};
[[nodiscard]] Sums sums_of(const Moments& moments);

// Fills value, integer_value and statistics of `metric`, whose info says which reduction.
// Returns false if an integer sum does not fit into int64; it is then the nearest limit.
bool finish(const Accumulator& accumulator, Metric& metric);
// The same with sums that were made otherwise.
bool finish(const Accumulator& accumulator, const Sums& sums, Metric& metric);

}  // namespace ranklog
