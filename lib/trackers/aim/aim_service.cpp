#include "trackers/aim/aim_service.hpp"

#include <fmt/format.h>

#include <random>
#include <utility>

#include "core/text.hpp"
#include "http/base64.hpp"
#include "http/json_answer.hpp"

namespace ranklog::trackers::aim {
namespace {

using http::Error;
using http::Fault;
constexpr std::string_view unknown_resource = "UnauthorizedRequestError";
constexpr std::string_view nothing_there = "KeyError";
constexpr int bad_request = 400;

// A random UUID (RFC 9562, 5.4).
std::string random_uuid() {
  std::random_device random;
  const auto bits = [&] { return std::uint64_t{random()} << 32 | random(); };
  constexpr std::uint64_t low_48 = 0xFFFFFFFFFFFF;
  const std::uint64_t a = bits();
  const std::uint64_t b = bits();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", a >> 32, a >> 16 & 0xFFFFU, a & 0xFFFU,
                     0x8000U | (b >> 48 & 0x3FFFU), b & low_48);
}

std::string packed(const ConfigValue& value) {
  TreeWriter writer;
  writer.value(value);
  return http::base64(writer.bytes());
}

ConfigValue::List list_of(const Path& path) {
  ConfigValue::List list;
  for (const Key& key : path) {
    std::visit([&](const auto& one) { list.emplace_back(one); }, key);
  }
  return list;
}

}  // namespace

Service::Service(const http::ClientOptions& client, RunTarget run,
                 std::function<void(const std::string&)> report)
    : client_id_(random_uuid()),
      run_(std::move(run)),
      client_(client, {}, std::move(report)),
      socket_(client, fmt::format("/tracking/{}/write-instruction/", client_id_)),
      heartbeat_(client, fmt::format("/client/heartbeat/{}/", client_id_)) {}

Service::~Service() = default;

void Service::open() {
  client_.persist([&] { connect(); });
}

void Service::get(const std::string& path) {
  client_.try_once({.path = path}, [](const std::string&) {});
}

void Service::connect() {
  if (is_connected_) return;
  get(fmt::format("/client/{}/{}/", was_connected_ ? "reconnect" : "connect", client_id_));
  get(fmt::format("/client/heartbeat/{}/", client_id_));
  // Without this one the server closes its repository under the feet of the others.
  get_resource(repository_, "Repo", {});
  get_resource(lock_, "Lock", {{"run_hash", run_.hash}});
  // A server that was killed left our own lock behind.
  call(lock_, "lock", {run_.takes_lock || was_connected_});
  const auto tree = [&](const char* name) {
    return Config{{"name", name},
                  {"sub", run_.hash},
                  {"read_only", false},
                  {"index", false},
                  {"timeout", nullptr}};
  };
  get_resource(handlers_.meta, "TreeView", tree("meta"));
  get_resource(handlers_.properties, "StructuredRun",
               {{"hash_", run_.hash}, {"read_only", false}, {"created_at", run_.created_time}});
  get_resource(handlers_.points, "TreeView", tree("seqs"));
  get_resource(run_heartbeat_, "RunHeartbeat", {{"run_hash", run_.hash}});
  was_connected_ = is_connected_ = true;
  heartbeat_.start();
}

void Service::get_resource(std::string& handler, std::string_view type, const Config& arguments) {
  const auto body = fmt::format("{{\"resource_handler\":{},\"resource_type\":{},\"args\":\"{}\"}}",
                                json_quote(handler), json_quote(type), packed(arguments));
  client_.try_once({.method = http::Method::post,
                    .path = fmt::format("/tracking/{}/get-resource/", client_id_),
                    .body = body},
                   [&](const std::string& answer) {
                     handler = http::require_text(http::parse_object(answer), {"handler"}, 100);
                   });
}

std::string Service::call(const std::string& handler, std::string_view method,
                          const ConfigValue::List& arguments) {
  const auto body = fmt::format("{{\"resource_handler\":{},\"method_name\":{},\"args\":\"{}\"}}",
                                json_quote(handler), json_quote(method), packed(arguments));
  try {
    return client_.try_once({.method = http::Method::post,
                             .path = fmt::format("/tracking/{}/read-instruction/", client_id_),
                             .body = body},
                            [](const std::string&) {});
  } catch (const Error& error) {
    throw explain(error);
  }
}

Error Service::explain(const Error& error) {
  if (error.refusal().code != unknown_resource) return error;
  is_connected_ = false;
  socket_.close();
  return {Fault::unreachable, "the Aim server was restarted and has forgotten this job"};
}

std::optional<Tree> Service::read(const Path& path) {
  std::optional<Tree> tree;
  client_.persist([&] {
    connect();
    try {
      const auto answer = call(handlers_.meta, "collect", {list_of(path), true, false});
      tree = Tree::decode(answer);
    } catch (const Error& error) {
      if (error.refusal().code != nothing_there) throw;
      tree.reset();
    } catch (const http::BadAnswerError& error) {
      throw Error(Fault::bad_answer, fmt::format("Aim's answer makes no sense: {}", error.what()));
    }
  });
  return tree;
}

void Service::add_tag(const std::string& tag) {
  client_.persist([&] {
    connect();
    call(handlers_.properties, "add_tag", {tag});
  });
}

void Service::send(const std::string& frame) {
  client_.persist([&] {
    connect();
    try {
      send_once(frame);
    } catch (const Error& error) {
      throw explain(error);
    }
  });
}

void Service::send_once(const std::string& frame) {
  using Clock = std::chrono::steady_clock;
  // The server asks every 20 s whether we are there and closes a connection that does not answer,
  // and nobody reads it between two frames.
  constexpr auto longest_rest = std::chrono::seconds(15);
  if (Clock::now() - last_exchange_ > longest_rest) socket_.close();
  const auto answer = socket_.exchange(frame);
  last_exchange_ = Clock::now();
  if (answer == "OK") return;
  socket_.close();  // the server closes it, too
  try {
    const auto exception = Tree::decode(answer);
    const auto kind = exception.text({"class_name"});
    if (kind) {
      throw Error(Fault::refused,
                  fmt::format("the Aim server could not write: {}: {}", escape_unprintable(*kind),
                              escape_unprintable(exception.text({"message"}).value_or(""))),
                  {bad_request, *kind, {}});
    }
  } catch (const http::BadAnswerError&) {  // NOLINT(bugprone-empty-catch): said below
  }
  throw Error(Fault::bad_answer, "the answer to an Aim frame is neither OK nor an exception");
}

void Service::close() noexcept {
  heartbeat_.stop();
  socket_.close();
  if (!std::exchange(is_connected_, false)) return;
  try {
    call(run_heartbeat_, "stop", {});
    call(lock_, "release", {false});
    for (const auto& handler : {run_heartbeat_, handlers_.points, handlers_.meta,
                                handlers_.properties, lock_, repository_}) {
      get(fmt::format("/tracking/{}/release-resource/{}/", client_id_,
                      http::percent_encode(handler)));
    }
    get(fmt::format("/client/disconnect/{}/", client_id_));
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the server does it after 300 s
  }
}

void Service::cancel() noexcept {
  client_.cancel();
  socket_.cancel();
}

}  // namespace ranklog::trackers::aim
