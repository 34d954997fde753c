// What can go wrong between us and a server, and whether trying again can help.
#pragma once

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace ranklog::http {

enum class Fault : std::uint8_t {
  unreachable,  // no connection, name not found, connection lost, no answer in time
  tls,          // the certificate does not verify, or there is no common protocol
  too_large,    // the answer exceeds ClientOptions::max_answer_bytes
  redirected,   // to a place to which we do not follow
  refused,      // an answer with an HTTP status that is no success
  bad_answer,   // a success that does not say what it should
  cancelled,    // cancel() was called
  local,        // a file to send cannot be read, or memory is short
};

// What a server said when it refused.
struct Refusal {
  int status = 0;
  std::string code;  // of a JSON answer's "error_code"
  std::chrono::seconds retry_after{0};
};

// `what()` names what was tried and never holds a secret.
class Error : public std::runtime_error {
 public:
  Error(Fault fault, const std::string& message, Refusal refusal = {})
      : std::runtime_error(message), fault_(fault), refusal_(std::move(refusal)) {}

  [[nodiscard]] Fault fault() const noexcept { return fault_; }
  // Meaningful with Fault::refused.
  [[nodiscard]] const Refusal& refusal() const noexcept { return refusal_; }

  // Waiting and trying again can help.
  [[nodiscard]] bool is_transient() const noexcept;
  // It can help, but may as well be the request's own fault for ever: tries should be limited.
  [[nodiscard]] bool is_doubtful() const noexcept;

 private:
  Fault fault_;
  Refusal refusal_;
};

}  // namespace ranklog::http
