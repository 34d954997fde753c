// What ranklog itself costs this rank: seconds inside its calls, messages and bytes, by window.
#pragma once

#include <chrono>
#include <utility>

#include "reduce/exchange.hpp"

namespace ranklog {

class OwnCost {
 public:
  explicit OwnCost(int window_rows) : window_rows_(window_rows) {}

  // Runs `call` and counts its time, also when it throws.
  template <class F>
  void time(F&& call) {
    const Timer timer{*this};
    std::forward<F>(call)();
  }
  // True if that row filled the window.
  [[nodiscard]] bool is_full_after_row() noexcept { return ++n_rows_ >= window_rows_; }

  struct Window {
    double overhead_s = 0;
    reduce::Traffic sent;
  };
  // What has come up since the last call, which begins a new window. `sent`: in all, so far.
  [[nodiscard]] Window take(const reduce::Traffic& sent) noexcept {
    const reduce::Traffic news{sent.n_messages - sent_.n_messages, sent.n_bytes - sent_.n_bytes};
    sent_ = sent;
    n_rows_ = 0;
    return {std::exchange(overhead_s_, 0), news};
  }

 private:
  struct Timer {
    OwnCost& cost;
    std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
    ~Timer() {
      cost.overhead_s_ +=
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }
  };

  int window_rows_;
  int n_rows_ = 0;
  double overhead_s_ = 0;
  reduce::Traffic sent_;
};

}  // namespace ranklog
