// Runs replayed into trackers: what comes out, in what order, and after interruptions.
#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "ranklog/error.hpp"
#include "support/scratch_directory.hpp"
#include "sync/deliver.hpp"
#include "sync/replay.hpp"
#include "unit/hdf5_support.hpp"

namespace {

using namespace ranklog;
using namespace ranklog::test_support;
namespace fs = std::filesystem;

// A vendor's side of a delivery, which outlives the trackers that talk to it.
struct Server {
  using Point = std::pair<std::string, std::int64_t>;  // key and step
  std::multiset<Point> points;                         // that were confirmed
  std::vector<TrackerContext> starts;
  std::vector<Config> configs;
  std::vector<RunOutcome> outcomes;
  int fails_after = -1;  // rows; below 0: never
  bool is_local = false;
};
Server server;

// Confirms rows at flush() and finish(), as those do that send batches.
class BatchTracker final : public GeneralTracker {
 public:
  [[nodiscard]] std::string name() const override { return "batches"; }
  [[nodiscard]] bool requires_logging_directory() const override { return false; }
  [[nodiscard]] ThreadAffinity thread_affinity() const override {
    return server.is_local ? ThreadAffinity::writer : ThreadAffinity::sender;
  }
  void start(const TrackerContext& context) override {
    server.starts.push_back(context);
    if (!server.is_local || !context.is_resumed) return;
    std::erase_if(server.points,
                  [&](const auto& point) { return point.second >= context.from_step; });
  }
  void store_init_configuration(const Config& config) override { server.configs.push_back(config); }
  void log(const Record& record, const Config&) override {
    if (server.fails_after == 0) throw std::runtime_error("no answer");
    if (server.fails_after > 0) --server.fails_after;
    for (const Metric& metric : record.metrics) batch_.emplace_back(metric.key(), record.row_step);
    if (server.is_local) flush();
  }
  void flush() override {
    if (server.fails_after == 0) throw std::runtime_error("no answer");
    server.points.insert(batch_.begin(), batch_.end());
    batch_.clear();
  }
  void finish(const RunOutcome& outcome) override {
    flush();
    server.outcomes.push_back(outcome);
  }

 private:
  std::vector<Server::Point> batch_;
};

// A call of its own, after the one that logged the numbers of this step.
void log_note(Run& run, std::int64_t step) {
  Record record = RecordMaker::record(step, {run.make.text("note", "at " + std::to_string(step))});
  record.time += 0.5;
  run.tracker.log(record, {});
}

void log_some(Run& run, std::int64_t n_steps) {
  run.tracker.store_init_configuration({{"lr", 0.1}});
  for (std::int64_t step = 0; step < n_steps; ++step) {
    run.log(step,
            {run.make.real("loss", 1.0 * static_cast<double>(step)), run.make.integer("n", step)});
    if (step % 10 == 0) log_note(run, step);
  }
}

sync::DeliveryOptions to_batches() {
  static const bool is_registered = [] {
    register_tracker_class<BatchTracker>();
    return true;
  }();
  (void)is_registered;
  sync::DeliveryOptions options;
  options.tracker = "batches";
  options.rows_per_s = 0;
  return options;
}

bool has_every_point_once(std::int64_t n_steps) {
  std::multiset<Server::Point> expected;
  for (std::int64_t step = 0; step < n_steps; ++step) {
    expected.insert({"loss", step});
    expected.insert({"n", step});
    if (step % 10 == 0) expected.insert({"note", step});
  }
  return server.points == expected;
}

std::map<std::string, std::string> files_in(const fs::path& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    std::ifstream in(entry.path(), std::ios::binary);
    files[entry.path().string()] = {std::istreambuf_iterator<char>(in), {}};
  }
  return files;
}

}  // namespace

