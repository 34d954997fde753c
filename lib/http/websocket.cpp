#include "http/websocket.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <optional>
#include <random>

#include "core/text.hpp"
#include "http/base64.hpp"
#include "http/curl_handle.hpp"
#include "http/json_answer.hpp"
#include "http/sigpipe_guard.hpp"
#include "http/websocket_frames.hpp"

namespace ranklog::http {
namespace {

using Clock = std::chrono::steady_clock;

std::array<unsigned char, 4> random_mask() {
  std::random_device random;
  const std::uint32_t bits = random();
  std::array<unsigned char, 4> mask{};
  for (std::size_t i = 0; i < mask.size(); ++i) {
    mask[i] = static_cast<unsigned char>(bits >> (8 * i) & 0xFFU);
  }
  return mask;
}

std::string random_key() {
  std::string bytes;
  for (int i = 0; i < 4; ++i) {
    for (const unsigned char c : random_mask()) bytes += static_cast<char>(c);
  }
  return base64(bytes);
}

// "https://host:port/base/path" as the Host header and the path that the request line takes.
struct Target {
  std::string host;
  std::string path;
};
Target target_of(const Url& server, const std::string& path) {
  const auto begin = server.text.find("//") + 2;
  const auto end = std::min(server.text.find('/', begin), server.text.size());
  return {server.text.substr(begin, end - begin), server.text.substr(end) + path};
}

}  // namespace

class WebSocket::Impl {
 public:
  Impl(ClientOptions options, std::string path)
      : options_(std::move(options)), path_(std::move(path)) {}

  void open() {
    const SigpipeGuard no_sigpipe;
    if (easy_) return;
    guarded([&] {
      deadline_ = Clock::now() + options_.timeout;
      connect();
      shake_hands();
    });
  }

  std::string exchange(std::string_view message) {
    open();
    const SigpipeGuard no_sigpipe;
    std::string answer;
    guarded([&] {
      deadline_ = Clock::now() + options_.timeout;
      send_frame(Opcode::binary, message);
      answer = receive_message();
    });
    return answer;
  }

  void close() noexcept {
    if (!easy_) return;
    try {
      const SigpipeGuard no_sigpipe;
      std::string bytes;
      append_frame(bytes, Opcode::close, std::string_view("\x03\xE8", 2), random_mask());  // 1000
      std::size_t n_sent = 0;
      static_cast<void>(curl_easy_send(easy_.get(), bytes.data(), bytes.size(), &n_sent));
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): it was only polite
    }
    drop();
  }

  [[nodiscard]] bool is_open() const noexcept { return easy_ != nullptr; }

  void cancel() noexcept {
    is_cancelled_ = true;
    curl_multi_wakeup(multi_.get());
  }

 private:
  [[noreturn]] void fail(Fault fault, std::string_view why, Refusal refusal = {}) const {
    throw Error(
        fault,
        fmt::format("WebSocket {}{}: {}", options_.server.text, path_, escape_unprintable(why)),
        std::move(refusal));
  }

  template <class Work>
  void guarded(const Work& work) {
    try {
      work();
    } catch (const BadAnswerError& error) {
      drop();
      fail(Fault::bad_answer, error.what());
    } catch (...) {
      drop();
      throw;
    }
  }

  void drop() noexcept {
    if (!easy_) return;
    // Else the clean-up would wait for a name server that does not answer.
    if (is_cancelled_) curl_easy_setopt(easy_.get(), CURLOPT_QUICK_EXIT, 1L);
    curl_multi_remove_handle(multi_.get(), easy_.get());
    easy_.reset();
  }

  // The handle stays in `multi_`, which owns the connection.
  void connect() {
    easy_ = make_easy();
    CURL* handle = easy_.get();
    std::array<char, CURL_ERROR_SIZE> why{};
    set_connection_options(handle, options_, options_.server.text + path_);
    set_option(handle, CURLOPT_CONNECT_ONLY, 1L);
    set_option(handle, CURLOPT_HTTPPROXYTUNNEL, 1L);
    set_option(handle, CURLOPT_SSL_ENABLE_ALPN, 0L);  // it is HTTP/1.1 that is upgraded
    set_option(handle, CURLOPT_FRESH_CONNECT, 1L);
    set_option(handle, CURLOPT_ERRORBUFFER, why.data());
    const CURLcode code = perform(handle);
    set_option(handle, CURLOPT_ERRORBUFFER, nullptr);
    if (is_cancelled_) fail(Fault::cancelled, "given up at the deadline");
    if (code != CURLE_OK) {
      fail(fault_of(code), why[0] != '\0' ? why.data() : curl_easy_strerror(code));
    }
    if (curl_easy_getinfo(handle, CURLINFO_ACTIVESOCKET, &socket_) != CURLE_OK ||
        socket_ == CURL_SOCKET_BAD) {
      fail(Fault::unreachable, "the connection is lost");
    }
  }

