#include "hdf5/reader_pause.hpp"

#include <sys/file.h>

#include <cerrno>

#include "hdf5/system_calls.hpp"

namespace ranklog::h5 {

ReaderPause::ReaderPause(int descriptor) noexcept
    : descriptor_(descriptor),
      is_locked_(system_calls().flock(descriptor, LOCK_EX | LOCK_NB) == 0),
      is_somebody_reading_(!is_locked_ && errno == EWOULDBLOCK) {}

ReaderPause::~ReaderPause() {
  if (is_locked_) (void)system_calls().flock(descriptor_, LOCK_UN);
}

}  // namespace ranklog::h5
