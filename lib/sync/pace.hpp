// At most so many rows a second.
#pragma once

#include <chrono>
#include <cstdint>

namespace ranklog::sync {

class Pace {
 public:
  using Clock = std::chrono::steady_clock;

  // 0: no limit.
  explicit Pace(double rows_per_s, Clock::time_point now = Clock::now())
      : rows_per_s_(rows_per_s), begun_(now) {}

  // How long to wait before the next row, which is counted; short waits are saved up.
  [[nodiscard]] Clock::duration next(Clock::time_point now);

 private:
  double rows_per_s_;
  Clock::time_point begun_;
  std::int64_t n_rows_ = 0;
};

}  // namespace ranklog::sync
