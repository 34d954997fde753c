// The calls of a tracking server's REST interface (mlflow/protos/service.proto) that we make.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "http/retrying_client.hpp"
#include "ranklog/tracker.hpp"
#include "trackers/mlflow/mlflow_answers.hpp"

namespace ranklog::trackers::mlflow {

// What a new run is made with.
struct NewRun {
  std::string name;
  std::int64_t start_time_ms = 0;
  std::map<std::string, std::string> tags;
};

// Each call waits until the server is there, or until cancel(). Errors: http::Error, with an
// explanation where MLflow's own answer does not say what to do.
// Thread safety: one thread at a time, but cancel() from any.
class Service {
 public:
  Service(http::ClientOptions options, http::RetryOptions retry,
          std::function<void(const std::string&)> report);

  // Several jobs may ask for a new name at the same moment.
  [[nodiscard]] std::string find_or_create_experiment(const std::string& name);
  // The run with tag ranklog.run_id `own_id`, made if there is none: so a request that was
  // answered by a broken connection can be repeated, and a resumed job finds its run.
  [[nodiscard]] Run find_or_create_run(const std::string& experiment_id, const std::string& own_id,
                                       const NewRun& run, bool& is_new);
  [[nodiscard]] Run get_run(const std::string& run_id);
  // `body` is a log-batch request. May be repeated: the server knows identical points.
  void log_batch(std::string body);
  void update_run(const std::string& run_id, std::string_view status,
                  std::optional<std::int64_t> end_time_ms);
  // `path` lies below the run's artifacts and is not encoded. From `bytes`, or else from `file`.
  void put_artifact(const Run& run, std::string_view path, std::string bytes,
                    const std::filesystem::path& file = {});
  void cancel() noexcept { client_.cancel(); }

 private:
  std::string call(const http::Request& request, const http::RetryingClient::Understand& parse,
                   http::Doubt doubt);
  [[nodiscard]] std::optional<Experiment> find_experiment(const std::string& name);

  http::RetryingClient client_;
};

inline constexpr std::size_t max_tag_bytes = 5000;

// At most `max_bytes` of a text, whole characters.
[[nodiscard]] std::string_view cut_text(std::string_view text, std::size_t max_bytes) noexcept;

// Tags or params as the JSON of a request, [{"key":"a","value":"b"}], with longer values cut.
[[nodiscard]] std::string tags_json(const std::map<std::string, std::string>& tags,
                                    std::size_t max_value_bytes = max_tag_bytes);

}  // namespace ranklog::trackers::mlflow
