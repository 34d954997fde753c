// The calls of ClearML's REST interface that we make (apiserver/schema/services in clearml-server,
// version 2.13), with login, and uploads to its files server.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "http/retrying_client.hpp"
#include "trackers/clearml/clearml_settings.hpp"
#include "trackers/clearml/clearml_target.hpp"

namespace ranklog::trackers::clearml {

// Each call waits until the server is there, or until cancel(). Errors: http::Error, with an
// explanation where the server's own answer does not say what to do.
// Thread safety: one thread at a time, but cancel() from any.
class Service {
 public:
  Service(const http::ClientOptions& options, const http::Url& files_server,
          const std::function<void(const std::string&)>& report);

  // Several jobs may ask for a new name at the same moment.
  [[nodiscard]] std::string find_or_create_project(const std::string& name);
  // The task whose parameter ranklog/run_id is `own_id`, made if there is none: so a request whose
  // answer was lost can be repeated, and a resumed job finds its task.
  [[nodiscard]] std::string find_or_create_task(const std::string& project_id,
                                                const std::string& own_id,
                                                const TaskDescription& task);
  // Errors: http::Error also if there is no such task.
  void require_task(const std::string& task_id);

  enum class State : std::uint8_t { started, completed, failed };
  void set_state(const std::string& task_id, State state, const std::string& reason);
  void edit_parameters(const std::string& task_id,
                       const std::map<std::string, std::string>& parameters);
  void edit_configuration(const std::string& task_id, const std::string& text);
  void add_artifact(const std::string& task_id, const std::string& json);
  // One event a line. May be repeated: points of one iteration replace each other. Errors: also
  // where the server took only some of them.
  void add_events(std::string_view lines);
  // Returns the address that the file has then.
  [[nodiscard]] std::string put_file(const std::string& key, const FileSource& source);
  void cancel() noexcept;

 private:
  using Understand = http::RetryingClient::Understand;

  void call(const http::Request& request, const Understand& parse, http::Doubt doubt);
  // Runs `work` with a token, with a new one if the server no longer takes the old one.
  void with_login(const std::function<void()>& work);
  void log_in();
  [[nodiscard]] std::string find_project(const std::string& name);

  http::RetryingClient client_;
  http::Url files_server_;
  std::unique_ptr<http::RetryingClient> files_;  // null without a files server
  bool has_keys_;
  bool has_token_;
};

}  // namespace ranklog::trackers::clearml
