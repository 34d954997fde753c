// Signals that ask a job to stop, in one process; tests/mpi/should_stop.cpp has the agreement.
#include "accelerator/stop_signals.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <memory>

#include "ranklog/error.hpp"

using ranklog::StopSignals;
using ranklog::UsageError;

namespace {

volatile sig_atomic_t n_plain = 0;
volatile sig_atomic_t n_with_info = 0;
volatile sig_atomic_t sender = 0;

void plain(int) { n_plain = n_plain + 1; }
void with_info(int, siginfo_t* info, void*) {
  n_with_info = n_with_info + 1;
  sender = info->si_pid;
}

// Installs an action for one test and puts back what was there.
class Installed {
 public:
  Installed(int number, const struct sigaction& action) : number_(number) {
    REQUIRE(sigaction(number, &action, &before_) == 0);
  }
  ~Installed() { (void)sigaction(number_, &before_, nullptr); }

 private:
  int number_;
  struct sigaction before_ {};
};

struct sigaction action_now(int number) {
  struct sigaction now {};
  REQUIRE(sigaction(number, nullptr, &now) == 0);
  return now;
}

}  // namespace

TEST_CASE("a signal is noted, and the program's own handler runs too and comes back") {
  struct sigaction own {};
  own.sa_handler = plain;
  const Installed installed(SIGUSR1, own);
  n_plain = 0;
  {
    const StopSignals signals({SIGUSR1});
    CHECK_FALSE(signals.is_requested());
    raise(SIGUSR1);
    CHECK(signals.is_requested());
    CHECK(n_plain == 1);
  }
  CHECK((action_now(SIGUSR1).sa_handler == plain));
}

TEST_CASE("a handler that wants to know the sender is told") {
  struct sigaction own {};
  own.sa_sigaction = with_info;
  own.sa_flags = SA_SIGINFO;
  const Installed installed(SIGUSR2, own);
  n_with_info = 0;
  const StopSignals signals({SIGUSR2});
  raise(SIGUSR2);
  CHECK(n_with_info == 1);
  CHECK(sender == getpid());
}

TEST_CASE("a signal whose default would end the program does not") {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  const Installed installed(SIGTERM, standard);
  {
    const StopSignals signals({SIGTERM});
    raise(SIGTERM);
    CHECK(signals.is_requested());
  }
  CHECK((action_now(SIGTERM).sa_handler == SIG_DFL));
}

TEST_CASE("two users share a signal; what came before the second does not count for it") {
  struct sigaction own {};
  own.sa_handler = plain;
  const Installed installed(SIGUSR1, own);
  auto first = std::make_unique<StopSignals>(std::vector{SIGUSR1});
  raise(SIGUSR1);
  const auto second = std::make_unique<StopSignals>(std::vector{SIGUSR1, SIGUSR1});
  CHECK(first->is_requested());
  CHECK_FALSE(second->is_requested());
  first.reset();
  raise(SIGUSR1);
  CHECK(second->is_requested());
}

TEST_CASE("a handler that the program installs later is left alone") {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  const Installed installed(SIGUSR2, standard);
  auto signals = std::make_unique<StopSignals>(std::vector{SIGUSR2});
  struct sigaction later {};
  later.sa_handler = plain;
  REQUIRE(sigaction(SIGUSR2, &later, nullptr) == 0);
  signals.reset();
  CHECK((action_now(SIGUSR2).sa_handler == plain));
}

TEST_CASE("numbers that are no signals, or cannot be caught, are refused") {
  for (const int number : {0, -1, SIGKILL, SIGSTOP, 10000}) {
    CHECK_THROWS_AS(StopSignals({number}), UsageError);
  }
}
