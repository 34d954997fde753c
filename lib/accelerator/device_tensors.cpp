#include "accelerator/device_tensors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "accelerator/attempts.hpp"
#include "ranklog/error.hpp"
#include "reduce/agreement.hpp"
#include "reduce/shapes.hpp"

namespace ranklog {
namespace {

// Runs `work` on every rank; a failure names the call and the rank, and all ranks throw it.
template <class F>
void agree_on(const Communicator& comm, const char* call, F work) {
  reduce::agree(comm, [&] {
    try {
      work();
    } catch (const DeviceError& error) {
      throw DeviceError(fmt::format("{} on rank {}: {}", call, comm.rank(), error.what()));
    }
  });
}

std::size_t rounded_up(std::size_t n, std::size_t divisor) { return (n + divisor - 1) / divisor; }

}  // namespace

DeviceTensors::DeviceTensors(const Communicator& comm, DevicePath wanted, MakeDriver make_driver,
                             std::size_t chunk_bytes)
    : comm_(comm),
      wanted_(wanted),
      make_driver_(std::move(make_driver)),
      // At least one element of every rank.
      chunk_bytes_(std::max(chunk_bytes, static_cast<std::size_t>(comm.size()) * sizeof(double))) {}

gpu::Driver& DeviceTensors::driver() {
  if (!no_driver_.empty()) throw DeviceError(no_driver_);
  if (driver_) return *driver_;
  try {
    driver_ = make_driver_();
  } catch (const DeviceError& error) {
    no_driver_ = error.what();
    throw;
  }
  return *driver_;
}

int DeviceTensors::select(int node_rank) {
  try {
    const int device = node_rank % driver().n_devices();
    driver().make_current(device);
    return device;
  } catch (const DeviceError& error) {
    throw DeviceError(fmt::format("select_device() on rank {}: {}", comm_.rank(), error.what()));
  }
}

std::optional<int> DeviceTensors::current_device() {
  try {
    return driver().current_device();
  } catch (const DeviceError&) {
    return std::nullopt;
  }
}

std::optional<GpuInfo> DeviceTensors::current_gpu() {
  try {
    return driver().facts(driver().current_device());
  } catch (const DeviceError&) {
    return std::nullopt;
  }
}

// Another path means other collective calls, so that ranks of different wishes would wait for each
// other in different ones.
void DeviceTensors::check_same_wish() const {
  const auto wish = static_cast<std::int64_t>(wanted_);
  std::array<std::int64_t, 2> ends{wish, -wish};
  comm_.all_reduce(std::span(ends), Communicator::Op::min);
  if (ends[0] == -ends[1]) return;
  throw UsageError(fmt::format(
      "AcceleratorOptions::device_path differs between ranks: '{}' on some, '{}' on "
      "others; give all ranks the same",
      to_string(static_cast<DevicePath>(ends[0])), to_string(static_cast<DevicePath>(-ends[1]))));
}

void DeviceTensors::choose_early() {
  check_same_wish();
  if (wanted_ == DevicePath::staged) return;
  const auto device = current_device();
  std::int64_t n_without = device ? 0 : 1;
  comm_.all_reduce(std::span(&n_without, 1), Communicator::Op::sum);
  if (n_without == 0) take_route(*device);
}

std::string DeviceTensors::describe_path() const {
  if (route_.mover) return fmt::format("{}: {}", to_string(route_.path), route_.reason);
  if (wanted_ == DevicePath::staged) return "staged: the default";
  return fmt::format("staged: {} was asked for, but not every rank has a GPU", to_string(wanted_));
}

int DeviceTensors::check(const DeviceSpan& values, const DeviceBuffer& result) {
  if (values.element != result.element) {
    throw UsageError(fmt::format("values of type {} for a result of type {}; use one type",
                                 to_string(values.element), to_string(result.element)));
  }
  const DeviceSpan& one = values.n > 0 ? values : static_cast<const DeviceSpan&>(result);
  if (one.n == 0) return driver().current_device();
  const int device = gpu::check(driver(), one);
  if (result.n > 0 && gpu::check(driver(), result) != device) {
    throw DeviceError("values and result are on different devices");
  }
  return device;
}

void DeviceTensors::take_route(int device) {
  std::int64_t is_other = route_.mover && route_.device == device ? 0 : 1;
  comm_.all_reduce(std::span(&is_other, 1), Communicator::Op::max);
  if (is_other == 0) return;
  check_same_wish();
  route_ = TensorRoute{};
  route_ = choose_route(comm_, wanted_, driver(), device, chunk_bytes_);
}

void DeviceTensors::reduce(const DeviceSpan& values, const DeviceBuffer& result,
                           Reduction reduction, double scale) {
  int device = -1;
  agree_on(comm_, "reduce()", [&] {
    reduce::check_combines(reduction);
    if (result.n < values.n) {
      throw UsageError(fmt::format("reduce() on rank {}: the result has room for {} of {} elements",
                                   comm_.rank(), result.n, values.n));
    }
    device = check(values, result);
  });
  reduce::agree_on_shapes(
      comm_, "reduce",
      fmt::format("{}[{}] on a device by {} times {}", to_string(values.element), values.n,
                  to_string(reduction), scale));
  if (values.n == 0) return;
  take_route(device);
  reduce_chunks(values, result, {values.element, reduction, scale, comm_.size(), 0});
}

// While the ranks work on one side, the stream brings the next chunk to the other one, after it has
// taken the chunk before from there.
void DeviceTensors::reduce_chunks(const DeviceSpan& values, const DeviceBuffer& result,
                                  const gpu::Combination& how) {
  const std::size_t n_bytes = bytes_of(values.element);
  const auto n_ranks = static_cast<std::size_t>(comm_.size());
  const std::size_t n_of_chunk = chunk_bytes_ / n_bytes / n_ranks * n_ranks;
  const std::size_t n_chunks = rounded_up(values.n, n_of_chunk);
  const auto* from = static_cast<const std::byte*>(values.data);
  auto* to = static_cast<std::byte*>(result.target());
  gpu::Staging& staging = *route_.staging;
  Attempts attempts;
  const auto n_in = [&](std::size_t chunk) {
    return std::min(n_of_chunk, values.n - chunk * n_of_chunk);
  };
  const auto load = [&](std::size_t chunk) {
    staging.start_load(static_cast<int>(chunk % 2), 0, from + chunk * n_of_chunk * n_bytes,
                       n_in(chunk) * n_bytes);
  };
  attempts.run([&] {
    staging.begin(values.stream);
    if (result.stream != values.stream) staging.begin(result.stream);
    load(0);
  });
  for (std::size_t chunk = 0; chunk < n_chunks; ++chunk) {
    const int side = static_cast<int>(chunk % 2);
    const std::size_t n_each = rounded_up(n_in(chunk), n_ranks);
    attempts.run([&] {
      staging.wait(side);
      if (chunk + 1 < n_chunks) load(chunk + 1);
    });
    attempts.run_always([&] { route_.mover->all_to_all(staging, side, n_each * n_bytes); });
    attempts.run([&] {
      gpu::Combination part = how;
      part.n_each = static_cast<std::int64_t>(n_each);
      route_.mover->combine(staging, side,
                            static_cast<std::size_t>(comm_.rank()) * n_each * n_bytes, part);
    });
    attempts.run_always([&] { route_.mover->all_gather(staging, side, n_each * n_bytes); });
    attempts.run([&] {
      staging.start_store(side, 0, to + chunk * n_of_chunk * n_bytes, n_in(chunk) * n_bytes);
    });
  }
  agree_on(comm_, "reduce()", [&] {
    attempts.run_always([&] { staging.synchronize(); });
    attempts.rethrow();
  });
}

std::size_t DeviceTensors::gather(const DeviceSpan& values, const DeviceBuffer& result) {
  int device = -1;
  agree_on(comm_, "gather()", [&] { device = check(values, result); });
  reduce::agree_on_shapes(comm_, "gather",
                          fmt::format("{} on a device", to_string(values.element)));
  std::vector<std::int64_t> lengths(static_cast<std::size_t>(comm_.size()), 0);
  lengths[static_cast<std::size_t>(comm_.rank())] = static_cast<std::int64_t>(values.n);
  comm_.all_reduce(std::span(lengths), Communicator::Op::sum);
  const std::vector<std::size_t> n_of_rank(lengths.begin(), lengths.end());
  std::size_t n_all = 0;
  for (const auto n : n_of_rank) n_all += n;
  agree_on(comm_, "gather()", [&] {
    if (result.n >= n_all) return;
    throw UsageError(fmt::format("gather() on rank {}: the result has room for {} of {} elements",
                                 comm_.rank(), result.n, n_all));
  });
  if (n_all == 0) return 0;
  take_route(device);
  gather_chunks(values, result, n_of_rank);
  return n_all;
}

void DeviceTensors::gather_chunks(const DeviceSpan& values, const DeviceBuffer& result,
                                  const std::vector<std::size_t>& n_of_rank) {
  const std::size_t n_bytes = bytes_of(values.element);
  const std::size_t n_each = chunk_bytes_ / n_bytes / n_of_rank.size();
  const std::size_t n_chunks =
      rounded_up(*std::max_element(n_of_rank.begin(), n_of_rank.end()), n_each);
  const auto rank = static_cast<std::size_t>(comm_.rank());
  const auto* from = static_cast<const std::byte*>(values.data);
  gpu::Staging& staging = *route_.staging;
  Attempts attempts;
  const auto n_in = [&](std::size_t chunk, std::size_t of_rank) {
    const std::size_t n_before = chunk * n_each;
    return n_of_rank[of_rank] > n_before ? std::min(n_each, n_of_rank[of_rank] - n_before)
                                         : std::size_t{0};
  };
  const auto load = [&](std::size_t chunk) {
    if (n_in(chunk, rank) == 0) return;
    staging.start_load(static_cast<int>(chunk % 2), rank * n_each * n_bytes,
                       from + chunk * n_each * n_bytes, n_in(chunk, rank) * n_bytes);
  };
  const auto store = [&](std::size_t chunk) {
    auto* to = static_cast<std::byte*>(result.target());
    for (std::size_t r = 0; r < n_of_rank.size(); ++r) {
      if (n_in(chunk, r) > 0) {
        staging.start_store(static_cast<int>(chunk % 2), r * n_each * n_bytes,
                            to + chunk * n_each * n_bytes, n_in(chunk, r) * n_bytes);
      }
      to += n_of_rank[r] * n_bytes;
    }
  };
  attempts.run([&] {
    staging.begin(values.stream);
    if (result.stream != values.stream) staging.begin(result.stream);
    load(0);
  });
  for (std::size_t chunk = 0; chunk < n_chunks; ++chunk) {
    const int side = static_cast<int>(chunk % 2);
    attempts.run([&] {
      staging.wait(side);
      if (chunk + 1 < n_chunks) load(chunk + 1);
    });
    attempts.run_always([&] { route_.mover->all_gather(staging, side, n_each * n_bytes); });
    attempts.run([&] { store(chunk); });
  }
  agree_on(comm_, "gather()", [&] {
    attempts.run_always([&] { staging.synchronize(); });
    attempts.rethrow();
  });
}

}  // namespace ranklog