  CURLcode perform(CURL* handle) {
    constexpr int poll_ms = 1000;
    if (curl_multi_add_handle(multi_.get(), handle) != CURLM_OK) return CURLE_OUT_OF_MEMORY;
    int n_running = 1;
    while (!is_cancelled_) {
      if (curl_multi_perform(multi_.get(), &n_running) != CURLM_OK) return CURLE_OUT_OF_MEMORY;
      int n_left = 0;
      while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &n_left)) {
        if (message->msg == CURLMSG_DONE) return message->data.result;
      }
      if (curl_multi_poll(multi_.get(), nullptr, 0, poll_ms, nullptr) != CURLM_OK) {
        return CURLE_OUT_OF_MEMORY;
      }
    }
    return CURLE_ABORTED_BY_CALLBACK;
  }

  void shake_hands() {
    constexpr std::size_t max_head = 16384;
    const auto key = random_key();
    const auto [host, path] = target_of(options_.server, path_);
    const auto& [user, password] = std::tie(options_.server.user, options_.server.password);
    send_all(upgrade_request(host, path, key,
                             user.empty() ? "" : "Basic " + base64(user + ':' + password)));
    std::string head;
    auto end = std::string::npos;
    while (end == std::string::npos) {
      if (head.size() > max_head) throw BadAnswerError("no end of the HTTP headers");
      head += receive_some();
      end = head.find("\r\n\r\n");
    }
    const int status = upgrade_status(std::string_view(head).substr(0, end), key);
    if (status != 101) {
      Refusal refusal;
      refusal.status = status;
      fail(Fault::refused, fmt::format("HTTP status {}", status), std::move(refusal));
    }
    reader_ = FrameReader(options_.max_answer_bytes);
    reader_.feed(std::string_view(head).substr(end + 4));
  }

  void send_frame(Opcode opcode, std::string_view payload) {
    std::string bytes;
    append_frame(bytes, opcode, payload, random_mask());
    send_all(bytes);
  }

  std::string receive_message() {
    while (true) {
      while (auto frame = reader_.next()) {
        switch (frame->opcode) {
          case Opcode::ping:
            send_frame(Opcode::pong, frame->payload);
            break;
          case Opcode::pong:
            break;
          case Opcode::close:
            fail(Fault::unreachable, "closed by the server");
          default:
            return std::move(frame->payload);
        }
      }
      reader_.feed(receive_some());
    }
  }

  void send_all(std::string_view bytes) {
    while (!bytes.empty()) {
      std::size_t n_sent = 0;
      const CURLcode code = curl_easy_send(easy_.get(), bytes.data(), bytes.size(), &n_sent);
      if (code == CURLE_AGAIN) {
        wait(CURL_WAIT_POLLOUT);
      } else if (code != CURLE_OK) {
        fail(Fault::unreachable, "the connection is lost");
      }
      bytes.remove_prefix(n_sent);
    }
  }

  std::string receive_some() {
    std::array<char, 16384> buffer{};
    while (true) {
      std::size_t n_received = 0;
      const CURLcode code = curl_easy_recv(easy_.get(), buffer.data(), buffer.size(), &n_received);
      if (code == CURLE_OK && n_received > 0) return {buffer.data(), n_received};
      if (code != CURLE_AGAIN) fail(Fault::unreachable, "the connection is lost");
      wait(CURL_WAIT_POLLIN);
    }
  }

  // Errors: Error when cancelled or late.
  void wait(short events) {
    if (is_cancelled_) fail(Fault::cancelled, "given up at the deadline");
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now());
    if (left.count() <= 0) {
      fail(Fault::unreachable, fmt::format("no answer within {} ms", options_.timeout.count()));
    }
    curl_waitfd descriptor{socket_, events, 0};
    constexpr std::chrono::milliseconds::rep longest_ms = 1000;
    const auto wait_ms = static_cast<int>(std::min(left.count() + 1, longest_ms));
    if (curl_multi_poll(multi_.get(), &descriptor, 1, wait_ms, nullptr) != CURLM_OK) {
      fail(Fault::local, "libcurl cannot wait");
    }
  }

  ClientOptions options_;
  std::string path_;
  std::atomic<bool> is_cancelled_ = false;
  Multi multi_ = make_multi();
  Easy easy_;  // null: not connected
  curl_socket_t socket_ = CURL_SOCKET_BAD;
  Clock::time_point deadline_;
  FrameReader reader_{0};
};

WebSocket::WebSocket(ClientOptions options, std::string path)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(path))) {}
WebSocket::~WebSocket() { impl_->close(); }
void WebSocket::open() { impl_->open(); }
std::string WebSocket::exchange(std::string_view message) { return impl_->exchange(message); }
void WebSocket::close() noexcept { impl_->close(); }
bool WebSocket::is_open() const noexcept { return impl_->is_open(); }
void WebSocket::cancel() noexcept { impl_->cancel(); }

}  // namespace ranklog::http
