// A small HTTP client for the REST interfaces of trackers, over libcurl.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/error.hpp"
#include "http/url.hpp"

namespace ranklog::http {

struct Header {
  std::string name;
  std::string value;
};

struct ClientOptions {
  Url server;  // `server.user` and `server.password` are for HTTP Basic authentication
  bool is_user_secret = false;  // where half of a key is sent as the user
  std::string bearer_token;
  std::vector<Header> secret_headers;        // further credentials; never shown
  std::filesystem::path ca_file;             // instead of the system's certificates
  std::filesystem::path client_certificate;  // PEM with its key; empty: none
  std::chrono::milliseconds connect_timeout{10000};
  std::chrono::milliseconds timeout{60000};  // of one request, its answer included
  std::size_t max_answer_bytes = std::size_t{16} << 20;
};

enum class Method : std::uint8_t { get, post, put };

// A part of a form (multipart/form-data, RFC 7578).
struct FormPart {
  std::string name;
  std::string file_name = {};
  std::string content_type = {};
  std::string bytes = {};
  std::filesystem::path file = {};  // sent instead of `bytes`; never all in memory
};

struct Request {
  Method method = Method::get;
  std::string path;                 // behind the server's address, encoded; begins with "/"
  std::vector<Header> query = {};   // encoded by the client; not shown in messages
  std::string body = {};            // not for get
  std::filesystem::path file = {};  // sent instead of `body`, for put; never all in memory
  std::string content_type = "application/json";
  std::vector<FormPart> form = {};  // for post: instead of `body`
};

struct Response {
  int status = 0;
  std::string content_type;
  std::string body;
  std::optional<std::chrono::seconds> retry_after;
};

// Verifies certificates, always. Uses the proxies of the environment as libcurl does. Follows
// redirects on the same host only (may_redirect). Keeps connections open between requests.
// Thread safety: one thread at a time, but cancel() from any.
class Client {
 public:
  explicit Client(ClientOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // For later requests, also in place of user and password; empty: none.
  void set_bearer_token(std::string token);

  // One try. Any HTTP status is an answer. Errors: Error with every Fault but refused, bad_answer.
  [[nodiscard]] Response send(const Request& request);
  // Makes the request that is under way, and every later one, fail with Fault::cancelled.
  void cancel() noexcept;
  [[nodiscard]] bool is_cancelled() const noexcept;

  // "POST https://host/path": for messages.
  [[nodiscard]] std::string describe(const Request& request) const;
  // `text` with control characters escaped, cut, and each of our secrets taken out.
  [[nodiscard]] std::string redacted(std::string_view text) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ranklog::http
