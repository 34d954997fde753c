#include "trackers/comet/comet_online.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>

#include "core/text.hpp"
#include "ranklog/error.hpp"
#include "trackers/support/json_text.hpp"
#include "trackers/support/replace_file.hpp"
#include "trackers/support/run_output.hpp"

namespace ranklog::trackers::comet {
namespace {

using support::now_ms;
constexpr std::size_t max_output_bytes = 200'000;

// Beside the archives of offline runs, which may be those of several runs.
std::filesystem::path key_file_of(const Settings& settings, const std::string& run_id) {
  return settings.directory / fmt::format("{}.experiment_key", run_id);
}

}  // namespace

OnlineExperiment::OnlineExperiment(const Settings& settings, const TrackerContext& context,
                                   const std::function<void(const std::string&)>& report)
    : service_(settings.client, settings.max_requests_per_s, report),
      settings_(settings),
      is_replay_(context.is_replay),
      key_file_(key_file_of(settings, context.run_id)),
      start_ms_(support::milliseconds(support::start_s(context))) {
  std::error_code error;
  std::filesystem::create_directories(settings.directory, error);
  if (context.is_resumed && settings_.experiment_key.empty()) {
    settings_.experiment_key = support::trimmed(support::read_settings_file(key_file_));
    std::erase(settings_.experiment_key, '\n');
  }
}

const std::string& OnlineExperiment::require_key() {
  ledger_.require_open();
  if (!key_.empty()) return key_;
  try {
    if (settings_.experiment_key.empty()) {
      key_ = create();
    } else {
      service_.require_experiment(settings_.experiment_key);
      key_ = settings_.experiment_key;
    }
  } catch (const http::Error& error) {
    ledger_.note_failed_start(error);
    throw;
  }
  return key_;
}

std::string OnlineExperiment::create() {
  if (settings_.workspace.empty()) settings_.workspace = service_.default_workspace();
  auto key = service_.create_experiment(
      fmt::format(R"({{"workspaceName":{},"projectName":{},"experimentName":{}}})",
                  json_quote(settings_.workspace), json_quote(settings_.project_name),
                  json_quote(settings_.experiment_name)));
  support::replace_file(key_file_, key + '\n');
  if (!settings_.tags.empty()) {
    std::string tags;
    append_json(tags, ConfigValue(settings_.tags));
    service_.write("tags", fmt::format(R"({{"experimentKey":"{}","addedTags":{}}})", key, tags));
  }
  return key;
}

void OnlineExperiment::begin_row() { row_ = std::make_shared<Row>(); }

void OnlineExperiment::close(Row& row) {
  if (row.is_open || row.n_waiting > 0) return;
  if (row.is_lost) {
    ledger_.lose({1, row.step});
  } else if (row.is_thinned) {
    thinned_.add({1, row.step});
  }
}

void OnlineExperiment::settle(Row& row, bool was_sent) {
  if (!was_sent) row.is_lost = true;
  --row.n_waiting;
  close(row);
}

void OnlineExperiment::add_point(std::string_view name, Point point) {
  static_cast<void>(require_key());
  ++row_->n_waiting;
  const auto found = waiting_.find(name);
  if (found == waiting_.end()) {
    order_.emplace_back(name);
    waiting_.emplace(std::string(name), Waiting{std::move(point), row_});
  } else {
    const auto before = std::exchange(found->second, {std::move(point), row_});
    before.row->is_thinned = true;
    --before.row->n_waiting;
    close(*before.row);
  }
  while (!order_.empty() && (is_replay_ || service_.may_send())) {
    send_next(is_replay_ ? Service::Paid::no : Service::Paid::yes);
  }
}

void OnlineExperiment::send_next(Service::Paid paid) {
  const auto name = std::move(order_.front());
  order_.pop_front();
  const auto waiting = std::move(waiting_.extract(name).mapped());
  try {
    send_point(name, waiting, paid);
  } catch (const http::Error& error) {
    ledger_.note(error);
    settle(*waiting.row, false);
    throw;
  }
  settle(*waiting.row, true);
}

void OnlineExperiment::send_point(const std::string& name, const Waiting& waiting,
                                  Service::Paid paid) {
  const Point& point = waiting.point;
  std::string step = point.step ? fmt::format(R"("step":{},)", *point.step) : std::string();
  service_.write("metric",
                 fmt::format(R"({{"experimentKey":"{}","metricName":{},"metricValue":{},{})"
                             R"("timestamp":{}}})",
                             require_key(), json_quote(name), point.value, step, point.time_ms),
                 paid);
}

bool OnlineExperiment::end_row(std::int64_t step, bool is_whole) {
  const bool was_said = ledger_.has_ended_before();
  row_->step = step;
  row_->is_open = false;
  if (!is_whole) row_->is_lost = true;
  close(*row_);
  row_.reset();
  return !was_said;
}

void OnlineExperiment::set_other(const std::string& key, const std::string& value) {
  others_[key] = value;
}

void OnlineExperiment::add_output(const std::string& line, std::int64_t time_ms) {
  ledger_.require_open();
  if (output_.size() >= max_output_bytes) send_output();
  ++row_->n_waiting;
  rows_of_output_.push_back(row_);
  output_ += fmt::format(R"({}{{"output":{},"stderr":false,"localTimestamp":{},"offset":{}}})",
                         output_.empty() ? "" : ",", json_quote(line + '\n'), time_ms, n_lines_++);
}

void OnlineExperiment::add_parameter(const std::string& name, const std::string& value) {
  service_.write("parameter",
                 fmt::format(R"({{"experimentKey":"{}","parameterName":{},"parameterValue":{},)"
                             R"("timestamp":{}}})",
                             require_key(), json_quote(name), value, now_ms()));
}

void OnlineExperiment::add_file(const Upload& upload) { service_.put_file(require_key(), upload); }

void OnlineExperiment::send_output() {
  if (output_.empty()) return;
  const auto rows = std::exchange(rows_of_output_, {});
  try {
    service_.write("output", fmt::format(R"({{"experimentKey":"{}","runContext":null,)"
                                         R"("outputLines":[{}]}})",
                                         require_key(), std::exchange(output_, {})));
  } catch (const http::Error&) {
    for (const auto& row : rows) settle(*row, false);
    throw;
  }
  for (const auto& row : rows) settle(*row, true);
}

void OnlineExperiment::send_others() {
  while (!others_.empty()) {
    const auto other = others_.extract(others_.begin());
    service_.write("log-other",
                   fmt::format(R"({{"experimentKey":"{}","key":{},"value":{}}})", require_key(),
                               json_quote(other.key()), json_quote(other.mapped())));
  }
}

void OnlineExperiment::beat() {
  if (Clock::now() < beat_at_) return;
  beat_at_ = Clock::now() + service_.beat(require_key());
}

void OnlineExperiment::flush() {
  if (ledger_.has_ended()) return;
  try {
    while (!order_.empty() && service_.may_send()) send_next(Service::Paid::yes);
    send_output();
    send_others();
    beat();
  } catch (const http::Error& error) {
    ledger_.note(error);
    if (error.fault() != http::Fault::cancelled) throw;
  }
}

void OnlineExperiment::finish(const RunOutcome& outcome) {
  if (ledger_.has_ended()) return;
  try {
    const bool is_over = outcome.status != RunStatus::running;
    if (is_over) set_other("ranklog.outcome", std::string(to_string(outcome.status)));
    if (is_over && !outcome.reason.empty()) set_other("ranklog.outcome_reason", outcome.reason);
    send_output();
    send_others();
    while (!order_.empty()) send_next(Service::Paid::no);
    if (!is_over) return;
    service_.write(
        "set-start-end-time",
        fmt::format(R"({{"experimentKey":"{}","startTimeMillis":{},"endTimeMillis":{}}})",
                    require_key(), start_ms_, support::milliseconds(support::end_s(outcome))));
  } catch (const http::Error& error) {
    ledger_.note(error);
    if (error.fault() != http::Fault::cancelled) throw;
  }
}

std::optional<Undelivered> OnlineExperiment::undelivered() const {
  auto all = ledger_.undelivered();
  support::RowCount rows{all.n_rows, all.first_step};
  rows.add(thinned_);
  std::set<std::shared_ptr<Row>> unfinished;  // a row holds the places of several curves
  for (const auto& [name, waiting] : waiting_) unfinished.insert(waiting.row);
  unfinished.insert(rows_of_output_.begin(), rows_of_output_.end());
  for (const auto& row : unfinished) rows.add({1, row->step});
  if (thinned_.n_rows > 0) {
    all.reason +=
        fmt::format("{}{} rows were left out in part to stay below Comet's limit of requests",
                    all.reason.empty() ? "" : "; ", thinned_.n_rows);
  }
  return Undelivered{rows.n_rows, rows.first_step, all.reason};
}

}  // namespace ranklog::trackers::comet