TEST_CASE("a replay gives the records that the tracker was given") {
  Run run(3);
  std::vector<Record> given;
  for (std::int64_t step = 0; step < 50; ++step) {
    auto record =
        RecordMaker::record(step, {run.make.real("loss", 0.5), run.make.integer("n", step)});
    if (step % 7 == 0) record.metrics.push_back(run.make.text("note", "Größe"));
    RankPart first{0, {1.5, 2.5}, {}, {}}, last{2, {0.25}, {}, {}};
    record.metrics.push_back(run.make.gathered("spans", {first, last}));
    run.tracker.log(record, {});
    given.push_back(record);
  }
  run.finish();
  RunReader reader(run.file());
  sync::Replay replay(reader, {});
  Record record;
  for (const Record& expected : given) {
    REQUIRE(replay.next(record));
    CHECK(record.row_step == expected.row_step);
    CHECK(record.time == expected.time);
    REQUIRE(record.metrics.size() == expected.metrics.size());
    for (const Metric& metric : expected.metrics) {
      const Metric* found = record.find(metric.key());
      REQUIRE(found != nullptr);
      CHECK(found->value == metric.value);
      CHECK(found->integer_value == metric.integer_value);
      CHECK(found->text == metric.text);
      CHECK(found->info->reduction == metric.info->reduction);
      CHECK(found->statistics.count == metric.statistics.count);
      CHECK(found->statistics.max_rank == metric.statistics.max_rank);
      REQUIRE(found->per_rank.size() == metric.per_rank.size());
      for (std::size_t i = 0; i < metric.per_rank.size(); ++i) {
        CHECK(found->per_rank[i].rank == metric.per_rank[i].rank);
        CHECK(found->per_rank[i].reals == metric.per_rank[i].reals);
      }
    }
  }
  CHECK_FALSE(replay.next(record));
  CHECK(replay.n_cells_done() == replay.n_cells());
}

TEST_CASE("calls at one step and time come as one record, and none of their values is lost") {
  Run run;
  run.log(3, {run.make.real("loss", 1)});
  run.log(3, {run.make.real("loss", 2), run.make.text("note", "a")});
  run.log(3, {run.make.text("note", "b"), run.make.integer("n", 7)});
  run.finish();
  RunReader reader(run.file());
  sync::Replay replay(reader, {});
  std::vector<std::map<std::string, std::string>> found;
  for (Record record; replay.next(record);) {
    auto& row = found.emplace_back();
    for (const Metric& metric : record.metrics) {
      row[metric.key()] = metric.text + std::to_string(static_cast<int>(metric.value));
    }
  }
  REQUIRE(found.size() == 2);
  CHECK(found[0] == std::map<std::string, std::string>{{"loss", "1"}, {"n", "7"}, {"note", "a0"}});
  CHECK(found[1] == std::map<std::string, std::string>{{"loss", "2"}, {"note", "b0"}});
}

TEST_CASE(
    "every row arrives once, with configuration and end, and a second delivery does nothing") {
  server = {};
  Run run;
  log_some(run, 100);
  run.finish();
  const auto report = sync::deliver(run.file(), to_batches());
  CHECK(report.has_all);
  CHECK(report.n_rows == 110);
  CHECK(report.last_step == 99);
  CHECK(has_every_point_once(100));
  REQUIRE(server.starts.size() == 1);
  const TrackerContext& context = server.starts[0];
  CHECK(context.project_name == "digits");
  CHECK(context.run_id == "0123456789abcdef");
  CHECK(context.run_dir == run.directory.path());
  CHECK_FALSE(context.is_resumed);
  CHECK(context.is_replay);
  CHECK(context.start_time > 1e9);
  REQUIRE(server.configs.size() == 1);
  CHECK(*server.configs[0].find("lr") == ConfigValue(0.1));
  REQUIRE(server.outcomes.size() == 1);
  CHECK(server.outcomes[0].status == RunStatus::completed);

  const auto again = sync::deliver(run.file(), to_batches());
  CHECK(again.has_all);
  CHECK(again.n_rows == 0);
  CHECK(server.starts.size() == 1);
}

