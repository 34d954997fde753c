#include "trackers/comet/comet_service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <utility>

#include "core/text.hpp"
#include "http/json_answer.hpp"
#include "http/mime_type.hpp"

namespace ranklog::trackers::comet {
namespace {

using http::BadAnswerError;
using http::Doubt;
using http::Fault;
using http::Request;

Request read(std::string_view call, std::vector<http::Header> query = {}) {
  return {.path = fmt::format("/api/rest/v2/{}", call), .query = std::move(query)};
}

void parse_nothing(const std::string& body) { static_cast<void>(http::parse_object(body)); }

std::string require_key(const std::string& body) {
  constexpr std::size_t max_bytes = 64;
  auto key = http::require_text(http::parse_object(body), {"experimentKey"}, max_bytes);
  const bool is_key =
      std::all_of(key.begin(), key.end(), [](unsigned char c) { return std::isalnum(c) != 0; });
  if (!is_key) throw BadAnswerError("an experimentKey that is none");
  return key;
}

// Codes of refusals that no other request will fare better with: key, workspace, project, access,
// run (comet-java-sdk, SdkErrorCodes). They come with status 400 and become a 403.
http::Refusal sorted(http::Refusal refusal) {
  constexpr std::array<std::string_view, 6> final_codes{"90212", "90219", "98219",
                                                        "90210", "90211", "90501"};
  const bool is_final =
      std::find(final_codes.begin(), final_codes.end(), refusal.code) != final_codes.end();
  if (refusal.status == 400 && is_final) refusal.status = 403;
  return refusal;
}

http::Error explained(const http::Error& error) {
  const char* more = "";
  const auto refusal = sorted(error.refusal());
  if (error.fault() == Fault::refused && (refusal.status == 401 || refusal.status == 403)) {
    more = "; check COMET_API_KEY, COMET_WORKSPACE and COMET_PROJECT_NAME";
  } else if (error.fault() == Fault::refused && refusal.status == 404) {
    more = "; is COMET_URL_OVERRIDE the address of a Comet server?";
  }
  return {error.fault(), std::string(error.what()) + more, refusal};
}

}  // namespace

RequestBudget::RequestBudget(double per_second)
    : per_second_(per_second),
      n_left_(std::max(1.0, per_second * burst_s)),
      counted_at_(Clock::now()) {}

bool RequestBudget::take(Clock::time_point now) {
  const double elapsed = std::chrono::duration<double>(now - counted_at_).count();
  n_left_ = std::min(std::max(1.0, per_second_ * burst_s), n_left_ + elapsed * per_second_);
  counted_at_ = now;
  if (n_left_ < 1) return false;
  n_left_ -= 1;
  return true;
}

std::chrono::milliseconds RequestBudget::wait() const {
  const double seconds = std::max(0.0, 1 - n_left_) / per_second_;
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(seconds * 1000)) + 1);
}

Service::Service(http::ClientOptions options, double max_requests_per_s,
                 std::function<void(const std::string&)> report)
    : client_(std::move(options), {}, std::move(report)), budget_(max_requests_per_s) {}

void Service::await_budget() {
  std::unique_lock lock(mutex_);
  while (!client_.client().is_cancelled() && !may_send()) {
    cancelled_.wait_for(lock, budget_.wait(), [&] { return client_.client().is_cancelled(); });
  }
}

void Service::call(const Request& request, const Understand& parse, Doubt doubt, Paid paid) {
  if (paid == Paid::no) await_budget();
  try {
    client_.send(request, parse, doubt);
  } catch (const http::Error& error) {
    throw explained(error);
  }
}

std::string Service::default_workspace() {
  std::string name;
  call(
      read("account-details"),
      [&](const std::string& body) {
        name = http::require_text(http::parse_object(body), {"defaultWorkspaceName"});
      },
      Doubt::insist);
  return name;
}

std::string Service::create_experiment(const std::string& body) {
  std::string key;
  call(
      {.method = http::Method::post, .path = "/api/rest/v2/write/experiment/create", .body = body},
      [&](const std::string& answer) { key = require_key(answer); }, Doubt::insist);
  return key;
}

void Service::require_experiment(const std::string& key) {
  call(read("experiment/metadata", {{"experimentKey", key}}), parse_nothing, Doubt::insist);
}

void Service::write(std::string_view name, std::string body, Paid paid) {
  call({.method = http::Method::post,
        .path = fmt::format("/api/rest/v2/write/experiment/{}", name),
        .body = std::move(body)},
       parse_nothing, Doubt::give_up, paid);
}

std::chrono::milliseconds Service::beat(const std::string& key) {
  constexpr std::int64_t shortest_ms = 10000;
  constexpr std::int64_t longest_ms = 600000;
  std::int64_t interval_ms = shortest_ms;
  call(
      read("write/experiment/set-status", {{"experimentKey", key}}),
      [&](const std::string& body) {
        const auto answer = http::parse_object(body);
        const auto* value = http::find(answer, {"isAliveBeatDurationMillis"});
        if (value != nullptr && value->is_number_integer()) {
          interval_ms = std::clamp(value->get<std::int64_t>(), shortest_ms, longest_ms);
        }
      },
      Doubt::give_up);
  return std::chrono::milliseconds(interval_ms);
}

void Service::put_file(const std::string& key, const Upload& upload) {
  Request request{.method = http::Method::post,
                  .path = "/api/rest/v2/write/experiment/upload-asset",
                  .query = {{"experimentKey", key},
                            {"fileName", upload.name},
                            {"type", upload.is_image ? "image" : "asset"}}};
  if (upload.step) request.query.push_back({"step", std::to_string(*upload.step)});
  request.form.push_back({.name = "file",
                          .file_name = upload.name,
                          .content_type = std::string(http::mime_type(upload.name)),
                          .bytes = upload.bytes,
                          .file = upload.path});
  call(request, parse_nothing, Doubt::give_up);
}

void Service::cancel() noexcept {
  client_.cancel();
  { const std::lock_guard lock(mutex_); }  // so that a wait cannot miss this
  cancelled_.notify_all();
}

}  // namespace ranklog::trackers::comet
