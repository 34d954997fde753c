#include "trackers/aim/aim_heartbeat.hpp"

#include <chrono>

namespace ranklog::trackers::aim {

void Heartbeat::start() {
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
}

void Heartbeat::stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  client_.cancel();
  if (thread_.joinable()) thread_.join();
}

void Heartbeat::run() {
  constexpr auto interval = std::chrono::seconds(10);
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, interval, [&] { return is_stopping_; })) {
    lock.unlock();
    try {
      static_cast<void>(client_.send({.path = path_}));
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the rows say what is wrong
    }
    lock.lock();
  }
}

}  // namespace ranklog::trackers::aim
