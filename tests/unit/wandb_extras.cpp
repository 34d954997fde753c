// What the wandb tracker writes on request: definitions of metrics, the state of the machine, lines
// of console output.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ranklog/error.hpp"
#include "support/fake_environment.hpp"
#include "support/scratch_directory.hpp"
#include "support/tracker_records.hpp"
#include "support/wandb_log.hpp"
#include "trackers/wandb/wandb_tracker.hpp"

namespace {

using namespace ranklog;
using namespace ranklog::test_support;

std::unique_ptr<GeneralTracker> started_in(const ScratchDirectory& directory, const Config& options,
                                           bool is_resumed = false) {
  auto tracker = std::make_unique<trackers::WandbTracker>(FakeEnvironment{});
  auto context = context_in(directory.path(), options);
  context.is_resumed = is_resumed;
  context.from_step = is_resumed ? 2 : 0;
  tracker->start(context);
  return tracker;
}

// Of nested keys with a point between.
std::map<std::string, std::string> summary_of(const std::vector<wandb_proto::Record>& records) {
  std::map<std::string, std::string> summary;
  for (const auto& record : records) {
    for (const auto& item : record.summary().update()) {
      std::string name = item.key();
      for (const auto& part : item.nested_key()) name += (name.empty() ? "" : ".") + part;
      summary[name] = item.value_json();
    }
  }
  return summary;
}

const Config definitions{
    {"define_metric",
     {{"val/*", {{"step_metric", "epoch"}, {"summary", std::vector<std::string>{"min", "first"}}}},
      {"val/hidden", {{"summary", "none"}, {"hidden", true}}},
      {"loss", {{"summary", "mean"}}}}}};

}  // namespace

TEST_CASE("a defined key has its x axis in its rows and its own words in the summary") {
  const ScratchDirectory directory;
  const auto tracker = started_in(directory, definitions);
  tracker->log(record_at(0, {real_metric("epoch", 7), real_metric("loss", 1)}), {});
  tracker->log(record_at(1, {real_metric("val/a", 4), real_metric("loss", 2)}), {});
  tracker->log(record_at(2, {real_metric("val/hidden", 1)}), {});
  tracker->log(record_at(3, {real_metric("val/a", 3), real_metric("plain", 6)}), {});
  tracker->finish({});

  const auto rows = wandb_rows(wandb_log_in(directory.path()));
  REQUIRE(rows.size() == 4);
  CHECK(rows[0].at("epoch") == "7.0");
  CHECK(rows[1].at("epoch") == "7.0");
  CHECK(rows[2].count("epoch") == 0);  // the definition of the key itself goes before a pattern's
  const auto records = wandb_records(wandb_log_in(directory.path()));
  const auto summary = summary_of(records);
  CHECK(summary.at("val/a.min") == "3.0");
  CHECK(summary.at("val/a.first") == "4.0");
  CHECK(summary.at("loss.mean") == "1.5");
  CHECK(summary.at("plain") == "6.0");
  CHECK(summary.count("val/a") == 0);
  CHECK(summary.count("val/hidden") == 0);

  std::map<std::string, wandb_proto::Metric> metrics;
  for (const auto& record : records) {
    if (record.has_metric()) metrics[record.metric().name()] = record.metric();
  }
  CHECK(metrics.at("val/a").step_metric() == "epoch");
  CHECK(metrics.at("val/a").options().step_sync());
  CHECK(metrics.at("val/a").expanded_from_glob());
  CHECK(metrics.at("val/a").summary().min());
  CHECK(metrics.at("val/hidden").options().hidden());
  CHECK(metrics.at("").glob_name() == "val/*");
  CHECK(metrics.count("epoch") == 1);
  CHECK(metrics.count("plain") == 0);
}

TEST_CASE("a resumed run goes on with the summary and the x axis that it had") {
  const ScratchDirectory directory;
  {
    const auto tracker = started_in(directory, definitions);
    tracker->log(record_at(0, {real_metric("epoch", 7), real_metric("val/a", 1)}), {});
    tracker->log(record_at(1, {real_metric("val/a", 3)}), {});
    tracker->log(record_at(2, {real_metric("val/a", -1)}), {});  // cut off
    tracker->flush();
  }
  const auto tracker = started_in(directory, definitions, true);
  tracker->log(record_at(2, {real_metric("val/a", 2)}), {});
  tracker->finish({});
  const auto rows = wandb_rows(wandb_log_in(directory.path()));
  REQUIRE(rows.size() == 3);
  CHECK(rows[2].at("epoch") == "7.0");
  const auto summary = summary_of(wandb_records(wandb_log_in(directory.path())));
  CHECK(summary.at("val/a.min") == "1.0");
  CHECK(summary.at("val/a.first") == "1.0");
}

TEST_CASE("a definition that W&B would not take is an error that names it") {
  const ScratchDirectory directory;
  for (const auto& [wrong, name] :
       std::map<std::string, Config>{{"summary 'best'", {{"loss", {{"summary", "best"}}}}},
                                     {"goal", {{"loss", {{"goal", "minimize"}}}}},
                                     {"last character", {{"a*b", {{"hidden", true}}}}},
                                     {"no dictionary", {{"loss", "min"}}}}) {
    try {
      (void)started_in(directory, {{"define_metric", name}});
      FAIL("taken: ", wrong);
    } catch (const UsageError& error) {
      CHECK(std::string(error.what()).find(wrong) != std::string::npos);
    }
  }
}

TEST_CASE("the state of the machine is recorded on request, and not more often") {
  const ScratchDirectory directory;
  const auto tracker = started_in(directory, {{"system_metrics_interval_s", 3600}});
  for (int step = 0; step < 3; ++step) tracker->log(record_at(step, {real_metric("a", 1)}), {});
  tracker->finish({});
  std::vector<std::map<std::string, std::string>> samples;
  for (const auto& record : wandb_records(wandb_log_in(directory.path()))) {
    if (!record.has_stats()) continue;
    CHECK(record.stats().timestamp().seconds() > 1'600'000'000);
    auto& sample = samples.emplace_back();
    for (const auto& item : record.stats().item()) sample[item.key()] = item.value_json();
  }
  REQUIRE(samples.size() == 1);
  CHECK(std::stod(samples[0].at("proc.memory.rssMB")) > 1);
  CHECK(std::stod(samples[0].at("memory_percent")) > 0);
  CHECK(std::stod(samples[0].at("proc.cpu.threads")) >= 1);
  CHECK_THROWS_AS((void)started_in(directory, {{"system_metrics_interval_s", -1}}), UsageError);
}

TEST_CASE("the lines that a file gets during the run are its console output, each once") {
  const ScratchDirectory directory;
  const auto path = directory.path() / "job.out";
  const auto append = [&](const std::string& text) {
    std::ofstream(path, std::ios::binary | std::ios::app) << text;
  };
  append("of an earlier job\n");
  const auto tracker = started_in(directory, {{"console_file", path.string()}});
  append("one\ntwo \xff\n" + std::string(5000, 'x') + "\nwithout");
  tracker->log(record_at(0, {real_metric("a", 1)}), {});
  append(" an end");
  tracker->finish({});
  std::vector<std::string> lines;
  for (const auto& record : wandb_records(wandb_log_in(directory.path()))) {
    if (record.has_output_raw()) lines.push_back(record.output_raw().line());
  }
  CHECK(lines == std::vector<std::string>{"one\n", "two \\xff\n", std::string(4096, 'x') + "\n",
                                          "without an end\n"});
}
