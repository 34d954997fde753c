// The remote tracking protocol of `aim server`, version 3.29.1: HTTP for resources and reading, a
// WebSocket for writing (aim/ext/transport).
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "http/retrying_client.hpp"
#include "http/websocket.hpp"
#include "ranklog/config.hpp"
#include "trackers/aim/aim_frame.hpp"
#include "trackers/aim/aim_heartbeat.hpp"
#include "trackers/aim/aim_series.hpp"

namespace ranklog::trackers::aim {

// The run to write.
struct RunTarget {
  std::string hash;
  double created_time = 0;  // seconds since the epoch; of a new one
  bool takes_lock = true;   // also where somebody else seems to hold it
};

// Tries again, as RetryingClient does, where that can help; gets its resources again from a server
// that was restarted. Errors of all members: http::Error.
// Thread safety: one thread at a time, but cancel() from any.
class Service {
 public:
  Service(const http::ClientOptions& client, RunTarget run,
          std::function<void(const std::string&)> report);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // Connects, makes the run if there is none, and locks it.
  void open();
  [[nodiscard]] const Handlers& handlers() const noexcept { return handlers_; }
  // Returns when the server has carried out all of the frame. It may do so twice.
  // Error (refused) with the name of the server's exception as its code where that failed.
  void send(const std::string& frame);
  // What is at or below a path of the run's container `meta`; nothing if nothing is.
  [[nodiscard]] std::optional<Tree> read(const Path& path);
  void add_tag(const std::string& tag);
  // Frees what the server holds for us. One try, no errors.
  void close() noexcept;
  void cancel() noexcept;

 private:
  void connect();
  void get(const std::string& path);
  void get_resource(std::string& handler, std::string_view type, const Config& arguments);
  // Errors: as send().
  std::string call(const std::string& handler, std::string_view method,
                   const ConfigValue::List& arguments);
  void send_once(const std::string& frame);
  // An error of the server that a new connection mends becomes one that is worth a retry.
  [[nodiscard]] http::Error explain(const http::Error& error);

  std::string client_id_;
  RunTarget run_;
  http::RetryingClient client_;
  http::WebSocket socket_;
  Heartbeat heartbeat_;
  Handlers handlers_;
  std::string repository_;
  std::string lock_;
  std::string run_heartbeat_;
  bool was_connected_ = false;
  bool is_connected_ = false;
  std::chrono::steady_clock::time_point last_exchange_;
};

}  // namespace ranklog::trackers::aim
