#include "reduce/shapes.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "ranklog/error.hpp"

namespace ranklog::reduce {

// All ranks throw the same error, or none does.
void agree_on_shapes(const Communicator& comm, std::string_view operation, std::string_view shape) {
  // Equal fingerprints on all ranks: their least is their greatest. Only where they are not does
  // every rank learn what every rank passes.
  const auto fingerprint = static_cast<std::int64_t>(std::hash<std::string_view>{}(shape));
  std::array<std::int64_t, 2> least{fingerprint, ~fingerprint};
  comm.all_reduce(std::span(least), Communicator::Op::min);
  if (least[0] == ~least[1]) return;
  const auto parts = comm.all_gather(std::as_bytes(std::span(shape.data(), shape.size())));
  std::vector<std::string> shapes;
  for (const auto& part : parts) {
    shapes.emplace_back(reinterpret_cast<const char*>(part.data()), part.size());
  }
  std::string list;
  for (std::size_t r = 0; r < shapes.size(); ++r) {
    if (r == 16) {
      list += fmt::format(" and {} more", shapes.size() - r);
      break;
    }
    list += fmt::format("{}rank {}: {}", r == 0 ? "" : ", ", r, shapes[r]);
  }
  throw ShapeMismatchError(fmt::format(
      "{}() got different types or shapes on different ranks ({}); pass the same on all, or use "
      "pad_across_processes() first",
      operation, list));
}

void check_combines(Reduction reduction) {
  for (const auto possible : {Reduction::sum, Reduction::mean, Reduction::min, Reduction::max,
                              Reduction::any, Reduction::all}) {
    if (reduction == possible) return;
  }
  throw UsageError(
      fmt::format("reduce() cannot use reduction '{}'; choose sum, mean, min, max, any or all",
                  to_string(reduction)));
}

}  // namespace ranklog::reduce
