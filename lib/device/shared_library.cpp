#include "device/shared_library.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <utility>

#include "ranklog/error.hpp"

namespace ranklog::gpu {

SharedLibrary::SharedLibrary(std::string name)
    : name_(std::move(name)), handle_(::dlopen(name_.c_str(), RTLD_NOW | RTLD_LOCAL)) {
  if (handle_ != nullptr) return;
  const char* const reason = ::dlerror();
  throw DeviceError(fmt::format("{} cannot be loaded: {}", name_,
                                reason != nullptr ? reason : "no reason given"));
}

void* SharedLibrary::address_of(const char* symbol) const {
  void* const address = ::dlsym(handle_, symbol);
  if (address == nullptr) throw DeviceError(fmt::format("{} has no {}", name_, symbol));
  return address;
}

}  // namespace ranklog::gpu
