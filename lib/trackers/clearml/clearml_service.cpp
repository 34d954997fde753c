#include "trackers/clearml/clearml_service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/text.hpp"
#include "http/json_answer.hpp"
#include "http/mime_type.hpp"

namespace ranklog::trackers::clearml {
namespace {

using http::BadAnswerError;
using http::Doubt;
using http::Fault;
using http::Request;
using Json = nlohmann::json;

Request post(std::string_view call, std::string body) {
  return {.method = http::Method::post,
          .path = fmt::format("/v2.13/{}", call),
          .body = std::move(body)};
}

void parse_nothing(const std::string& body) { static_cast<void>(http::parse_object(body)); }

// Ids become parts of requests, so they are what ClearML says they are, or nothing.
std::string require_id(const Json& object, std::initializer_list<const char*> path) {
  constexpr std::size_t max_bytes = 128;
  auto id = http::require_text(object, path, max_bytes);
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  };
  if (!std::all_of(id.begin(), id.end(), is_allowed)) throw BadAnswerError("an id that is none");
  return id;
}

// It becomes a header.
std::string require_token(const std::string& body) {
  constexpr std::size_t max_bytes = 16384;
  auto token = http::require_text(http::parse_object(body), {"data", "token"}, max_bytes);
  const auto is_printable = [](char c) { return c > ' ' && c < '\x7f'; };
  if (!std::all_of(token.begin(), token.end(), is_printable)) {
    throw BadAnswerError("a token that is none");
  }
  return token;
}

const Json& require_list(const Json& answer, const char* name) {
  const Json* list = http::find(answer, {"data", name});
  if (list == nullptr || !list->is_array()) {
    throw BadAnswerError(fmt::format("no list at data.{}", name));
  }
  return *list;
}

// Matches exactly this name (the server takes regular expressions).
std::string exactly(std::string_view name) {
  std::string pattern = "^";
  for (const char c : name) {
    if (std::string_view("\\^$.|?*+()[]{}-#&~/ ").find(c) != std::string_view::npos)
      pattern += '\\';
    pattern += c;
  }
  return pattern + '$';
}

// ClearML's own text, and what to do about it where it does not say.
http::Error explained(const http::Error& error) {
  const char* more = "";
  const int status = error.refusal().status;
  if (error.fault() == Fault::refused && (status == 401 || status == 403)) {
    more = "; check CLEARML_API_ACCESS_KEY and CLEARML_API_SECRET_KEY, or CLEARML_AUTH_TOKEN";
  } else if (error.fault() == Fault::refused && status == 404) {
    more = "; is CLEARML_API_HOST the address of ClearML's API server?";
  } else if (error.fault() == Fault::tls) {
    more = "; CLEARML_API_HOST_VERIFY_CERT can name a certificate to trust";
  }
  return {error.fault(), std::string(error.what()) + more, error.refusal()};
}

bool is_refused_with(const http::Error& error, int status) {
  return error.fault() == Fault::refused && error.refusal().status == status;
}

http::ClientOptions files_options(http::ClientOptions options, const http::Url& files_server) {
  options.server = files_server;
  return options;
}

// How many events of an answered add_batch were refused, and why; such an answer is a success.
std::string refused_events(const std::string& body) {
  const auto answer = http::parse_object(body);
  const Json* errors = http::find(answer, {"data", "errors"});
  if (errors == nullptr || !errors->is_number_integer() || *errors == 0) return {};
  const Json* info = http::find(answer, {"data", "errors_info"});
  const auto why = info == nullptr ? std::string("it does not say why")
                                   : info->dump(-1, ' ', false, Json::error_handler_t::replace);
  return fmt::format("the server took a batch without {} of its events: {}", errors->dump(), why);
}

}  // namespace

Service::Service(const http::ClientOptions& options, const http::Url& files_server,
                 const std::function<void(const std::string&)>& report)
    : client_(options, {}, report),
      files_server_(files_server),
      has_keys_(!options.server.user.empty() && !options.server.password.empty()),
      has_token_(!options.bearer_token.empty()) {
  if (files_server.text.empty()) return;
  files_ = std::make_unique<http::RetryingClient>(files_options(options, files_server),
                                                  http::RetryOptions{}, report);
}

void Service::log_in() {
  std::string token;
  client_.set_bearer_token({});
  client_.send(
      post("auth.login", "{}"), [&](const std::string& body) { token = require_token(body); },
      Doubt::insist);
  if (files_) files_->set_bearer_token(token);
  client_.set_bearer_token(std::move(token));
  has_token_ = true;
}

void Service::with_login(const std::function<void()>& work) {
  try {
    const bool is_new = !has_token_;
    if (is_new) log_in();
    try {
      work();
    } catch (const http::Error& error) {
      if (!is_refused_with(error, 401) || is_new || !has_keys_) throw;
      log_in();  // the token has expired
      work();
    }
  } catch (const http::Error& error) {
    throw explained(error);
  }
}

void Service::call(const Request& request, const Understand& parse, Doubt doubt) {
  with_login([&] { client_.send(request, parse, doubt); });
}

std::string Service::find_project(const std::string& name) {
  std::string id;
  call(
      post("projects.get_all",
           fmt::format(R"({{"name":{},"only_fields":["id"]}})", json_quote(exactly(name)))),
      [&](const std::string& body) {
        const auto answer = http::parse_object(body);
        const Json& projects = require_list(answer, "projects");
        if (!projects.empty()) id = require_id(projects.front(), {"id"});
      },
      Doubt::insist);
  return id;
}

