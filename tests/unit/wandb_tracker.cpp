// What the wandb tracker puts into its log; tests/interop reads and syncs it with W&B's software.
#include "trackers/wandb/wandb_tracker.hpp"

#include <doctest/doctest.h>

#include <sys/resource.h>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "ranklog/error.hpp"
#include "support/fake_environment.hpp"
#include "support/scratch_directory.hpp"
#include "support/tracker_records.hpp"
#include "support/wandb_log.hpp"

namespace {

using namespace ranklog;
using namespace ranklog::test_support;

std::unique_ptr<GeneralTracker> make_tracker(const FakeEnvironment& environment = {}) {
  return std::make_unique<trackers::WandbTracker>(environment);
}

// A tracker that has started in a directory of its own.
struct Started {
  explicit Started(const Config& options = {}) : tracker(make_tracker()) {
    tracker->start(context_in(directory.path(), options));
  }
  [[nodiscard]] std::filesystem::path log() const { return wandb_log_in(directory.path()); }
  [[nodiscard]] std::vector<WandbRow> finished_rows() const {
    tracker->finish({});
    return wandb_rows(log());
  }
  [[nodiscard]] WandbRow only_row() const {
    const auto rows = finished_rows();
    REQUIRE(rows.size() == 1);
    return rows.front();
  }

  ScratchDirectory directory;
  std::unique_ptr<GeneralTracker> tracker;
};

Record stepless(std::vector<Metric> metrics) {
  Record record = record_at(0, std::move(metrics));
  record.step = std::nullopt;
  return record;
}

Metric integer_metric(std::string key, std::int64_t value) {
  Metric metric = real_metric(metric_info(std::move(key), Kind::integer, Reduction::sum), 0);
  metric.integer_value = value;
  return metric;
}

std::vector<std::string> steps_of(const std::vector<WandbRow>& rows) {
  std::vector<std::string> steps;
  for (const WandbRow& row : rows) steps.push_back(row.at("_step"));
  return steps;
}

}  // namespace

TEST_CASE("a run begins with header, run and environment, which are in the file at once") {
  const Started started({{"tags", std::vector<std::string>{"a", "b"}}, {"entity", "team"}});
  const auto records = wandb_records(started.log());
  REQUIRE(records.size() == 3);
  CHECK(records[0].has_header());
  CHECK(records[2].has_environment());
  const auto& run = records[1].run();
  CHECK(run.run_id() == "0123456789abcdef");
  CHECK(run.project() == "project");
  CHECK(run.entity() == "team");
  CHECK(run.display_name() == "run");
  CHECK(run.tags_size() == 2);
  CHECK(run.start_time().seconds() > 1'700'000'000);
  CHECK(run.telemetry().feature().offline());
}

TEST_CASE("the files lie where wandb sync looks for them") {
  const Started started;
  const auto run = started.log().parent_path();
  CHECK(started.log().filename() == "run-0123456789abcdef.wandb");
  CHECK(run.filename().string().starts_with("offline-run-20"));
  CHECK(run.parent_path() == started.directory.path() / "wandb");
  CHECK(std::filesystem::is_directory(run / "files"));
  CHECK(std::filesystem::equivalent(run.parent_path() / "latest-run", run));
}

TEST_CASE("two runs of one id and second get directories of their own") {
  const ScratchDirectory directory;
  for (int i = 0; i < 2; ++i) make_tracker()->start(context_in(directory.path()));
  int n_runs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory.path() / "wandb")) {
    if (!entry.is_symlink()) ++n_runs;
  }
  CHECK(n_runs == 2);
}

TEST_CASE("values are JSON with the bare words that W&B uses for what is not finite") {
  const Started started;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  auto flag = real_metric(metric_info("flag", Kind::boolean, Reduction::all), 1);
  flag.integer_value = 1;
  started.tracker->log(
      record_at(0, {real_metric("loss", 0.5), real_metric("whole", 1),
                    real_metric("nan", std::numeric_limits<double>::quiet_NaN()),
                    real_metric("inf", infinity), real_metric("ninf", -infinity), flag,
                    integer_metric("big", 9007199254740993), text_metric("note", "a\"ß\n")}),
      {});
  const WandbRow row = started.only_row();
  CHECK(row.at("loss") == "0.5");
  CHECK(row.at("whole") == "1.0");
  CHECK(row.at("nan") == "NaN");
  CHECK(row.at("inf") == "Infinity");
  CHECK(row.at("ninf") == "-Infinity");
  CHECK(row.at("flag") == "true");
  CHECK(row.at("big") == "9007199254740993");
  CHECK(row.at("note") == "\"a\\\"ß\\u000a\"");
}

