// The calls of Comet's REST interface, version 2, that we make
// (comet.com/docs/v2/api-and-sdk/rest-api), with a limit on how many.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "http/retrying_client.hpp"
#include "trackers/comet/comet_target.hpp"

namespace ranklog::trackers::comet {

// So many requests a second on the average, and a burst of them at the beginning. Comet takes
// 15,000 an hour of each key: 4 a second, and 500 at once, stay below that.
class RequestBudget {
 public:
  using Clock = std::chrono::steady_clock;
  explicit RequestBudget(double per_second);
  // True, and one request less, if there is room for one.
  [[nodiscard]] bool take(Clock::time_point now);
  // Until there is room again.
  [[nodiscard]] std::chrono::milliseconds wait() const;

 private:
  static constexpr double burst_s = 125;
  double per_second_;
  double n_left_;
  Clock::time_point counted_at_;
};

// Each call waits for the server, or until cancel(), and those but may_send() also for the budget.
// Errors: http::Error, with an explanation where the server's own answer does not say what to do.
// Thread safety: one thread at a time, but cancel() from any.
class Service {
 public:
  Service(http::ClientOptions options, double max_requests_per_s,
          std::function<void(const std::string&)> report);

  // Takes from the budget for a request that is made with `is_paid`.
  [[nodiscard]] bool may_send() { return budget_.take(RequestBudget::Clock::now()); }

  [[nodiscard]] std::string default_workspace();
  // The key of the new experiment. A repeated request makes another one.
  [[nodiscard]] std::string create_experiment(const std::string& body);
  void require_experiment(const std::string& key);
  enum class Paid : bool { no, yes };
  // POST to write/experiment/<call>.
  void write(std::string_view call, std::string body, Paid paid = Paid::no);
  // Says that the experiment is alive; returns when to say so again.
  [[nodiscard]] std::chrono::milliseconds beat(const std::string& key);
  void put_file(const std::string& key, const Upload& upload);
  void cancel() noexcept;

 private:
  using Understand = http::RetryingClient::Understand;
  void call(const http::Request& request, const Understand& parse, http::Doubt doubt,
            Paid paid = Paid::no);
  void await_budget();

  http::RetryingClient client_;
  RequestBudget budget_;
  std::mutex mutex_;
  std::condition_variable cancelled_;
};

}  // namespace ranklog::trackers::comet
