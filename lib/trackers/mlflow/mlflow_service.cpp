#include "trackers/mlflow/mlflow_service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/text.hpp"
#include "http/mime_type.hpp"

namespace ranklog::trackers::mlflow {
namespace {

using http::Doubt;
using http::Fault;
using http::Method;
using http::Request;

Request post(std::string path, std::string body) {
  return {
      .method = Method::post, .path = "/api/2.0/mlflow" + std::move(path), .body = std::move(body)};
}

Request get(std::string path, std::vector<http::Header> query) {
  return {.path = "/api/2.0/mlflow" + std::move(path), .query = std::move(query)};
}

bool is_refused_with(const http::Error& error, std::string_view code) {
  return error.fault() == Fault::refused && error.refusal().code == code;
}

// MLflow's own text, and what to do about it where it does not say.
http::Error explained(const http::Error& error) {
  const std::string text = error.what();
  const char* more = "";
  if (error.fault() == Fault::refused) {
    const int status = error.refusal().status;
    if (status == 403 && text.find("Host header") != std::string::npos) {
      more =
          "; this server only answers to names it was told: start it with --allowed-hosts and the "
          "name (and name:port) in MLFLOW_TRACKING_URI, or use an address that it knows";
    } else if (status == 401 || status == 403) {
      more =
          "; check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
          "MLFLOW_TRACKING_TOKEN";
    } else if (status == 404 && error.refusal().code.empty()) {
      more = "; is this an MLflow server?";
    }
  } else if (error.fault() == Fault::tls) {
    more = "; MLFLOW_TRACKING_SERVER_CERT_PATH names a certificate to trust";
  }
  return {error.fault(), text + more, error.refusal()};
}

}  // namespace

std::string_view cut_text(std::string_view text, std::size_t max_bytes) noexcept {
  if (text.size() <= max_bytes) return text;
  std::size_t end = max_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

std::string tags_json(const std::map<std::string, std::string>& tags, std::size_t max_value_bytes) {
  std::string json = "[";
  for (const auto& [key, value] : tags) {
    if (json.size() > 1) json += ',';
    json += fmt::format("{{\"key\":{},\"value\":{}}}", json_quote(key),
                        json_quote(cut_text(value, max_value_bytes)));
  }
  return json + ']';
}

Service::Service(http::ClientOptions options, http::RetryOptions retry,
                 std::function<void(const std::string&)> report)
    : client_(std::move(options), retry, std::move(report)) {}

std::string Service::call(const Request& request, const http::RetryingClient::Understand& parse,
                          Doubt doubt) {
  try {
    return client_.send(request, parse, doubt);
  } catch (const http::Error& error) {
    throw explained(error);
  }
}

std::optional<Experiment> Service::find_experiment(const std::string& name) {
  std::optional<Experiment> found;
  try {
    call(
        get("/experiments/get-by-name", {{"experiment_name", name}}),
        [&](const std::string& body) { found = parse_experiment(body); }, Doubt::insist);
  } catch (const http::Error& error) {
    if (!is_refused_with(error, "RESOURCE_DOES_NOT_EXIST")) throw;
  }
  return found;
}

std::string Service::find_or_create_experiment(const std::string& name) {
  std::string id;
  auto found = find_experiment(name);
  if (!found) {
    try {
      call(
          post("/experiments/create", fmt::format("{{\"name\":{}}}", json_quote(name))),
          [&](const std::string& body) { id = parse_experiment_id(body); }, Doubt::insist);
      return id;
    } catch (const http::Error& error) {
      if (!is_refused_with(error, "RESOURCE_ALREADY_EXISTS")) throw;
    }
    found = find_experiment(name);  // another job, or a try of ours, was faster
  }
  if (!found || !found->is_active) {
    throw http::Error(Fault::refused,
                      fmt::format("experiment '{}' is in MLflow's trash; restore it there (mlflow "
                                  "experiments restore), or use another name",
                                  escape_unprintable(name)));
  }
  return found->id;
}

Run Service::find_or_create_run(const std::string& experiment_id, const std::string& own_id,
                                const NewRun& run, bool& is_new) {
  const auto search = post(
      "/runs/search", fmt::format("{{\"experiment_ids\":[{}],\"filter\":{},\"max_results\":1}}",
                                  json_quote(experiment_id),
                                  json_quote(fmt::format("tags.`ranklog.run_id` = '{}'", own_id))));
  auto tags = run.tags;
  tags["mlflow.runName"] = run.name;
  const auto create =
      post("/runs/create",
           fmt::format("{{\"experiment_id\":{},\"run_name\":{},\"start_time\":{},\"tags\":{}}}",
                       json_quote(experiment_id), json_quote(run.name), run.start_time_ms,
                       tags_json(tags)));
  std::optional<Run> found;
  is_new = false;
  try {
    client_.persist(
        [&] {
          client_.try_once(search, [&](const std::string& body) { found = parse_first_run(body); });
          if (found) return;
          client_.try_once(create, [&](const std::string& body) { found = parse_run(body); });
          is_new = true;
        },
        Doubt::insist);
  } catch (const http::Error& error) {
    throw explained(error);
  }
  return *std::move(found);
}

Run Service::get_run(const std::string& run_id) {
  Run run;
  call(
      get("/runs/get", {{"run_id", run_id}}),
      [&](const std::string& body) { run = parse_run(body); }, Doubt::insist);
  if (!run.is_active) {
    throw http::Error(Fault::refused, fmt::format("run '{}' is in MLflow's trash", run.id));
  }
  return run;
}

void Service::log_batch(std::string body) {
  call(post("/runs/log-batch", std::move(body)), parse_nothing, Doubt::give_up);
}

void Service::update_run(const std::string& run_id, std::string_view status,
                         std::optional<std::int64_t> end_time_ms) {
  std::string body = fmt::format("{{\"run_id\":{},\"status\":\"{}\"", json_quote(run_id), status);
  if (end_time_ms) body += fmt::format(",\"end_time\":{}", *end_time_ms);
  call(post("/runs/update", body + '}'), parse_nothing, Doubt::give_up);
}

void Service::put_artifact(const Run& run, std::string_view path, std::string bytes,
                           const std::filesystem::path& file) {
  constexpr std::string_view proxied = "mlflow-artifacts:";
  if (!run.artifact_uri.starts_with(proxied)) {
    const auto scheme = run.artifact_uri.substr(0, run.artifact_uri.find(':'));
    throw http::Error(
        Fault::local,
        fmt::format("cannot upload '{}': this server keeps artifacts in '{}:' and leaves their "
                    "transport to clients; start it with --serve-artifacts",
                    escape_unprintable(path), escape_unprintable(scheme, 30)));
  }
  std::string_view root = std::string_view(run.artifact_uri).substr(proxied.size());
  if (root.starts_with("//")) {  // an authority; the tracking server itself is asked all the same
    root.remove_prefix(std::min(root.find('/', 2), root.size()));
  }
  while (root.starts_with('/')) root.remove_prefix(1);
  Request request;
  request.method = Method::put;
  request.path = fmt::format("/api/2.0/mlflow-artifacts/artifacts/{}/{}",
                             http::percent_encode(root, http::Slash::keep),
                             http::percent_encode(path, http::Slash::keep));
  request.body = std::move(bytes);
  request.file = file;
  request.content_type = http::mime_type(path);
  call(
      request, [](const std::string&) {}, Doubt::give_up);
}

}  // namespace ranklog::trackers::mlflow
