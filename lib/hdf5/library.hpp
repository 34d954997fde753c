// How we meet the HDF5 library: its error stack is never printed, the host's error handler is put
// back, and a failed call becomes an exception with the object and HDF5's own words.
#pragma once

#include <hdf5.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

#include "hdf5/handle.hpp"

namespace ranklog::h5 {

// While one lives, HDF5 prints no errors on this thread. May be nested.
class QuietErrors {
 public:
  QuietErrors() noexcept;
  ~QuietErrors();
  QuietErrors(const QuietErrors&) = delete;
  QuietErrors& operator=(const QuietErrors&) = delete;

 private:
  unsigned is_version_2_ = 1;
  H5E_auto2_t handler_2_ = nullptr;
#ifndef H5_NO_DEPRECATED_SYMBOLS
  H5E_auto1_t handler_1_ = nullptr;
#endif
  void* data_ = nullptr;
};

// A call that HDF5 refused. Callers know the file and turn it into a ranklog::Error.
class CallFailed : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// "<action> <object>: <HDF5's outermost message>: <its cause>". Takes the text from HDF5's error
// stack, so nothing may call HDF5 between the failure and this.
[[noreturn]] void throw_call_failed(std::string_view action, std::string_view object);

// The identifier or status that an HDF5 call returned, unless it is an error.
template <class T>
T checked(T result, std::string_view action, std::string_view object) {
  if (result < 0) throw_call_failed(action, object);
  return result;
}

[[nodiscard]] bool is_thread_safe() noexcept;

// An access list without file locks: a reader never stops the writer or its restart, and file
// systems without locks work. See docs/format.md.
[[nodiscard]] PropertyList unlocked_access();

// Whether datasets that were created so give their own fill value for rows that were not written.
[[nodiscard]] bool gives_fill_value(hid_t creation);

// The variable-length UTF-8 string type.
[[nodiscard]] Type utf8_type();
// What h5py calls bool: an enumeration of FALSE and TRUE in one byte.
[[nodiscard]] Type boolean_type();

}  // namespace ranklog::h5
