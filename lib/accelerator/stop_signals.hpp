// Notes the signals that ask a job to stop, and passes them on to whom the host had installed.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace ranklog {

// Installs handlers for its lifetime; several objects may share a signal. When the last one goes,
// the handler that was there before comes back, unless the host has installed another since.
class StopSignals {
 public:
  // Errors: UsageError for a number that is no signal, or one that cannot be caught.
  explicit StopSignals(std::vector<int> signals);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // True once one of the signals came. Thread safety: any thread.
  [[nodiscard]] bool is_requested() const noexcept;

 private:
  std::vector<std::pair<int, std::uint32_t>> signals_;  // and how often each had come before
};

}  // namespace ranklog
