// Tracker `aim`: a run on an Aim tracking server (docs/trackers.md, docs/design/0014-aim.md).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ranklog/tracker.hpp"
#include "trackers/aim/aim_series.hpp"
#include "trackers/aim/aim_service.hpp"
#include "trackers/aim/aim_settings.hpp"
#include "trackers/support/row_ledger.hpp"
#include "tracking/shield.hpp"

namespace ranklog::trackers {

class AimTracker final : public GeneralTracker {
 public:
  [[nodiscard]] std::string name() const override { return "aim"; }
  [[nodiscard]] bool requires_logging_directory() const override { return false; }
  [[nodiscard]] ThreadAffinity thread_affinity() const override { return ThreadAffinity::sender; }
  void start(const TrackerContext& context) override;
  void store_init_configuration(const Config& config) override;
  // Options of a call: `context`, a dictionary beside that of the run, and `epoch`.
  void log(const Record& record, const Config& options) override;
  [[nodiscard]] bool log_images(const std::vector<ImageItem>& images, const MediaTime& when,
                                const Config& options) override;
  [[nodiscard]] bool log_histogram(const std::string& key, const Histogram& histogram,
                                   const MediaTime& when, const Config& options) override;
  [[nodiscard]] bool log_figure(const Figure& figure, const MediaTime& when,
                                const Config& options) override;
  void flush() override;
  void finish(const RunOutcome& outcome) override;
  void cancel() noexcept override;
  [[nodiscard]] std::optional<Undelivered> undelivered() const override;

 private:
  // What a call of log() says beside its values.
  struct Call {
    Config context;
    std::int64_t context_hash = 0;
    std::optional<std::int64_t> epoch;
  };

  // Connects and prepares the run; at once when that was done. Errors: http::Error; after one that
  // waiting cannot mend, the same again at once.
  void open();
  void prepare_run();
  void set_params(const std::string& name, const Config& params);
  [[nodiscard]] Call read_call(const Config& options);
  // Declares the context, if it is new.
  std::int64_t context_of(const Config& context);
  void add_value(const support::NamedValue& value, const Record& record, const Call& call);
  void add_media(const std::string& name, std::string_view type, aim::Point point,
                 const MediaTime& when, const Config& options);
  aim::Series& series_of(std::int64_t context, std::string_view name);
  // False: the sequence holds points of another type.
  [[nodiscard]] bool add_point(std::int64_t context, std::string_view name, std::string_view type,
                               aim::Point point);
  void send_pending();
  void send_frames();
  void drop_pending();
  void send_end(const RunOutcome& outcome);

  using SeriesKey = std::pair<std::int64_t, std::string>;

  aim::Settings settings_;
  std::string run_;
  Config facts_;
  tracking::ReportLimit trouble_limit_;
  std::unique_ptr<aim::Service> service_;
  bool is_open_ = false;
  bool was_there_ = false;  // the run, before this job
  support::RowLedger ledger_;
  aim::Frame head_;  // goes before all points
  std::map<std::int64_t, Config> contexts_;
  std::map<SeriesKey, aim::Series> series_;
  std::size_t n_pending_ = 0;
  std::size_t pending_bytes_ = 0;
  std::set<std::string, std::less<>> refused_;  // names of which some value was refused
  std::string name_buffer_;
};

[[nodiscard]] std::unique_ptr<GeneralTracker> make_aim_tracker();
// Why `"all"` leaves this tracker out here; empty: it does not.
[[nodiscard]] std::string aim_left_out_because();

}  // namespace ranklog::trackers
