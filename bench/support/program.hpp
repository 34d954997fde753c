// main() of a benchmark: MPI, the arguments, and errors.
#pragma once

#include <mpi.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <exception>

#include "support/report.hpp"

namespace ranklog::bench {

// True if `text` is a number above zero, which then is in `value`.
inline bool parse_positive(const char* text, int& value) {
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, value);
  return error == std::errc() && stop == end && value > 0;
}

// Runs `run(sizes)`, which returns the exit status, with [steps per repetition] [repetitions] from
// the command line.
template <class Run>
int program(int argc, char** argv, const char* name, Sizes sizes, Run run) {
  MPI_Init(&argc, &argv);
  int status = 2;
  if (argc > 3 || (argc > 1 && !parse_positive(argv[1], sizes.n_steps)) ||
      (argc > 2 && !parse_positive(argv[2], sizes.n_repetitions))) {
    std::fprintf(stderr, "usage: bench_%s [steps per repetition] [repetitions]\n", name);
  } else {
    try {
      status = run(sizes);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "bench_%s: %s\n", name, error.what());
      MPI_Abort(MPI_COMM_WORLD, 1);
    }
  }
  MPI_Finalize();
  return status;
}

}  // namespace ranklog::bench
