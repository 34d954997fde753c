#include "core/record_block_pool.hpp"

namespace ranklog {

void BlockReturner::operator()(RecordBlock* block) const {
  std::unique_ptr<RecordBlock> owned(block);
  if (pool_) pool_->give_back(std::move(owned));
}

PooledBlock RecordBlockPool::take() {
  std::unique_ptr<RecordBlock> block;
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      block = std::move(free_.back());
      free_.pop_back();
    }
  }
  if (!block) block = std::make_unique<RecordBlock>();
  return PooledBlock(block.release(), BlockReturner(shared_from_this()));
}

void RecordBlockPool::give_back(std::unique_ptr<RecordBlock> block) {
  const std::lock_guard lock(mutex_);
  free_.push_back(std::move(block));
}

}  // namespace ranklog
