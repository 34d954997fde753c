// One tracker from start() to finish(), fed from a run file.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ranklog/run_reader.hpp"
#include "ranklog/tracker.hpp"
#include "sync/call_limit.hpp"
#include "sync/deliver.hpp"
#include "sync/pace.hpp"
#include "sync/replay.hpp"
#include "sync/resume_point.hpp"
#include "sync/run_life.hpp"
#include "tracking/delivery_state.hpp"

namespace ranklog::sync {

// Trackers that talk to a server confirm what arrived with flush(), and the state follows them.
// Those that write files are given everything again if they were interrupted: it costs little, and
// a flush in between would tear rows that vendors want whole.
class Session {
 public:
  enum class End : std::uint8_t { delivered, stopped, failed, taken_up };

  // `state` says in n_rows what has arrived.
  Session(RunReader& run, GeneralTracker& tracker, const DeliveryOptions& options,
          std::filesystem::path state_file, tracking::DeliveryState state);

  // Starts the tracker, which then gets the rows behind those that arrived, or, if it writes files,
  // behind `kept`. Errors: TrackerFailedError.
  void start(const TrackerContext& context, const Position& kept);
  // Until nothing is left; if the run is followed, until it has ended. End::taken_up: another
  // attempt at it began, so that the tracker has to be started again.
  [[nodiscard]] End run(DeliveryReport& report);

 private:
  using Clock = std::chrono::steady_clock;

  // What `call` throws is counted. False: it threw.
  template <class Call>
  bool shield(std::string_view what, const Call& call);
  [[nodiscard]] bool should_stop() const;
  [[nodiscard]] bool drain(DeliveryReport& report);
  void give(const Record& record, DeliveryReport& report);
  [[nodiscard]] bool checkpoint();
  [[nodiscard]] bool has_lost_rows(DeliveryReport* report = nullptr);
  void finish(End& end, Life life, DeliveryReport& report);
  void wait(Clock::duration how_long) const;
  void add_problems(DeliveryReport& report);

  RunReader& run_;
  GeneralTracker& tracker_;
  const DeliveryOptions& options_;
  std::filesystem::path state_file_;
  tracking::DeliveryState state_;
  bool is_remote_ = false;
  std::optional<CallLimit> limit_;
  std::optional<Replay> replay_;
  Pace pace_{0};
  Clock::time_point confirmed_at_ = Clock::now();
  std::int64_t n_unconfirmed_ = 0;
  std::int64_t n_errors_ = 0;
  std::string first_error_;
};

}  // namespace ranklog::sync
