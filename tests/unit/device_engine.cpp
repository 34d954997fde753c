#include <doctest/doctest.h>

#include <optional>
#include <vector>

#include "device/engine.hpp"
#include "unit/fake_device.hpp"

using ranklog::device;
using ranklog::DeviceError;
using ranklog::DeviceSpan;
using ranklog::DeviceStream;
using ranklog::gpu::Engine;
using ranklog::testing::FakeDevice;
using ranklog::testing::FakeDriver;

namespace {

struct Bench {
  std::shared_ptr<FakeDevice> gpu = std::make_shared<FakeDevice>();
  Engine engine{std::make_unique<FakeDriver>(gpu)};
};

DeviceStream stream(std::uintptr_t number) { return reinterpret_cast<DeviceStream>(number); }

}  // namespace

TEST_CASE("the tensors of one call on one stream go in one launch") {
  Bench b;
  const std::vector<float> x{1, 2, 3};
  const std::vector<double> y{4, 6};
  const DeviceSpan tensors[] = {device(x.data(), x.size()), device(y.data(), y.size())};
  auto ticket = b.engine.submit(tensors);
  CHECK(b.gpu->n_launches == 1);
  REQUIRE(ticket.is_done());
  CHECK(ticket.result(0).sum == 6);
  CHECK(ticket.result(1).mean == 5);
}

TEST_CASE("submit does not wait, and results come when the device is done") {
  Bench b;
  b.gpu->is_slow = true;
  const std::vector<float> x{1, 2, 3};
  const DeviceSpan tensor[] = {device(x.data(), x.size())};
  auto ticket = b.engine.submit(tensor);
  CHECK_FALSE(ticket.is_done());
  CHECK(b.gpu->n_waits == 0);
  b.gpu->is_slow = false;
  CHECK(ticket.is_done());
  CHECK(ticket.result(0).max == 3);
  CHECK(b.gpu->n_waits == 0);
}

TEST_CASE("streams and devices each have a launch of their own, results keep their places") {
  Bench b;
  const std::vector<float> x{1}, y{2}, z{3}, w{4};
  b.gpu->device[w.data()] = 1;
  const DeviceSpan tensors[] = {device(x.data(), 1, stream(1)), device(y.data(), 1, stream(2)),
                                device(z.data(), 1, stream(1)), device(w.data(), 1, stream(1))};
  auto ticket = b.engine.submit(tensors);
  CHECK(b.gpu->tensors_per_launch == std::vector<std::size_t>{2, 1, 1});
  REQUIRE(ticket.is_done());
  for (std::size_t i = 0; i < 4; ++i) CHECK(ticket.result(i).sum == static_cast<double>(i + 1));
}

TEST_CASE("more tensors than a launch takes are spread over several") {
  Bench b;
  std::vector<double> values(70);
  std::vector<DeviceSpan> tensors;
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<double>(i);
    tensors.push_back(device(&values[i], 1));
  }
  auto ticket = b.engine.submit(tensors);
  CHECK(b.gpu->tensors_per_launch == std::vector<std::size_t>{32, 32, 6});
  REQUIRE(ticket.is_done());
  for (std::size_t i = 0; i < values.size(); ++i) CHECK(ticket.result(i).sum == values[i]);
}

TEST_CASE("memory is used again, so a steady loop makes no more of it") {
  Bench b;
  const std::vector<float> x{1};
  const DeviceSpan tensor[] = {device(x.data(), 1)};
  for (int i = 0; i < 100; ++i) {
    auto ticket = b.engine.submit(tensor);
    REQUIRE(ticket.is_done());
  }
  CHECK(b.engine.n_workspaces() == 1);
}

