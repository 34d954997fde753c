// A client that does not give up: tries again, with growing waits, where that can help.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <random>
#include <string>

#include "http/client.hpp"

namespace ranklog::http {

struct RetryOptions {
  std::chrono::milliseconds first_wait{500};  // doubled with each try; a random part is taken off
  std::chrono::milliseconds longest_wait{10000};
  std::chrono::seconds longest_retry_after{60};  // more than that is not waited for
  int max_doubtful_tries = 6;
};

// What to do about a request that is answered by status 500 or by nonsense again and again. A
// server that cannot be reached is tried for ever in both cases.
enum class Doubt : std::uint8_t { give_up, insist };

// Thread safety: as Client.
class RetryingClient {
 public:
  // Throws BadAnswerError (json_answer.hpp) about the body of a success that says something else
  // than it should.
  using Understand = std::function<void(const std::string& body)>;

  // `report` gets one line when trouble begins and one when it is over.
  RetryingClient(ClientOptions client, RetryOptions retry,
                 std::function<void(const std::string&)> report);

  // One try. Returns the body of a success (2xx) with which `understand` was content.
  // Errors: Error of any Fault.
  std::string try_once(const Request& request, const Understand& understand);
  // Calls `attempt`, which makes requests by try_once(), until it ends without an error for which
  // trying again can help.
  void persist(const std::function<void()>& attempt, Doubt doubt = Doubt::give_up);
  // The two together, for a request that may arrive twice without harm.
  std::string send(const Request& request, const Understand& understand,
                   Doubt doubt = Doubt::give_up);
  // Also ends a wait between two tries.
  void cancel() noexcept;

  void set_bearer_token(std::string token) { client_.set_bearer_token(std::move(token)); }
  [[nodiscard]] const Client& client() const noexcept { return client_; }

 private:
  // False when cancelled.
  bool wait(std::chrono::milliseconds duration);
  [[nodiscard]] std::chrono::milliseconds pause_after(int n_tries);

  Client client_;
  RetryOptions options_;
  std::function<void(const std::string&)> report_;
  std::minstd_rand random_{std::random_device{}()};
  std::mutex mutex_;
  std::condition_variable cancelled_;
};

}  // namespace ranklog::http
