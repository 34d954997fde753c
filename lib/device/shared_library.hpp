// A library that is looked for at run time, so that nobody needs it to build or to start.
#pragma once

#include <string>

namespace ranklog::gpu {

// Stays loaded until the process ends: such libraries do not like to be unloaded.
class SharedLibrary {
 public:
  // Errors: DeviceError naming the library and the loader's reason.
  explicit SharedLibrary(std::string name);

  // Sets `function` to the address of `symbol`. Errors: DeviceError naming both.
  template <class Function>
  void find(Function*& function, const char* symbol) const {
    function = reinterpret_cast<Function*>(address_of(symbol));
  }

 private:
  [[nodiscard]] void* address_of(const char* symbol) const;

  std::string name_;
  void* handle_;
};

}  // namespace ranklog::gpu
