// The device driver of a build without CUDA.
#include "device/driver.hpp"
#include "ranklog/error.hpp"

namespace ranklog::gpu {

std::unique_ptr<Driver> make_driver() {
  throw DeviceError(
      "CUDA is not compiled in: build ranklog with -DRANKLOG_WITH_CUDA=ON (needs nvcc 12 or "
      "newer), "
      "or copy the values to the host first");
}

bool is_compiled_in() noexcept { return false; }

}  // namespace ranklog::gpu
