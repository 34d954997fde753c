#include "hdf5/library.hpp"

#include <fmt/format.h>

#include <cstdint>

namespace ranklog::h5 {
namespace {

struct Account {
  std::string outermost;
  std::string innermost;
};

// Called from the deepest entry of the error stack upwards.
herr_t collect(unsigned n, const H5E_error2_t* entry, void* data) noexcept {
  if (entry->desc == nullptr || *entry->desc == '\0') return 0;
  auto& account = *static_cast<Account*>(data);
  try {
    if (n == 0) account.innermost = entry->desc;
    account.outermost = entry->desc;
  } catch (const std::bad_alloc&) {
    return -1;
  }
  return 0;
}

}  // namespace

QuietErrors::QuietErrors() noexcept {
  H5Eauto_is_v2(H5E_DEFAULT, &is_version_2_);
  if (is_version_2_ != 0) {
    H5Eget_auto2(H5E_DEFAULT, &handler_2_, &data_);
  }
#ifndef H5_NO_DEPRECATED_SYMBOLS
  else {
    H5Eget_auto1(&handler_1_, &data_);
  }
#endif
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

QuietErrors::~QuietErrors() {
  H5Eclear2(H5E_DEFAULT);
#ifndef H5_NO_DEPRECATED_SYMBOLS
  if (is_version_2_ == 0) {
    H5Eset_auto1(handler_1_, data_);
    return;
  }
#endif
  H5Eset_auto2(H5E_DEFAULT, handler_2_, data_);
}

void throw_call_failed(std::string_view action, std::string_view object) {
  Account account;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, collect, &account);
  H5Eclear2(H5E_DEFAULT);
  std::string text = fmt::format("cannot {} {}", action, object);
  if (!account.outermost.empty()) text += ": " + account.outermost;
  if (!account.innermost.empty() && account.innermost != account.outermost) {
    text += ": " + account.innermost;
  }
  if (text.find("lock") != std::string::npos && text.find("errno") != std::string::npos) {
    text += " (HDF5_USE_FILE_LOCKING=FALSE in the environment turns file locks off)";
  }
  throw CallFailed(text);
}

bool is_thread_safe() noexcept {
  hbool_t is_safe = false;
  return H5is_library_threadsafe(&is_safe) >= 0 && is_safe;
}

PropertyList unlocked_access() {
  PropertyList access(checked(H5Pcreate(H5P_FILE_ACCESS), "make", "a file access list"));
#if H5_VERSION_GE(1, 10, 7)
  checked(H5Pset_file_locking(access.get(), false, true), "set", "file locking");
#endif
  return access;
}

bool gives_fill_value(hid_t creation) {
  H5D_fill_time_t time = H5D_FILL_TIME_NEVER;
  H5D_fill_value_t state = H5D_FILL_VALUE_UNDEFINED;
  checked(H5Pget_fill_time(creation, &time), "read", "the fill time");
  checked(H5Pfill_value_defined(creation, &state), "read", "the fill value");
  return time != H5D_FILL_TIME_NEVER && state == H5D_FILL_VALUE_USER_DEFINED;
}

Type utf8_type() {
  Type type(checked(H5Tcopy(H5T_C_S1), "make", "a string type"));
  checked(H5Tset_size(type.get(), H5T_VARIABLE), "make", "a string type");
  checked(H5Tset_cset(type.get(), H5T_CSET_UTF8), "make", "a string type");
  return type;
}

Type boolean_type() {
  Type type(checked(H5Tenum_create(H5T_STD_I8LE), "make", "a boolean type"));
  std::int8_t value = 0;
  checked(H5Tenum_insert(type.get(), "FALSE", &value), "make", "a boolean type");
  value = 1;
  checked(H5Tenum_insert(type.get(), "TRUE", &value), "make", "a boolean type");
  return type;
}

}  // namespace ranklog::h5
