// DeviceTensors: the distribution of a tensor over the ranks.
#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <utility>

#include "accelerator/device_tensors.hpp"
#include "core/sketch_buckets.hpp"
#include "reduce/agreement.hpp"

namespace ranklog {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// Behind the buckets, in the same sum.
enum Extra : std::size_t { negative_infinite, positive_infinite, nan, n_extra };

}  // namespace

PendingDistribution::PendingDistribution(std::unique_ptr<Impl> impl) noexcept
    : impl_(std::move(impl)) {}
PendingDistribution::~PendingDistribution() = default;
PendingDistribution::PendingDistribution(PendingDistribution&&) noexcept = default;
PendingDistribution& PendingDistribution::operator=(PendingDistribution&&) noexcept = default;

PendingDistribution DeviceTensors::start_distribution(const DeviceSpan& values) {
  if (values.n == 0) return PendingDistribution(std::make_unique<PendingDistribution::Impl>());
  const int device = gpu::check(driver(), values);
  const auto is_usable = [&](const auto& pass) { return pass.impl_->device == device; };
  const auto free = std::find_if(free_passes_.begin(), free_passes_.end(), is_usable);
  PendingDistribution pending(nullptr);
  if (free != free_passes_.end()) {
    pending = std::move(*free);
    free_passes_.erase(free);
  } else {
    pending.impl_ = std::make_unique<PendingDistribution::Impl>();
    pending.impl_->device = device;
    pending.impl_->statistics = driver().make_workspace(device, gpu::max_blocks);
    pending.impl_->sketch = driver().make_sketcher(device);
  }
  pending.impl_->statistics->launch(std::span(&values, 1), values.stream);
  pending.impl_->sketch->launch(values);
  return pending;
}

Distribution DeviceTensors::finish_distribution(PendingDistribution pending) {
  std::vector<std::int64_t> counts(sketch::n_buckets + n_extra, 0);
  std::array<double, 2> extremes{infinity, infinity};  // the maximum with its sign turned
  reduce::agree(comm_, [&] {
    if (!pending.impl_ || !pending.impl_->sketch) return;
    pending.impl_->statistics->wait();
    pending.impl_->sketch->wait();
    const auto& statistics = pending.impl_->statistics->results()[0];
    const auto buckets = pending.impl_->sketch->counts();
    std::copy(buckets.begin(), buckets.end(), counts.begin());
    const auto extra = std::span(counts).subspan(sketch::n_buckets);
    extra[negative_infinite] = statistics.n_negative_infinite;
    extra[positive_infinite] = statistics.n_positive_infinite;
    extra[nan] = statistics.n_nan;
    if (statistics.min_index >= 0) extremes = {statistics.min, -statistics.max};
    free_passes_.push_back(std::move(pending));
  });
  comm_.all_reduce(std::span(counts), Communicator::Op::sum);
  comm_.all_reduce(std::span(extremes), Communicator::Op::min);
  const std::array<std::int64_t, n_extra> extra{counts[sketch::n_buckets + negative_infinite],
                                                counts[sketch::n_buckets + positive_infinite],
                                                counts[sketch::n_buckets + nan]};
  counts.resize(sketch::n_buckets);
  return {std::move(counts),
          extra[negative_infinite],
          extra[positive_infinite],
          extra[nan],
          extremes[0],
          -extremes[1]};
}

}  // namespace ranklog