TEST_CASE("a launch of scalars does not take the scratch memory of a large tensor") {
  Bench b;
  b.gpu->is_slow = true;
  const std::vector<float> x(2'000'000, 1.0F);
  const DeviceSpan scalar[] = {device(x.data(), 1)};
  const DeviceSpan large[] = {device(x.data(), x.size())};
  auto first = b.engine.submit(scalar);
  auto second = b.engine.submit(large);
  REQUIRE(b.gpu->workspace_blocks.size() == 2);
  CHECK(b.gpu->workspace_blocks[0] < 100);
  CHECK(b.gpu->workspace_blocks[1] >= ranklog::gpu::max_blocks);
  first.wait();
  first = {};
  auto third = b.engine.submit(large);  // the free workspace is too small for it
  CHECK(b.engine.n_workspaces() == 3);
  third.wait();
  CHECK(third.result(0).sum == 2e6);
}

TEST_CASE("the memory of a ticket that was dropped early is used again only when it is done") {
  Bench b;
  b.gpu->is_slow = true;
  const std::vector<float> x{1};
  const DeviceSpan tensor[] = {device(x.data(), 1)};
  { auto dropped = b.engine.submit(tensor); }
  auto second = b.engine.submit(tensor);
  CHECK(b.engine.n_workspaces() == 2);
  b.gpu->is_slow = false;
  auto third = b.engine.submit(tensor);
  CHECK(b.engine.n_workspaces() == 2);
}

TEST_CASE("a tensor that fails the check throws before anything is queued") {
  Bench b;
  b.gpu->check_error = "0x1 is not device memory";
  const std::vector<float> x{1};
  const DeviceSpan tensor[] = {device(x.data(), 1)};
  CHECK_THROWS_WITH_AS((void)b.engine.submit(tensor), "0x1 is not device memory", DeviceError);
  CHECK(b.gpu->n_launches == 0);
  b.gpu->check_error.clear();
  CHECK(b.engine.submit(tensor).is_done());
}

TEST_CASE("a stream of another device and an error that the program left are refused") {
  Bench b;
  const std::vector<float> x{1};
  b.gpu->device[stream(5)] = 1;
  const DeviceSpan foreign[] = {device(x.data(), 1, stream(5))};
  CHECK_THROWS_AS((void)b.engine.submit(foreign), DeviceError);
  b.gpu->left_error = "the CUDA runtime holds an error from before this call";
  const DeviceSpan tensor[] = {device(x.data(), 1)};
  CHECK_THROWS_AS((void)b.engine.submit(tensor), DeviceError);
  CHECK(b.gpu->n_launches == 0);
}

TEST_CASE("the stream that the tensors of a call share is looked at once") {
  Bench b;
  const std::vector<float> x{1};
  const std::vector<DeviceSpan> tensors(8, device(x.data(), 1, stream(1)));
  CHECK(b.engine.submit(tensors).is_done());
  CHECK(b.gpu->n_stream_checks == 1);
}

TEST_CASE("a failed launch and a lack of memory throw, and the engine goes on") {
  Bench b;
  const std::vector<float> x{1};
  const DeviceSpan tensor[] = {device(x.data(), 1)};
  b.gpu->is_out_of_memory = true;
  CHECK_THROWS_AS((void)b.engine.submit(tensor), DeviceError);
  b.gpu->is_out_of_memory = false;
  b.gpu->launch_error = "launching failed";
  CHECK_THROWS_AS((void)b.engine.submit(tensor), DeviceError);
  b.gpu->launch_error.clear();
  auto ticket = b.engine.submit(tensor);
  CHECK(ticket.is_done());
  CHECK(b.engine.n_workspaces() == 1);
}

TEST_CASE("an asynchronous error of the device is thrown by the one who asks for the result") {
  Bench b;
  const std::vector<float> x{1};
  const DeviceSpan tensor[] = {device(x.data(), 1)};
  auto ticket = b.engine.submit(tensor);
  b.gpu->asynchronous_error = "an illegal memory access was encountered";
  CHECK_THROWS_AS((void)ticket.is_done(), DeviceError);
  CHECK_THROWS_AS(ticket.wait(), DeviceError);
}

TEST_CASE("wait gives the results of a device that is not done yet") {
  Bench b;
  b.gpu->is_slow = true;
  const std::vector<float> x{5};
  const DeviceSpan tensor[] = {device(x.data(), 1)};
  auto ticket = b.engine.submit(tensor);
  ticket.wait();
  CHECK(ticket.result(0).sum == 5);
}
