#include "http/retrying_client.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "http/json_answer.hpp"

namespace ranklog::http {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace

RetryingClient::RetryingClient(ClientOptions client, RetryOptions retry,
                               std::function<void(const std::string&)> report)
    : client_(std::move(client)), options_(retry), report_(std::move(report)) {}

std::string RetryingClient::try_once(const Request& request, const Understand& understand) {
  auto response = client_.send(request);
  if (response.status < 200 || response.status > 299) {
    Refusal refusal;
    refusal.status = response.status;
    refusal.code = error_code_of(response.body);
    if (response.retry_after) refusal.retry_after = *response.retry_after;
    throw Error(Fault::refused,
                fmt::format("{}: HTTP status {}: {}", client_.describe(request), response.status,
                            client_.redacted(message_of(response.body))),
                std::move(refusal));
  }
  try {
    understand(response.body);
  } catch (const BadAnswerError& error) {
    throw Error(Fault::bad_answer,
                fmt::format("{}: the answer makes no sense: {}", client_.describe(request),
                            client_.redacted(error.what())));
  }
  return std::move(response.body);
}

void RetryingClient::persist(const std::function<void()>& attempt, Doubt doubt) {
  int n_doubtful = 0;
  const auto begin = Clock::now();
  for (int n_tries = 1;; ++n_tries) {
    try {
      attempt();
      if (n_tries > 1) {
        report_(fmt::format("the server works again, after {} tries in {:.1f} s", n_tries,
                            seconds_since(begin)));
      }
      return;
    } catch (const Error& error) {
      if (!error.is_transient()) throw;
      if (error.is_doubtful() && doubt == Doubt::give_up &&
          ++n_doubtful >= options_.max_doubtful_tries) {
        throw;
      }
      if (n_tries == 1) report_(fmt::format("{}; trying again", error.what()));
      const std::chrono::milliseconds wish =
          std::min(error.refusal().retry_after, options_.longest_retry_after);
      if (!wait(std::max(wish, pause_after(n_tries)))) {
        throw Error(Fault::cancelled,
                    fmt::format("{} ({} in {:.1f} s)", error.what(),
                                n_tries == 1 ? "1 try" : fmt::format("{} tries", n_tries),
                                seconds_since(begin)));
      }
    }
  }
}

std::string RetryingClient::send(const Request& request, const Understand& understand,
                                 Doubt doubt) {
  std::string body;
  persist([&] { body = try_once(request, understand); }, doubt);
  return body;
}

void RetryingClient::cancel() noexcept {
  client_.cancel();
  // The lock, so that a wait() between its look and its sleep does not miss this.
  { const std::lock_guard lock(mutex_); }
  cancelled_.notify_all();
}

bool RetryingClient::wait(std::chrono::milliseconds duration) {
  std::unique_lock lock(mutex_);
  return !cancelled_.wait_for(lock, duration, [&] { return client_.is_cancelled(); });
}

std::chrono::milliseconds RetryingClient::pause_after(int n_tries) {
  auto pause = options_.first_wait;
  for (int i = 1; i < n_tries && pause < options_.longest_wait; ++i) pause *= 2;
  pause = std::min(pause, options_.longest_wait);
  std::uniform_int_distribution<std::chrono::milliseconds::rep> part(pause.count() / 2,
                                                                     pause.count());
  return std::chrono::milliseconds(part(random_));
}

}  // namespace ranklog::http
