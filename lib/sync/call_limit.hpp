// Ends calls of a tracker that wait too long for a server, or that the user no longer waits for.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "ranklog/tracker.hpp"

namespace ranklog::sync {

// A thread that calls cancel() once a call has taken longer than `limit` (0: none), or than 3 s
// when `should_stop` says so. A tracker that was cancelled delivers nothing more.
class CallLimit {
 public:
  using Seconds = std::chrono::duration<double>;

  CallLimit(GeneralTracker& tracker, Seconds limit, std::function<bool()> should_stop);
  ~CallLimit();
  CallLimit(const CallLimit&) = delete;
  CallLimit& operator=(const CallLimit&) = delete;

  template <class Call>
  void run(const Call& call) {
    struct Watch {
      explicit Watch(CallLimit& limit) : limit_(limit) { limit_.set_calling(true); }
      ~Watch() { limit_.set_calling(false); }
      CallLimit& limit_;
    } watch(*this);
    call();
  }
  [[nodiscard]] bool has_cancelled() const;

 private:
  void set_calling(bool is_calling);
  void watch();

  GeneralTracker& tracker_;
  Seconds limit_;
  std::function<bool()> should_stop_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool is_calling_ = false;
  bool is_ending_ = false;
  bool has_cancelled_ = false;
  std::chrono::steady_clock::time_point called_at_;
  std::thread thread_;
};

}  // namespace ranklog::sync
