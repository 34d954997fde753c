// An HTTP server on loopback that answers each request with the next raw text of a script.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace ranklog::test_support {

// "200 OK" and a body as a whole answer after which the connection closes.
inline std::string http_answer(const std::string& status, const std::string& body,
                               const std::string& headers = {}) {
  return "HTTP/1.1 " + status + "\r\nConnection: close\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

class StubServer {
 public:
  // An empty answer: the connection is closed at once. "hang": no answer until the end.
  explicit StubServer(std::vector<std::string> script) : script_(std::move(script)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t n_bytes = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, generic, n_bytes) != 0 || ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, generic, &n_bytes) != 0) {
      throw std::runtime_error("stub server: no socket");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~StubServer() {
    is_closing_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  StubServer(const StubServer&) = delete;
  StubServer& operator=(const StubServer&) = delete;

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  // Each request as it came in, headers and body.
  [[nodiscard]] std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  static std::string read_request(int connection) {
    std::string text;
    char buffer[4096];
    std::size_t n_wanted = std::string::npos;
    while (text.size() < n_wanted) {
      const auto n = ::recv(connection, buffer, sizeof buffer, 0);
      if (n <= 0) break;
      text.append(buffer, static_cast<std::size_t>(n));
      const auto end = text.find("\r\n\r\n");
      if (end == std::string::npos || n_wanted != std::string::npos) continue;
      const auto at = text.find("Content-Length: ");
      n_wanted = end + 4 + (at < end ? std::stoul(text.substr(at + 16)) : 0);
    }
    return text;
  }

  void serve() {
    for (std::size_t i = 0; !is_closing_; ++i) {
      const int connection = ::accept(listener_, nullptr, nullptr);
      if (connection < 0) break;
      auto request = read_request(connection);
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(std::move(request));
      }
      const std::string answer = i < script_.size() ? script_[i] : std::string();
      while (answer == "hang" && !is_closing_) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
      std::string_view rest = answer == "hang" ? std::string_view() : std::string_view(answer);
      while (!rest.empty()) {
        const auto n = ::send(connection, rest.data(), rest.size(), MSG_NOSIGNAL);
        if (n <= 0) break;
        rest.remove_prefix(static_cast<std::size_t>(n));
      }
      ::close(connection);
    }
  }

  std::vector<std::string> script_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> is_closing_ = false;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

}  // namespace ranklog::test_support
