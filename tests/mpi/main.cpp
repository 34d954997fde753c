// Runs test cases on all ranks of MPI_COMM_WORLD; see mpi_test.hpp. Exits non-zero on every rank
// if a case failed on any rank, or if the filters match no case.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <mpi.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <ostream>
#include <streambuf>
#include <string>
#include <thread>

#include "mpi/mpi_test.hpp"
#include "support/case_counter.hpp"

namespace {

using ranklog::mpi_test::world_rank;
using ranklog::mpi_test::world_size;

// Long enough for a slow machine, shorter than the time limit that ctest gives a test.
constexpr std::chrono::seconds straggler_limit{60};

std::string who() { return fmt::format("[rank {}/{}] ", world_rank(), world_size()); }

// Puts the rank before each line, and writes a line at once so that ranks do not mix.
class PrefixedLines : public std::streambuf {
 public:
  ~PrefixedLines() override { write_line(); }

 protected:
  int_type overflow(int_type ch) override {
    if (traits_type::eq_int_type(ch, traits_type::eof())) return traits_type::not_eof(ch);
    line_.push_back(traits_type::to_char_type(ch));
    if (line_.back() == '\n') write_line();
    return ch;
  }

 private:
  void write_line() {
    if (line_.empty()) return;
    const std::string text = who() + line_;
    std::fwrite(text.data(), 1, text.size(), stderr);
    line_.clear();
  }
  std::string line_;
};

// Ends each case with an agreement, so that no rank is a case ahead of another.
class Agreement : public ranklog::test_support::CaseCounter {
 public:
  using CaseCounter::CaseCounter;

  void test_case_start(const doctest::TestCaseData& test) override {
    CaseCounter::test_case_start(test);
    name_ = test.m_name;
  }
  void test_case_end(const doctest::CurrentTestCaseStats& stats) override {
    const int failed_here = stats.failure_flags == 0 ? 0 : 1;
    int n_failed = 0;
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Iallreduce(&failed_here, &n_failed, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD, &request);
    wait_or_abort(request);
    if (n_failed > 0 && world_rank() == 0) {
      fmt::print(stderr, "{}failed on {} of {} ranks: {}\n", who(), n_failed, world_size(), name_);
    }
    n_failed_cases() += n_failed > 0 ? 1 : 0;
  }

  static int& n_failed_cases() {
    static int count = 0;
    return count;
  }

 private:
  void wait_or_abort(MPI_Request& request) const {
    const auto deadline = std::chrono::steady_clock::now() + straggler_limit;
    for (int is_done = 0;;) {
      MPI_Test(&request, &is_done, MPI_STATUS_IGNORE);
      if (is_done != 0) return;
      if (std::chrono::steady_clock::now() > deadline) break;
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    fmt::print(stderr,
               "{}still alone at the end of \"{}\" after {} s: another rank hangs; aborting\n",
               who(), name_, straggler_limit.count());
    std::fflush(stderr);
    MPI_Abort(MPI_COMM_WORLD, 1);
  }
  std::string name_;
};

int run_cases(int argc, char** argv) {
  PrefixedLines lines;
  std::ostream out(&lines);
  doctest::Context context;
  context.setOption("no-intro", true);
  context.setOption("no-colors", true);
  context.setOption("minimal", world_rank() != 0);
  context.applyCommandLine(argc, argv);
  context.setOption("order-by", "file");
  context.setCout(&out);
  const int status = context.run();
  if (context.shouldExit()) return status;
  if (ranklog::test_support::n_cases_run() == 0) {
    out << "no test case matches the filters of this call; see --list-test-cases\n";
    return 1;
  }
  return Agreement::n_failed_cases() > 0 ? 1 : status;
}

}  // namespace

REGISTER_LISTENER("agreement", 1, Agreement);

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  const int status = run_cases(argc, argv);
  MPI_Finalize();
  return status;
}
