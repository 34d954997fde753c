// Steps of a collective of which some may fail on this rank while the others count on it: the first
// failure is kept, and the rank goes on meeting the others.
#pragma once

#include <exception>
#include <utility>

namespace ranklog {

class Attempts {
 public:
  // Not after a failure.
  template <class F>
  void run(F&& step) noexcept {
    if (!failure_) run_always(std::forward<F>(step));
  }
  // For steps in which other ranks take part.
  template <class F>
  void run_always(F&& step) noexcept {
    try {
      std::forward<F>(step)();
    } catch (...) {
      if (!failure_) failure_ = std::current_exception();
    }
  }
  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  std::exception_ptr failure_;
};

}  // namespace ranklog