TEST_CASE(
    "a server that fails after any row gets the rest at the next delivery, and nothing twice") {
  Run run;
  log_some(run, 40);
  run.finish();
  for (const bool is_local : {false, true}) {
    for (int fails_after = 0; fails_after < 44; fails_after += 3) {
      CAPTURE(fails_after);
      server = {};
      server.is_local = is_local;
      server.fails_after = fails_after;
      fs::remove(run.directory.path() / "sync-batches.state");
      const auto failed = sync::deliver(run.file(), to_batches());
      CHECK_FALSE(failed.has_all);
      REQUIRE_FALSE(failed.problems.empty());
      CHECK(failed.problems.back().find("no answer") != std::string::npos);
      server.fails_after = -1;
      const auto rest = sync::deliver(run.file(), to_batches());
      CHECK(rest.has_all);
      CHECK(rest.was_resumed);
      CHECK(has_every_point_once(40));
    }
  }
}

TEST_CASE("a run that goes on is delivered as far as it is, and later from there") {
  server = {};
  Run run;
  log_some(run, 20);
  run.tracker.flush();
  auto report = sync::deliver(run.file(), to_batches());
  CHECK(report.has_all);
  CHECK(report.is_run_going);
  CHECK(has_every_point_once(20));
  REQUIRE(server.outcomes.size() == 1);
  CHECK(server.outcomes[0].status == RunStatus::running);
  for (std::int64_t step = 20; step < 30; ++step) {
    run.log(step, {run.make.real("loss", 1), run.make.integer("n", step)});
    if (step == 20) log_note(run, step);
  }
  run.finish();
  report = sync::deliver(run.file(), to_batches());
  CHECK(report.n_rows == 11);
  CHECK(has_every_point_once(30));
  CHECK(server.starts[1].is_resumed);
  CHECK(server.outcomes.back().status == RunStatus::completed);
}

TEST_CASE("a dry run says how much it would deliver and changes nothing") {
  server = {};
  Run run;
  log_some(run, 30);
  run.finish();
  const auto before = files_in(run.directory.path());
  auto options = to_batches();
  options.dry_run = true;
  const auto report = sync::deliver(run.file(), options);
  CHECK(report.n_rows == 33);
  CHECK_FALSE(report.has_all);
  CHECK(server.starts.empty());
  CHECK(files_in(run.directory.path()) == before);
}

TEST_CASE("rows below --since are passed over for good") {
  server = {};
  Run run;
  log_some(run, 30);
  run.finish();
  auto options = to_batches();
  options.since = 25;
  CHECK(sync::deliver(run.file(), options).n_rows == 5);
  CHECK(server.points.size() == 10);
  CHECK(sync::deliver(run.file(), to_batches()).n_rows == 0);
}

TEST_CASE("wrong targets and runs are errors that say what to do") {
  Run run;
  log_some(run, 3);
  run.finish();
  auto options = to_batches();
  const auto deliver_to = [&](const char* tracker) {
    options.tracker = tracker;
    (void)sync::deliver(run.file(), options);
  };
  CHECK_THROWS_AS(deliver_to("nope"), UnknownTrackerError);
  CHECK_THROWS_AS(deliver_to("swanlab"), TrackerUnavailableError);
  CHECK_THROWS_AS(deliver_to("memory"), UsageError);
  CHECK_THROWS_WITH_AS(deliver_to("hdf5"), doctest::Contains("--into"), UsageError);
  run.directory.write("metrics.jsonl", "{}\n");
  CHECK_THROWS_WITH_AS(deliver_to("jsonl"), doctest::Contains("the job itself wrote it"),
                       RunExistsError);
  run.directory.write("no_run/run.h5", "nothing of the kind");
  CHECK_THROWS_AS((void)sync::deliver(run.directory.path() / "no_run", to_batches()),
                  FileFormatError);
}
