#include "accelerator/tensor_route.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <span>
#include <vector>

#include "accelerator/attempts.hpp"
#include "comm/backend.hpp"
#include "ranklog/error.hpp"
#include "reduce/agreement.hpp"

namespace ranklog {
namespace {

using gpu::Staging;

class HostMover final : public TensorMover {
 public:
  explicit HostMover(const Communicator& comm) : comm_(comm) {}
  void combine(Staging& staging, int side, std::size_t offset,
               const gpu::Combination& how) override {
    gpu::combine_on_host(staging.buffer(Staging::received), staging.buffer(side) + offset, how);
  }
  void all_to_all(Staging& staging, int side, std::size_t n_bytes_each) override {
    comm_.backend().all_to_all(staging.buffer(side), staging.buffer(Staging::received),
                               n_bytes_each);
  }
  void all_gather(Staging& staging, int side, std::size_t n_bytes_each) override {
    comm_.backend().all_gather_in_place(staging.buffer(side), n_bytes_each);
  }

 private:
  const Communicator& comm_;
};

// MPI reads and writes device memory itself. It knows nothing of streams, so what is queued is
// waited for first.
class DirectMover final : public TensorMover {
 public:
  explicit DirectMover(const Communicator& comm) : host_(comm) {}
  void combine(Staging& staging, int side, std::size_t offset,
               const gpu::Combination& how) override {
    staging.combine(side, offset, how);
  }
  void all_to_all(Staging& staging, int side, std::size_t n_bytes_each) override {
    Attempts attempts;
    attempts.run([&] { staging.synchronize(); });
    host_.all_to_all(staging, side, n_bytes_each);
    attempts.rethrow();
  }
  void all_gather(Staging& staging, int side, std::size_t n_bytes_each) override {
    Attempts attempts;
    attempts.run([&] { staging.synchronize(); });
    host_.all_gather(staging, side, n_bytes_each);
    attempts.rethrow();
  }

 private:
  HostMover host_;
};

class LinkMover final : public TensorMover {
 public:
  explicit LinkMover(std::unique_ptr<gpu::DeviceLink> link) : link_(std::move(link)) {}
  void combine(Staging& staging, int side, std::size_t offset,
               const gpu::Combination& how) override {
    staging.combine(side, offset, how);
  }
  void all_to_all(Staging& staging, int side, std::size_t n_bytes_each) override {
    link_->all_to_all(staging.buffer(side), staging.buffer(Staging::received), n_bytes_each,
                      staging.stream());
  }
  void all_gather(Staging& staging, int side, std::size_t n_bytes_each) override {
    link_->all_gather_in_place(staging.buffer(side), n_bytes_each, staging.stream());
  }