TEST_CASE("what is logged at one step is one row, and a later value takes the place of the first") {
  const Started started;
  started.tracker->log(record_at(5, {real_metric("a", 1), real_metric("b", 1)}), {});
  started.tracker->log(record_at(5, {real_metric("b", 2), real_metric("c", 3)}), {});
  started.tracker->log(record_at(7, {real_metric("a", 4)}), {});
  const auto rows = started.finished_rows();
  CHECK(steps_of(rows) == std::vector<std::string>{"5", "7"});
  CHECK(rows[0].at("a") == "1.0");
  CHECK(rows[0].at("b") == "2.0");
  CHECK(rows[0].at("c") == "3.0");
  CHECK(rows[1].count("b") == 0);
}

TEST_CASE("a row stays open while the run is idle, and is written by a flush") {
  const Started started;
  started.tracker->log(record_at(5, {real_metric("a", 1)}), {});
  started.tracker->on_idle();
  CHECK(wandb_rows(started.log()).empty());
  started.tracker->log(record_at(5, {real_metric("b", 2)}), {});
  started.tracker->flush();
  REQUIRE(wandb_rows(started.log()).size() == 1);
  CHECK(wandb_rows(started.log())[0].count("b") == 1);
}

TEST_CASE("rows that the ranks agree on late are not refused for media of a later step") {
  const Started started;
  const std::vector<std::uint8_t> pixels(12, 7);
  for (const std::int64_t step : {5, 9}) {
    const MediaTime when{.step = step, .row_step = step, .time = 1};
    CHECK(started.tracker->log_images({{"img", Image(2, 2, 3, pixels)}}, when, {}));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  started.tracker->on_idle();
  started.tracker->log(record_at(3, {real_metric("a", 1)}), {});
  started.tracker->log(record_at(5, {real_metric("a", 2)}), {});
  const auto rows = started.finished_rows();
  CHECK(steps_of(rows) == std::vector<std::string>{"3", "5", "9"});
  CHECK(rows[1].count("img") == 1);
  CHECK(rows[1].at("a") == "2.0");
}

TEST_CASE("what comes at a step after its flush is a row of its own") {
  const Started started;
  started.tracker->log(record_at(5, {real_metric("a", 1)}), {});
  started.tracker->flush();
  started.tracker->log(record_at(5, {real_metric("b", 2)}), {});
  const auto rows = started.finished_rows();
  CHECK(steps_of(rows) == std::vector<std::string>{"5", "5"});
  CHECK(rows[1].count("a") == 0);
}

TEST_CASE("steps that come a little out of order find their rows, and rows stand in order") {
  const Started started;
  started.tracker->log(record_at(5, {real_metric("a", 5)}), {});
  started.tracker->log(record_at(6, {real_metric("a", 6)}), {});
  started.tracker->log(record_at(5, {real_metric("b", 5), real_metric("a", 55)}), {});
  started.tracker->log(record_at(4, {real_metric("b", 4)}), {});
  const auto rows = started.finished_rows();
  CHECK(steps_of(rows) == std::vector<std::string>{"4", "5", "6"});
  CHECK(rows[1].at("a") == "55.0");
  CHECK(rows[1].at("b") == "5.0");
}

TEST_CASE("a step below one that was written is refused, as by the SDK, and said so") {
  const Started started;
  started.tracker->log(record_at(5, {real_metric("a", 1)}), {});
  started.tracker->flush();
  CHECK_THROWS_AS(started.tracker->log(record_at(4, {real_metric("b", 2)}), {}), InvalidStepError);
  started.tracker->log(record_at(6, {real_metric("a", 2)}), {});
  CHECK(steps_of(started.finished_rows()) == std::vector<std::string>{"5", "6"});
}

TEST_CASE("rows without a step are numbered on, and commit keeps one open") {
  const Started started;
  started.tracker->log(stepless({real_metric("a", 1)}), {});
  started.tracker->log(stepless({real_metric("b", 1)}), {{"commit", false}});
  started.tracker->log(stepless({real_metric("c", 1)}), {});
  started.tracker->log(record_at(7, {real_metric("d", 1)}), {});
  started.tracker->log(stepless({real_metric("e", 1)}), {});
  started.tracker->log(stepless({real_metric("f", 1)}), {});
  const auto rows = started.finished_rows();
  CHECK(steps_of(rows) == std::vector<std::string>{"0", "1", "7", "8"});
  CHECK(rows[1].count("c") == 1);
  CHECK(rows[2].count("e") == 1);
}

TEST_CASE("an option of a call that W&B does not have is refused after the row is kept") {
  const Started started;
  CHECK_THROWS_AS(started.tracker->log(record_at(1, {real_metric("a", 1)}), {{"sync", true}}),
                  UsageError);
  CHECK(started.only_row().count("a") == 1);
}

TEST_CASE("a key that W&B itself writes is refused, and the others of the row are kept") {
  const Started started;
  CHECK_THROWS_AS(
      started.tracker->log(record_at(3, {real_metric("_step", 1), real_metric("a", 1)}), {}),
      InvalidKeyError);
  const WandbRow row = started.only_row();
  CHECK(row.at("_step") == "3");
  CHECK(row.count("a") == 1);
}

TEST_CASE("time counts from the beginning of the run, and one that is no number is replaced") {
  const Started started;
  started.tracker->log(
      record_at(0, {real_metric("a", 1)}, std::numeric_limits<double>::quiet_NaN()), {});
  const WandbRow row = started.only_row();
  CHECK(std::stod(row.at("_timestamp")) > 1.7e9);
  CHECK(std::stod(row.at("_runtime")) >= 0);
  CHECK(std::stod(row.at("_runtime")) < 600);
}

TEST_CASE("statistics and single ranks become keys only when asked for") {
  auto gathered = real_metric(metric_info("t", Kind::real, Reduction::gather), 1);
  for (int rank = 0; rank < 4; ++rank) gathered.per_rank.push_back({rank, {1.0 * rank}, {}, {}});
  const auto row_of = [&](const Config& options) {
    const Started started(options);
    started.tracker->log(record_at(0, {real_metric("loss", 1), gathered}), {});
    return started.only_row();
  };
  const WandbRow plain = row_of({});
  CHECK(plain.count("loss_min") == 0);
  CHECK(plain.at("t_rank3") == "3.0");
  const WandbRow full = row_of({{"statistics", true}, {"max_ranks", 2}});
  CHECK(full.count("loss_min") == 1);
  CHECK(full.count("loss_std") == 1);
  CHECK(full.count("t_rank1") == 1);
  CHECK(full.count("t_rank2") == 0);
}

TEST_CASE("the summary holds the value of the highest step of every key") {
  const Started started;
  started.tracker->log(record_at(1, {real_metric("a", 2)}), {});
  started.tracker->log(record_at(0, {real_metric("a", 1), real_metric("b", 1)}), {});
  started.tracker->finish({});
  std::map<std::string, std::string> summary;
  for (const auto& record : wandb_records(started.log())) {
    for (const auto& item : record.summary().update()) summary[item.key()] = item.value_json();
  }
  CHECK(summary.at("a") == "2.0");
  CHECK(summary.at("b") == "1.0");
  CHECK(summary.at("_step") == "1");
}

TEST_CASE("the log ends with exit, final and footer, and a failed run with exit code 1") {
  const Started started;
  started.tracker->finish({RunStatus::failed, "why"});
  const auto records = wandb_records(started.log());
  REQUIRE(records.size() == 6);
  CHECK(records[3].exit().exit_code() == 1);
  CHECK(records[4].has_final());
  CHECK(records[5].has_footer());
  for (std::size_t i = 0; i < records.size(); ++i) {
    CHECK(records[i].num() == static_cast<std::int64_t>(i) + 1);
  }
}

TEST_CASE("the configuration is JSON, nested dictionaries and lists included") {
  const Started started;
  started.tracker->store_init_configuration(
      {{"lr", 0.5}, {"optimizer", {{"betas", std::vector{0.9, 0.5}}}}, {"none", nullptr}});
  const auto records = wandb_records(started.log());
  REQUIRE(records.size() == 4);
  const auto& config = records[3].config();
  REQUIRE(config.update_size() == 3);
  CHECK(config.update(0).value_json() == "0.5");
  CHECK(config.update(1).value_json() == "{\"betas\":[0.9,0.5]}");
  CHECK(config.update(2).value_json() == "null");
}

TEST_CASE("a disabled run leaves nothing behind") {
  const ScratchDirectory directory;
  const auto tracker = make_tracker({{"WANDB_MODE", "disabled"}});
  tracker->start(context_in(directory.path()));
  tracker->store_init_configuration({{"a", 1}});
  tracker->log(record_at(0, {real_metric("a", 1)}), {});
  tracker->flush();
  tracker->finish({});
  CHECK(std::filesystem::is_empty(directory.path()));
}

TEST_CASE("a directory that cannot be made is an error that names it") {
  CHECK_THROWS_WITH_AS(
      make_tracker({{"WANDB_DIR", "/proc/nowhere"}})->start(context_in("/runs/project/run")),
      doctest::Contains("/proc/nowhere/wandb"), DirectoryError);
}

TEST_CASE("media become files of the run and their description in the row") {
  const Started started;
  const std::vector<std::uint8_t> pixels(12, 7);
  const MediaTime when{.step = 3, .row_step = 3, .time = 1};
  CHECK(started.tracker->log_images({{"eval/img", Image(2, 2, 3, pixels)}}, when, {}));
  CHECK(started.tracker->log_table("tab", Table({"a"}, {{1}, {nullptr}}), when, {}));
  CHECK(started.tracker->log_histogram("h", Histogram({0, 1}, {2}), when, {}));
  CHECK(started.tracker->log_figure(Figure("roc.html", "<b>"), when, {}));
  CHECK(started.tracker->log_figure(Figure("roc.svg", "<svg>"), when, {}));
  const WandbRow row = started.only_row();
  CHECK(row.at("eval/img") ==
        R"({"_type":"images/separated","width":2,"height":2,"format":"png","count":1,)"
        R"("filenames":["media/images/eval/img_3_0.png"]})");
  CHECK(row.at("tab") == R"({"_type":"table-file","ncols":1,"nrows":2,)"
                         R"("path":"media/table/tab_3_0.table.json","size":37})");
  CHECK(row.at("h") == R"({"_type":"histogram","bins":[0.0,1.0],"values":[2.0]})");
  CHECK(row.at("roc") == R"({"_type":"html-file","path":"media/html/roc_3_0.html","size":3})");
  const auto files = started.log().parent_path() / "files";
  CHECK(contents_of(files / "media/table/tab_3_0.table.json") ==
        R"({"columns":["a"],"data":[[1],[null]]})");
  CHECK(contents_of(files / "media/images/eval/img_3_0.png").starts_with("\x89PNG"));
  CHECK(contents_of(files / "roc.svg") == "<svg>");
  std::vector<std::string> paths;
  for (const auto& record : wandb_records(started.log())) {
    for (const auto& file : record.files().files()) paths.push_back(file.path());
  }
  CHECK(paths == std::vector<std::string>{"media/images/eval/img_3_0.png",
                                          "media/table/tab_3_0.table.json",
                                          "media/html/roc_3_0.html", "roc.svg"});
}

TEST_CASE("an artifact becomes files of the run, but none that wandb sync writes itself") {
  const Started started;
  const ScratchDirectory other;
  std::filesystem::create_directories(other.path() / "model/part");
  for (const char* const name : {"model/a.bin", "model/part/b.bin", "config.yaml"}) {
    std::ofstream(other.path() / name) << name;
  }
  const auto log = [&](const char* name, std::string folder) {
    return started.tracker->log_artifact({other.path() / name, std::move(folder)}, {}, {});
  };
  CHECK(log("model", ""));
  CHECK(log("config.yaml", "mine"));
  CHECK_THROWS_AS((void)log("config.yaml", ""), InvalidNameError);
  const auto files = started.log().parent_path() / "files";
  CHECK(contents_of(files / "model/part/b.bin") == "model/part/b.bin");
  CHECK(contents_of(files / "mine/config.yaml") == "config.yaml");
}

TEST_CASE("a resumed run goes on in the log of its earlier attempt, without its later rows") {
  const ScratchDirectory directory;
  const auto attempt = [&](std::int64_t from_step, std::int64_t end_step, double value) {
    auto tracker = make_tracker();
    auto context = context_in(directory.path());
    context.is_resumed = from_step > 0;
    context.from_step = from_step;
    if (context.is_resumed) CHECK(tracker->next_step(directory.path()).has_value());
    tracker->start(context);
    tracker->store_init_configuration({{"value", value}});
    for (auto step = from_step; step < end_step; ++step) {
      tracker->log(record_at(step, {real_metric("a", value)}), {});
    }
    return tracker;
  };
  attempt(0, 10, 1)->flush();  // killed: not finished
  attempt(5, 20, 2)->finish({});
  CHECK(make_tracker()->next_step(directory.path()) == 20);
  attempt(15, 18, 3)->finish({});
  const auto log = wandb_log_in(directory.path());
  const auto rows = wandb_rows(log);
  REQUIRE(rows.size() == 18);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CHECK(rows[i].at("_step") == std::to_string(i));
    CHECK(rows[i].at("a") == (i < 5 ? "1.0" : i < 15 ? "2.0" : "3.0"));
  }
  const auto records = wandb_records(log);
  CHECK(std::ranges::count_if(records, [](const auto& r) { return r.has_run(); }) == 1);
  CHECK(std::ranges::count_if(records, [](const auto& r) { return r.has_exit(); }) == 1);
  for (std::size_t i = 0; i < records.size(); ++i) {
    REQUIRE(records[i].num() == static_cast<std::int64_t>(i) + 1);
  }
}

