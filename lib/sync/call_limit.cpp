#include "sync/call_limit.hpp"

#include <utility>

namespace ranklog::sync {
namespace {

constexpr auto look_every = std::chrono::milliseconds(100);
constexpr auto stop_grace = std::chrono::seconds(3);  // for what is under way

}  // namespace

CallLimit::CallLimit(GeneralTracker& tracker, Seconds limit, std::function<bool()> should_stop)
    : tracker_(tracker),
      limit_(limit),
      should_stop_(std::move(should_stop)),
      thread_([this] { watch(); }) {}

CallLimit::~CallLimit() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool CallLimit::has_cancelled() const {
  const std::lock_guard lock(mutex_);
  return has_cancelled_;
}

void CallLimit::set_calling(bool is_calling) {
  const std::lock_guard lock(mutex_);
  is_calling_ = is_calling;
  if (is_calling) called_at_ = std::chrono::steady_clock::now();
}

void CallLimit::watch() {
  std::unique_lock lock(mutex_);
  while (!is_ending_ && !has_cancelled_) {
    changed_.wait_for(lock, look_every, [&] { return is_ending_; });
    if (!is_calling_) continue;
    const Seconds waited = std::chrono::steady_clock::now() - called_at_;
    const bool is_over = limit_.count() > 0 && waited > limit_;
    const bool is_unwanted = waited > stop_grace && should_stop_ && should_stop_();
    if (!is_over && !is_unwanted) continue;
    has_cancelled_ = true;
    tracker_.cancel();
  }
}

}  // namespace ranklog::sync
