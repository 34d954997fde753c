#include "accelerator/stop_signals.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>

#include "ranklog/error.hpp"

namespace ranklog {
namespace {

struct Slot {
  std::atomic<std::uint32_t> n_received{0};
  struct sigaction previous {};
  int n_users = 0;  // guarded by `mutex`
};
static_assert(std::atomic<std::uint32_t>::is_always_lock_free, "used in a signal handler");

constexpr int n_signals = NSIG;
std::array<Slot, n_signals> slots;
std::mutex mutex;

extern "C" void note_signal(int number, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  Slot& slot = slots[static_cast<std::size_t>(number)];
  slot.n_received.fetch_add(1, std::memory_order_relaxed);
  const struct sigaction& previous = slot.previous;
  if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(number, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(number);
  }
  errno = saved_errno;
}

bool is_ours(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == note_signal;
}

void install(int number, Slot& slot) {
  if (slot.n_users++ > 0) return;
  // Written before our handler can run.
  (void)::sigaction(number, nullptr, &slot.previous);
  if (is_ours(slot.previous)) return;
  struct sigaction action {};
  action.sa_sigaction = note_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART | (slot.previous.sa_flags & SA_ONSTACK);
  action.sa_mask = slot.previous.sa_mask;
  (void)::sigaction(number, &action, nullptr);
}

}  // namespace

StopSignals::StopSignals(std::vector<int> signals) {
  std::sort(signals.begin(), signals.end());
  signals.erase(std::unique(signals.begin(), signals.end()), signals.end());
  for (const int number : signals) {
    if (number < 1 || number >= n_signals || number == SIGKILL || number == SIGSTOP) {
      throw UsageError(fmt::format(
          "stop_on_signals holds {}, which is no signal that a program can catch; use SIGTERM, "
          "SIGUSR1 or what the scheduler sends",
          number));
    }
  }
  const std::lock_guard lock(mutex);
  for (const int number : signals) {
    Slot& slot = slots[static_cast<std::size_t>(number)];
    signals_.emplace_back(number, slot.n_received.load());
    install(number, slot);
  }
}

StopSignals::~StopSignals() {
  const std::lock_guard lock(mutex);
  for (const auto& [number, n_before] : signals_) {
    Slot& slot = slots[static_cast<std::size_t>(number)];
    if (--slot.n_users > 0) continue;
    struct sigaction now {};
    (void)::sigaction(number, nullptr, &now);
    if (is_ours(now)) (void)::sigaction(number, &slot.previous, nullptr);
  }
}

bool StopSignals::is_requested() const noexcept {
  return std::any_of(signals_.begin(), signals_.end(), [](const auto& signal) {
    return slots[static_cast<std::size_t>(signal.first)].n_received.load() != signal.second;
  });
}

}  // namespace ranklog
