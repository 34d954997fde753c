// Blocks of records that are used again: made by the thread that logs, given back by the one that
// writes.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "ranklog/record_block.hpp"

namespace ranklog {

class RecordBlockPool;

// Gives a block back to its pool instead of deleting it.
class BlockReturner {
 public:
  BlockReturner() = default;
  explicit BlockReturner(std::shared_ptr<RecordBlockPool> pool) : pool_(std::move(pool)) {}
  void operator()(RecordBlock* block) const;

 private:
  std::shared_ptr<RecordBlockPool> pool_;
};

using PooledBlock = std::unique_ptr<RecordBlock, BlockReturner>;

// Thread safety: all members, from any thread.
class RecordBlockPool : public std::enable_shared_from_this<RecordBlockPool> {
 public:
  // A block as it was given back, or an empty one. Allocates only when none is left.
  [[nodiscard]] PooledBlock take();

 private:
  friend class BlockReturner;
  void give_back(std::unique_ptr<RecordBlock> block);

  std::mutex mutex_;
  std::vector<std::unique_ptr<RecordBlock>> free_;
};

}  // namespace ranklog
