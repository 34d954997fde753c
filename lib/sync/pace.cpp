#include "sync/pace.hpp"

namespace ranklog::sync {

Pace::Clock::duration Pace::next(Clock::time_point now) {
  if (rows_per_s_ <= 0) return {};
  constexpr auto least = std::chrono::milliseconds(20);
  constexpr auto most_saved = std::chrono::seconds(1);
  const auto due =
      begun_ + std::chrono::duration_cast<Clock::duration>(
                   std::chrono::duration<double>(static_cast<double>(n_rows_) / rows_per_s_));
  ++n_rows_;
  if (now - due > most_saved) {  // a slow server, or nothing to send: no burst afterwards
    begun_ = now;
    n_rows_ = 1;
    return {};
  }
  return due - now > least ? due - now : Clock::duration{};
}

}  // namespace ranklog::sync
