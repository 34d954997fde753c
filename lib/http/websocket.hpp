// A WebSocket to a server of questions and answers: one message out, one message back. libcurl
// connects (names, proxies, TLS, time limits); why no library is used for the rest:
// docs/design/0014-aim.md.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "http/client.hpp"

namespace ranklog::http {

// Thread safety: one thread at a time, but cancel() from any.
class WebSocket {
 public:
  // `path` as in Request. Of the options, bearer tokens and secret headers are not used.
  WebSocket(ClientOptions options, std::string path);
  ~WebSocket();
  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;

  // Connects, unless it is connected. Errors: Error with every Fault but redirected.
  void open();
  // Sends a binary message and returns the server's next message; within ClientOptions::timeout.
  // Errors: Error; the connection is closed then.
  [[nodiscard]] std::string exchange(std::string_view message);
  // Says goodbye to the server, if it is connected, and does not wait for an answer.
  void close() noexcept;
  [[nodiscard]] bool is_open() const noexcept;
  // Makes the call that is under way, and every later one, fail with Fault::cancelled.
  void cancel() noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ranklog::http
