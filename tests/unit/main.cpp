// Runs the unit tests. A filter that matches no test case is a failure, so that a misspelt test
// name in CMake cannot pass.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <iostream>

#include "support/case_counter.hpp"

REGISTER_LISTENER("case_counter", 1, ranklog::test_support::CaseCounter);

int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  const int status = context.run();
  if (context.shouldExit()) return status;
  if (ranklog::test_support::n_cases_run() == 0) {
    std::cerr << "no test case matches the filters of this call; see --list-test-cases\n";
    return 1;
  }
  return status;
}
