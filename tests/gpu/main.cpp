// Runs the tests that need a GPU, or says why it cannot (exit status 77: skipped).
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>

#include "device/driver.hpp"
#include "ranklog/error.hpp"

int main(int argc, char** argv) {
  try {
    const auto driver = ranklog::gpu::make_driver();
    std::printf("on %s\n", driver->facts(driver->current_device()).name.c_str());
  } catch (const ranklog::DeviceError& error) {
    std::printf("skipped: %s\n", error.what());
    return 77;
  }
  doctest::Context context(argc, argv);
  return context.run();
}