TEST_CASE("after wandb sync, a resumed run has a log of its own that repeats no step") {
  const ScratchDirectory directory;
  auto context = context_in(directory.path());
  const auto first = make_tracker();
  first->start(context);
  for (int step = 0; step < 10; ++step) {
    first->log(record_at(step, {real_metric("a", 1)}), {});
  }
  first->finish({});
  const auto old_log = wandb_log_in(directory.path());
  std::ofstream(std::filesystem::path(old_log) += ".syncstate") << "{}";
  const auto size = std::filesystem::file_size(old_log);

  context.is_resumed = true;
  context.from_step = 5;
  const auto second = make_tracker();
  second->start(context);
  CHECK_THROWS_AS(second->log(record_at(9, {real_metric("a", 2)}), {}), InvalidStepError);
  second->log(record_at(10, {real_metric("a", 2)}), {});
  second->finish({});
  CHECK(std::filesystem::file_size(old_log) == size);
  std::filesystem::rename(old_log, std::filesystem::path(old_log) += ".old");
  CHECK(steps_of(wandb_rows(wandb_log_in(directory.path()))) == std::vector<std::string>{"10"});
}

TEST_CASE("a log without a run record is left alone when the run is resumed") {
  const ScratchDirectory directory;
  auto context = context_in(directory.path());
  make_tracker()->start(context);
  const auto log = wandb_log_in(directory.path());
  std::filesystem::resize_file(log, 20);
  context.is_resumed = true;
  make_tracker()->start(context);
  CHECK(std::filesystem::file_size(log) == 20);
}

