// What a tracking server, or whatever answers in its place, may send: bodies of MLflow's answers
// and of errors, and where a redirect leads. The first byte chooses which it is.
#include <array>
#include <cstdlib>
#include <string>

#include "http/json_answer.hpp"
#include "http/url.hpp"
#include "input.hpp"
#include "ranklog/error.hpp"
#include "trackers/mlflow/mlflow_answers.hpp"

namespace {

namespace http = ranklog::http;
namespace mlflow = ranklog::trackers::mlflow;

void require(bool is_true) {
  if (!is_true) std::abort();
}

// Ids become parts of addresses.
void require_harmless(const std::string& id) {
  require(!id.empty() && id.size() <= 256);
  require(id.find_first_of("/?#%. \n") == std::string::npos);
}

void parse(std::size_t which, const std::string& body) {
  switch (which) {
    case 0:
      return require_harmless(mlflow::parse_experiment(body).id);
    case 1:
      return require_harmless(mlflow::parse_experiment_id(body));
    case 2:
      return require_harmless(mlflow::parse_run(body).id);
    case 3:
      if (const auto run = mlflow::parse_first_run(body)) require_harmless(run->id);
      return;
    default:
      return mlflow::parse_nothing(body);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t n_bytes) {
  ranklog::fuzz::Input input(data, n_bytes);
  const std::size_t which = input.choose(7);
  const std::string body = input.rest();
  if (which == 5) {
    require(http::message_of(body).size() <= body.size());
    require(http::error_code_of(body).size() <= body.size());
    return 0;
  }
  if (which == 6) {
    if (!http::may_redirect("https://host.example/api", body)) return 0;
    try {
      const auto url = http::parse_url("a redirect", body);
      require(url.host == "host.example" && url.scheme == "https");
    } catch (const ranklog::UsageError&) {  // a scheme in capitals, which only curl takes
    }
    return 0;
  }
  try {
    parse(which, body);
  } catch (const http::BadAnswerError&) {
  }
  return 0;
}