std::string Service::find_or_create_project(const std::string& name) {
  auto id = find_project(name);
  if (!id.empty()) return id;
  try {
    call(
        post("projects.create", fmt::format(R"({{"name":{},"description":""}})", json_quote(name))),
        [&](const std::string& body) {
          id = require_id(http::parse_object(body), {"data", "id"});
        },
        Doubt::insist);
    return id;
  } catch (const http::Error& error) {
    if (!is_refused_with(error, 400)) throw;
    id = find_project(name);  // another job, or a try of ours, was faster
    if (id.empty()) throw;
  }
  return id;
}

std::string Service::find_or_create_task(const std::string& project_id, const std::string& own_id,
                                         const TaskDescription& task) {
  const auto search =
      post("tasks.get_all",
           fmt::format(R"({{"project":[{}],"name":{},"only_fields":["id","hyperparams.{}"],)"
                       R"("order_by":["-last_update"],"page":0,"page_size":500}})",
                       json_quote(project_id), json_quote(exactly(task.name)), run_section));
  const auto create =
      post("tasks.create",
           fmt::format(R"({{"name":{},"type":"{}","project":{},"comment":{},"tags":{},)"
                       R"("system_tags":["development"],"script":{},"hyperparams":{{"{}":{}}}}})",
                       json_quote(task.name), task.type, json_quote(project_id),
                       json_quote(task.comment), task.tags, task.script, run_section,
                       section_json(task.run_facts)));
  std::string id;
  const auto find_ours = [&](const std::string& body) {
    const auto answer = http::parse_object(body);
    for (const Json& found : require_list(answer, "tasks")) {
      const Json* run_id = http::find(found, {"hyperparams", "ranklog", "run_id", "value"});
      if (run_id != nullptr && *run_id == own_id) id = require_id(found, {"id"});
    }
  };
  with_login([&] {
    client_.persist(
        [&] {
          client_.try_once(search, find_ours);
          if (!id.empty()) return;
          client_.try_once(create, [&](const std::string& body) {
            id = require_id(http::parse_object(body), {"data", "id"});
          });
        },
        Doubt::insist);
  });
  return id;
}

void Service::require_task(const std::string& task_id) {
  call(
      post("tasks.get_by_id", fmt::format(R"({{"task":{}}})", json_quote(task_id))),
      [&](const std::string& body) {
        static_cast<void>(require_id(http::parse_object(body), {"data", "task", "id"}));
      },
      Doubt::insist);
}

void Service::set_state(const std::string& task_id, State state, const std::string& reason) {
  constexpr std::array<std::string_view, 3> calls{"tasks.started", "tasks.completed",
                                                  "tasks.failed"};
  call(post(calls[static_cast<std::size_t>(state)],
            fmt::format(R"({{"task":{},"force":true,"status_reason":{},"status_message":{}}})",
                        json_quote(task_id), json_quote(reason), json_quote(reason))),
       parse_nothing, Doubt::give_up);
}

void Service::edit_parameters(const std::string& task_id,
                              const std::map<std::string, std::string>& parameters) {
  std::string list;
  for (const auto& [name, parameter] : parameters) list += (list.empty() ? "" : ",") + parameter;
  call(post("tasks.edit_hyper_params",
            fmt::format(R"({{"task":{},"hyperparams":[{}],"replace_hyperparams":"none",)"
                        R"("force":true}})",
                        json_quote(task_id), list)),
       parse_nothing, Doubt::give_up);
}

void Service::edit_configuration(const std::string& task_id, const std::string& text) {
  call(post("tasks.edit_configuration",
            fmt::format(R"({{"task":{},"configuration":[{{"name":"General","type":"dictionary",)"
                        R"("value":{}}}],"replace_configuration":false,"force":true}})",
                        json_quote(task_id), json_quote(text))),
       parse_nothing, Doubt::give_up);
}

void Service::add_artifact(const std::string& task_id, const std::string& json) {
  call(post("tasks.add_or_update_artifacts",
            fmt::format(R"({{"task":{},"artifacts":[{}],"force":true}})", json_quote(task_id),
                        json)),
       parse_nothing, Doubt::give_up);
}

// A batch that is too large for a proxy on the way is sent in halves.
void Service::add_events(std::string_view lines) {
  auto request = post("events.add_batch", std::string(lines));
  request.content_type = "application/json-lines";
  try {
    std::string refused;
    call(
        request, [&](const std::string& body) { refused = refused_events(body); }, Doubt::give_up);
    if (!refused.empty()) {
      throw http::Error(Fault::refused, client_.client().redacted(refused), {400, {}, {}});
    }
  } catch (const http::Error& error) {
    const auto middle = lines.find('\n', lines.size() / 2);
    const bool has_two = middle != std::string_view::npos && middle + 1 < lines.size();
    if (!is_refused_with(error, 413) || !has_two) throw;
    add_events(lines.substr(0, middle + 1));
    add_events(lines.substr(middle + 1));
  }
}

std::string Service::put_file(const std::string& key, const FileSource& source) {
  if (!files_) {
    throw http::Error(Fault::local,
                      fmt::format("cannot upload '{}': CLEARML_FILES_HOST names no http:// or "
                                  "https:// address",
                                  escape_unprintable(key)));
  }
  Request request{.method = http::Method::post, .path = "/"};
  request.form.push_back({.name = '/' + key,
                          .file_name = '/' + key,
                          .content_type = std::string(http::mime_type(key)),
                          .bytes = source.bytes,
                          .file = source.path});
  with_login([&] {
    files_->send(
        request, [](const std::string&) {}, Doubt::give_up);
  });
  return files_server_.text + '/' + http::percent_encode(key, http::Slash::keep);
}

void Service::cancel() noexcept {
  client_.cancel();
  if (files_) files_->cancel();
}

}  // namespace ranklog::trackers::clearml
