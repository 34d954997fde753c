#include "device/engine.hpp"

#include <utility>

#include "ranklog/error.hpp"

namespace ranklog::gpu {
namespace {

constexpr auto unplaced = static_cast<std::size_t>(-1);

// In a few sizes, so that launches of scalars do not each hold the scratch memory of large tensors,
// and a workspace can be used again by a launch that is a little larger.
int capacity_for(int n_blocks) {
  int capacity = 64;
  while (capacity < n_blocks) capacity *= 4;
  return capacity;
}

}  // namespace

Ticket::~Ticket() {
  if (engine_ != nullptr) engine_->release(batch_);
}

Ticket::Ticket(Ticket&& other) noexcept
    : engine_(std::exchange(other.engine_, nullptr)), batch_(other.batch_) {}

Ticket& Ticket::operator=(Ticket&& other) noexcept {
  std::swap(engine_, other.engine_);
  std::swap(batch_, other.batch_);
  return *this;
}

bool Ticket::is_done() { return engine_->is_done(batch_); }

void Ticket::wait() { engine_->wait(batch_); }

const TensorStatistics& Ticket::result(std::size_t tensor) const {
  const auto& place = engine_->batches_[batch_].places[tensor];
  return engine_->workspaces_[place.workspace].workspace->results()[place.index];
}

Ticket Engine::submit(std::span<const DeviceSpan> tensors) {
  device_of_.clear();
  driver_->check_no_error();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    device_of_.push_back(driver_->device_of(tensors[i].data));
    // Each question costs the caller's thread; a call's tensors mostly share one stream.
    const bool is_asked =
        i > 0 && tensors[i].stream == tensors[i - 1].stream && device_of_[i] == device_of_[i - 1];
    if (!is_asked) driver_->check_stream(tensors[i].stream, device_of_[i]);
  }
  const std::size_t id = lease_batch();
  batches_[id].places.assign(tensors.size(), Place{unplaced, 0});
  try {
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (batches_[id].places[i].workspace == unplaced) launch_group(batches_[id], tensors, i);
    }
  } catch (...) {
    release(id);
    throw;
  }
  return {*this, id};
}

// Launches tensor `first` and those after it that are not yet placed and share its stream and
// device, as many as one launch takes.
void Engine::launch_group(Batch& batch, std::span<const DeviceSpan> tensors, std::size_t first) {
  one_stream_.clear();
  group_.clear();
  int n_blocks = 0;
  for (std::size_t i = first; i < tensors.size(); ++i) {
    if (batch.places[i].workspace != unplaced || tensors[i].stream != tensors[first].stream ||
        device_of_[i] != device_of_[first]) {
      continue;
    }
    if (one_stream_.size() == max_tensors_per_launch) break;
    one_stream_.push_back(tensors[i]);
    group_.push_back(i);
    n_blocks += blocks_for(static_cast<std::int64_t>(tensors[i].n));
  }
  const std::size_t leased = lease_workspace(device_of_[first], n_blocks);
  batch.workspaces.push_back(leased);
  for (std::size_t i = 0; i < group_.size(); ++i) batch.places[group_[i]] = {leased, i};
  auto& pooled = workspaces_[leased];
  pooled.is_running = true;  // also if launch() throws: its kernel may be in the stream
  pooled.workspace->launch(one_stream_, tensors[first].stream);
}

std::size_t Engine::lease_batch() {
  for (std::size_t id = 0; id < batches_.size(); ++id) {
    if (!batches_[id].is_free) continue;
    batches_[id].is_free = false;
    return id;
  }
  batches_.emplace_back().is_free = false;
  return batches_.size() - 1;
}

std::size_t Engine::lease_workspace(int device, int n_blocks) {
  for (std::size_t id = 0; id < workspaces_.size(); ++id) {
    auto& pooled = workspaces_[id];
    if (pooled.is_leased || pooled.device != device || pooled.capacity < n_blocks) continue;
    // Left by a ticket that nobody waited for.
    if (pooled.is_running && !pooled.workspace->is_done()) continue;
    pooled.is_running = false;
    pooled.is_leased = true;
    return id;
  }
  const int capacity = capacity_for(n_blocks);
  workspaces_.push_back({driver_->make_workspace(device, capacity), device, capacity, true, false});
  return workspaces_.size() - 1;
}

bool Engine::is_done(std::size_t batch) {
  for (const auto id : batches_[batch].workspaces) {
    auto& pooled = workspaces_[id];
    if (!pooled.is_running) continue;
    if (!pooled.workspace->is_done()) return false;
    pooled.is_running = false;
  }
  return true;
}

void Engine::wait(std::size_t batch) {
  for (const auto id : batches_[batch].workspaces) {
    auto& pooled = workspaces_[id];
    if (pooled.is_running) pooled.workspace->wait();
    pooled.is_running = false;
  }
}

void Engine::release(std::size_t batch) noexcept {
  for (const auto id : batches_[batch].workspaces) workspaces_[id].is_leased = false;
  batches_[batch].workspaces.clear();
  batches_[batch].places.clear();
  batches_[batch].is_free = true;
}

}  // namespace ranklog::gpu
