#include <atomic>

#include "device/driver.hpp"

namespace ranklog::gpu {
namespace {

std::atomic<DriverFactory> replacement = nullptr;

}  // namespace

std::unique_ptr<Driver> open_driver() {
  const DriverFactory factory = replacement;
  return factory != nullptr ? factory() : make_driver();
}

void set_driver_factory(DriverFactory factory) noexcept { replacement = factory; }

}  // namespace ranklog::gpu
