// An experiment on a Comet server, over REST, which takes one number a request.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trackers/comet/comet_service.hpp"
#include "trackers/comet/comet_settings.hpp"
#include "trackers/comet/comet_target.hpp"
#include "trackers/support/row_ledger.hpp"

namespace ranklog::trackers::comet {

// While Comet's limit on requests leaves room, every number is sent. Beyond it each curve has one
// place in a queue, which its newest number holds: curves become thinner, evenly, and none falls
// behind. The last number of each curve is sent at the end. Rows of which a number was left out are
// counted as not delivered. A replay has time: it waits for the limit and leaves nothing out.
class OnlineExperiment final : public Target {
 public:
  OnlineExperiment(const Settings& settings, const TrackerContext& context,
                   const std::function<void(const std::string&)>& report);

  void begin_row() override;
  void add_point(std::string_view name, Point point) override;
  bool end_row(std::int64_t step, bool is_whole) override;
  void set_other(const std::string& key, const std::string& value) override;
  void add_output(const std::string& line, std::int64_t time_ms) override;
  void add_parameter(const std::string& name, const std::string& value) override;
  void add_file(const Upload& upload) override;
  void flush() override;
  void finish(const RunOutcome& outcome) override;
  void cancel() noexcept override { service_.cancel(); }
  [[nodiscard]] std::optional<Undelivered> undelivered() const override;

 private:
  using Clock = std::chrono::steady_clock;
  // A row until each of its numbers and texts was sent or left out.
  struct Row {
    std::int64_t step = 0;
    std::size_t n_waiting = 0;
    bool is_thinned = false;
    bool is_lost = false;
    bool is_open = true;  // more of it may come
  };
  struct Waiting {
    Point point;
    std::shared_ptr<Row> row;
  };

  // Finds or makes the experiment; at once when that was done. Errors: http::Error; after one that
  // waiting cannot mend, the same again at once.
  const std::string& require_key();
  [[nodiscard]] std::string create();
  void close(Row& row);
  // Of one thing that the row waited for.
  void settle(Row& row, bool was_sent);
  void send_next(Service::Paid paid);
  void send_point(const std::string& name, const Waiting& waiting, Service::Paid paid);
  void send_others();
  void send_output();
  void beat();

  Service service_;
  Settings settings_;
  bool is_replay_;
  std::filesystem::path key_file_;  // where a resumed run finds its key
  std::string key_;
  std::map<std::string, Waiting, std::less<>> waiting_;  // by curve
  std::deque<std::string> order_;                        // of the curves that wait
  std::map<std::string, std::string> others_;
  std::string output_;  // lines as JSON
  std::vector<std::shared_ptr<Row>> rows_of_output_;
  std::int64_t n_lines_ = 0;
  std::shared_ptr<Row> row_;
  support::RowLedger ledger_;
  support::RowCount thinned_;
  std::int64_t start_ms_;
  Clock::time_point beat_at_{};
};

}  // namespace ranklog::trackers::comet
