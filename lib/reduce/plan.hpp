// How blocks of several sources become one: remembered for each combination of shapes, so that
// ranks that log different keys in a stable way are merged as fast as those that log the same.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "reduce/shape.hpp"

namespace ranklog::reduce {

struct Plan {
  std::vector<ShapeId> inputs;  // by ascending source
  ShapeId output{};
  struct Part {
    std::uint32_t input = 0;
    std::uint32_t column = 0;
  };
  std::vector<Part> parts;                // those of one output column stand together, by input
  std::vector<std::uint32_t> first_part;  // by output column; one more at the end
  bool is_complete = false;               // every key has a value of every rank
};

class PlanTable {
 public:
  PlanTable(ShapeTable& shapes, int n_ranks) : shapes_(shapes), n_ranks_(n_ranks) {}

  // Inputs of one source must not share keys; all have steps or none. Null when there are too many
  // shapes.
  [[nodiscard]] const Plan* find_or_make(std::span<const ShapeId> inputs);

 private:
  [[nodiscard]] Plan make(std::span<const ShapeId> inputs);

  ShapeTable& shapes_;
  int n_ranks_;
  std::vector<std::unique_ptr<Plan>> plans_;  // the one used last in front
};

}  // namespace ranklog::reduce