TEST_CASE("rows that wait while the disk is full are in the log when there is room again") {
  struct Limit {  // a file size limit fails writes as a full disk does
    Limit() {
      ::getrlimit(RLIMIT_FSIZE, &before);
      rlimit small = before;
      small.rlim_cur = 100'000;
      ::setrlimit(RLIMIT_FSIZE, &small);
    }
    ~Limit() { ::setrlimit(RLIMIT_FSIZE, &before); }
    rlimit before{};
  };
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const Started started;
  constexpr std::int64_t n_rows = 3000;
  {
    const Limit limit;
    for (std::int64_t step = 0; step < n_rows; ++step) {
      try {
        started.tracker->log(record_at(step, {real_metric("a", 1)}), {});
      } catch (const IoError&) {
        continue;  // a flush was due by the clock; the row waits
      }
    }
    CHECK_THROWS_AS(started.tracker->flush(), IoError);
    const auto n_before = wandb_rows(started.log()).size();
    CHECK(n_before > 100);
    CHECK(n_before < n_rows);
  }
  const auto rows = started.finished_rows();
  std::signal(SIGXFSZ, handler);
  REQUIRE(rows.size() == n_rows);
  for (std::int64_t step = 0; step < n_rows; ++step) {
    REQUIRE(rows[static_cast<std::size_t>(step)].at("_step") == std::to_string(step));
  }
}
