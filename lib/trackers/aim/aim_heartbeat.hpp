// Tells an Aim server that its client lives: after 300 s of silence it would free the client's
// resources (aim/ext/transport/heartbeat.py).
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "http/client.hpp"

namespace ranklog::trackers::aim {

class Heartbeat {
 public:
  Heartbeat(http::ClientOptions client, std::string path)
      : client_(std::move(client)), path_(std::move(path)) {}
  ~Heartbeat() { stop(); }
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  // From now on every 10 s, on a thread of its own; a beat that fails is left to the next one.
  void start();
  // Ends a beat that is under way.
  void stop() noexcept;

 private:
  void run();

  http::Client client_;
  std::string path_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace ranklog::trackers::aim