 private:
  std::unique_ptr<gpu::DeviceLink> link_;
};

void check_own_gpus(const Communicator& comm, const std::string& uuid) {
  const auto uuids = comm.all_gather(std::as_bytes(std::span(uuid)));
  for (std::size_t r = 0; r < uuids.size(); ++r) {
    const auto same =
        std::find(uuids.begin(), uuids.begin() + static_cast<std::ptrdiff_t>(r), uuids[r]);
    if (same == uuids.begin() + static_cast<std::ptrdiff_t>(r)) continue;
    throw DeviceError(fmt::format("ranks {} and {} share a GPU, and NCCL needs one for each rank",
                                  same - uuids.begin(), r));
  }
}

std::unique_ptr<TensorMover> make_link_mover(const Communicator& comm, gpu::Driver& driver,
                                             int device) {
  std::string uuid;
  reduce::agree(comm, [&] {
    driver.check_link();
    uuid = driver.facts(device).uuid;
  });
  check_own_gpus(comm, uuid);
  Bytes id;
  reduce::agree(comm, [&] {
    if (comm.rank() == 0) id = driver.make_link_id();
  });
  id = comm.broadcast(std::move(id), 0);
  std::unique_ptr<gpu::DeviceLink> link;
  reduce::agree(comm, [&] { link = driver.make_link(id, comm.size(), comm.rank(), device); });
  return std::make_unique<LinkMover>(std::move(link));
}

std::unique_ptr<TensorMover> make_direct_mover(const Communicator& comm) {
  reduce::agree(comm, [&] {
    if (comm.backend().takes_device_memory()) return;
    throw DeviceError("this MPI says that it does not take device memory");
  });
  return std::make_unique<DirectMover>(comm);
}

std::int32_t test_value(std::size_t i, int rank) {
  return static_cast<std::int32_t>(i % 65521) * 31 + rank;
}

// One reduction, end to end, against what it must give.
void test_reduction(const Communicator& comm, TensorRoute& route, std::size_t n_each) {
  const auto n_ranks = static_cast<std::size_t>(comm.size());
  const std::size_t n_bytes_each = n_each * sizeof(std::int32_t);
  const std::size_t n_bytes = n_ranks * n_bytes_each;
  std::vector<std::int32_t> values(n_ranks * n_each);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = test_value(i, comm.rank());
  std::vector<std::int32_t> result(values.size(), -1);
  Attempts attempts;
  attempts.run([&] {
    route.staging->start_load(0, 0, values.data(), n_bytes);
    route.staging->wait(0);
  });
  attempts.run_always([&] { route.mover->all_to_all(*route.staging, 0, n_bytes_each); });
  attempts.run([&] {
    const auto offset = static_cast<std::size_t>(comm.rank()) * n_bytes_each;
    route.staging->combine(
        0, offset,
        {DeviceElement::i32, Reduction::sum, 1.0, comm.size(), static_cast<std::int64_t>(n_each)});
  });
  attempts.run_always([&] { route.mover->all_gather(*route.staging, 0, n_bytes_each); });
  attempts.run([&] {
    route.staging->start_store(0, 0, result.data(), n_bytes);
    route.staging->wait(0);
  });
  reduce::agree(comm, [&] {
    attempts.rethrow();
    for (std::size_t i = 0; i < result.size(); ++i) {
      std::int32_t expected = 0;
      for (int r = 0; r < comm.size(); ++r) expected += test_value(i, r);
      if (result[i] == expected) continue;
      throw DeviceError(fmt::format("a test of {} integers on rank {} gave {} for {} at place {}",
                                    result.size(), comm.rank(), result[i], expected, i));
    }
  });
}

TensorRoute make_route(const Communicator& comm, DevicePath path, gpu::Driver& driver, int device,
                       std::size_t buffer_bytes) {
  TensorRoute route;
  route.path = path;
  route.device = device;
  if (path == DevicePath::staged) {
    route.mover = std::make_unique<HostMover>(comm);
  } else {
    route.mover = path == DevicePath::direct ? make_direct_mover(comm)
                                             : make_link_mover(comm, driver, device);
  }
  const auto memory =
      path == DevicePath::staged ? gpu::StagingMemory::pinned : gpu::StagingMemory::device;
  reduce::agree(comm, [&] { route.staging = driver.make_staging(device, buffer_bytes, memory); });
  return route;
}

}  // namespace

TensorRoute choose_route(const Communicator& comm, DevicePath wanted, gpu::Driver& driver,
                         int device, std::size_t buffer_bytes) {
  std::string reason = "the default";
  if (wanted != DevicePath::staged) {
    try {
      TensorRoute route = make_route(comm, wanted, driver, device, buffer_bytes);
      // MPI treats short messages and long ones differently.
      const std::size_t longest =
          buffer_bytes / sizeof(std::int32_t) / static_cast<std::size_t>(comm.size());
      test_reduction(comm, route, std::min<std::size_t>(longest, 16));
      test_reduction(comm, route, std::min<std::size_t>(longest, 65536));
      route.reason = "asked for, and a test of it passed";
      return route;
    } catch (const Error& error) {  // the same on all ranks
      reason = fmt::format("{} was asked for, but: {}", to_string(wanted), error.what());
    }
  }
  TensorRoute route = make_route(comm, DevicePath::staged, driver, device, buffer_bytes);
  route.reason = std::move(reason);
  return route;
}

}  // namespace ranklog
