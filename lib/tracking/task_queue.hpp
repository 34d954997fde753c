// The writer thread's work in order: a ring whose slots keep their memory, so that handing over
// blocks of rows allocates nothing once it has grown.
#pragma once

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "core/record_block_pool.hpp"

namespace ranklog::tracking {

using Blocks = std::vector<PooledBlock>;

// Either of the two is empty.
struct Task {
  std::function<void()> work;
  Blocks blocks;
};

// Thread safety: none.
class TaskQueue {
 public:
  [[nodiscard]] bool empty() const noexcept { return n_tasks_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return n_tasks_; }

  void push(std::function<void()> work) { free_slot().work = std::move(work); }
  // Takes the blocks; the caller gets an empty vector, with memory if one was used before.
  void push(Blocks& blocks) { free_slot().blocks.swap(blocks); }
  // Swaps the oldest task into `task`, which must be empty. The queue must not be.
  void pop(Task& task) {
    std::swap(task, slots_[first_]);
    first_ = (first_ + 1) % slots_.size();
    --n_tasks_;
  }

 private:
  [[nodiscard]] Task& free_slot() {
    if (n_tasks_ == slots_.size()) grow();
    return slots_[(first_ + n_tasks_++) % slots_.size()];
  }
  void grow() {
    std::vector<Task> larger(slots_.empty() ? 16 : 2 * slots_.size());
    for (std::size_t i = 0; i < n_tasks_; ++i) {
      std::swap(larger[i], slots_[(first_ + i) % slots_.size()]);
    }
    slots_.swap(larger);
    first_ = 0;
  }

  std::vector<Task> slots_;
  std::size_t first_ = 0;
  std::size_t n_tasks_ = 0;
};

}  // namespace ranklog::tracking
