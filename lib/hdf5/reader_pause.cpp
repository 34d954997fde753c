#include "hdf5/reader_pause.hpp"

#include <sys/file.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "hdf5/system_calls.hpp"

namespace ranklog::h5 {
namespace {

using namespace std::chrono_literals;
constexpr auto longest_wait = 1s;
constexpr auto between_attempts = 5ms;

}  // namespace

void ReaderPause::begin(int descriptor) noexcept {
  const auto give_up_at = std::chrono::steady_clock::now() + longest_wait;
  for (;;) {
    is_locked_ = system_calls().flock(descriptor, LOCK_EX | LOCK_NB) == 0;
    if (is_locked_) {
      waited_in_vain_ = false;
      return;
    }
    if (errno != EWOULDBLOCK && errno != EINTR) return;
    if (waited_in_vain_) return;
    if (std::chrono::steady_clock::now() >= give_up_at) {
      waited_in_vain_ = true;
      return;
    }
    std::this_thread::sleep_for(between_attempts);
  }
}

void ReaderPause::end(int descriptor) noexcept {
  if (is_locked_) (void)system_calls().flock(descriptor, LOCK_UN);
  is_locked_ = false;
}

}  // namespace ranklog::h5
