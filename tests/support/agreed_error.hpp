// Errors under mpiexec: what a collective call throws must be the same on all ranks.
#pragma once

#include <doctest/doctest.h>
#include <mpi.h>

#include <string>
#include <utility>

#include "mpi/mpi_test.hpp"
#include "support/error_of.hpp"

namespace ranklog::test_support {

// Collective: the text of rank 0, on all ranks.
[[nodiscard]] inline std::string text_of_rank_0(std::string text) {
  int n_bytes = static_cast<int>(text.size());
  MPI_Bcast(&n_bytes, 1, MPI_INT, 0, MPI_COMM_WORLD);
  text.resize(static_cast<std::size_t>(n_bytes));
  MPI_Bcast(text.data(), n_bytes, MPI_CHAR, 0, MPI_COMM_WORLD);
  return text;
}

// Collective: what `call` throws here; fails the test where rank 0 saw another type or text.
template <class F>
[[nodiscard]] Thrown agreed_error(F&& call) {
  Thrown thrown = error_of(std::forward<F>(call));
  const std::string seen = std::string(to_string(thrown.code)) + ": " + thrown.text;
  CHECK(seen == text_of_rank_0(seen));
  return thrown;
}

}  // namespace ranklog::test_support
