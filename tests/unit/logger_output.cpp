#include <doctest/doctest.h>

#include <cstdio>
#include <memory>
#include <mutex>
#include <regex>
#include <string>
#include <vector>

#include "accelerator/logger_state.hpp"
#include "ranklog/testing.hpp"
#include "support/fake_environment.hpp"

using ranklog::Communicator;
using ranklog::Logger;
using ranklog::LogLevel;
using ranklog::Speakers;
using ranklog::test_support::FakeEnvironment;

namespace {

// A file in memory for what loggers print.
class Output {
 public:
  Output() : file_(::open_memstream(&data_, &n_bytes_)) {}
  ~Output() {
    std::fclose(file_);
    std::free(data_);
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  [[nodiscard]] std::FILE* file() const noexcept { return file_; }
  [[nodiscard]] std::string text() const {
    std::fflush(file_);
    return {data_, n_bytes_};
  }

 private:
  char* data_ = nullptr;
  std::size_t n_bytes_ = 0;
  std::FILE* file_;
};

Logger make_logger(const Output& out, int rank = 0, const Communicator* comm = nullptr) {
  auto state = std::make_shared<Logger::State>();
  state->name = "train";
  state->rank = rank;
  state->comm = comm;
  state->out = out.file();
  return Logger(std::move(state));
}

std::string without_dates(const std::string& text) {
  return std::regex_replace(text, std::regex("(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d) "), "");
}

}  // namespace

TEST_CASE("a message has date, level, name and text") {
  const Output out;
  make_logger(out).info("loss is {:.2f}", 0.125);
  CHECK(std::regex_match(
      out.text(),
      std::regex("\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d INFO train: loss is 0.12\n")));
}

TEST_CASE("only the main process speaks unless all are asked") {
  const Output out;
  make_logger(out, 3).error("unheard");
  make_logger(out, 3).log(LogLevel::error, "heard", Speakers::every_rank);
  CHECK(without_dates(out.text()) == "ERROR train: [rank 3] heard\n");
}

TEST_CASE("messages below the level are dropped") {
  const Output out;
  Logger logger = make_logger(out);
  logger.debug("dropped");
  logger.set_level(LogLevel::debug);
  logger.debug("kept");
  Logger copy = logger;
  copy.set_level(LogLevel::critical);
  logger.error("dropped, since copies share their state");
  CHECK(without_dates(out.text()) == "DEBUG train: kept\n");
}

TEST_CASE("a warning that is given once stays away the second time, also from another logger") {
  const Output out;
  make_logger(out).warning_once("only once, please");
  make_logger(out).warning_once("only once, please");
  make_logger(out).warning_once("something else");
  CHECK(without_dates(out.text()) ==
        "WARNING train: only once, please\nWARNING train: something else\n");
}

TEST_CASE("a warning that was dropped by its level may still be given later") {
  const Output out;
  Logger logger = make_logger(out);
  logger.set_level(LogLevel::error);
  logger.warning_once("dropped first");
  logger.set_level(LogLevel::info);
  logger.warning_once("dropped first");
  CHECK(without_dates(out.text()) == "WARNING train: dropped first\n");
}

TEST_CASE("lines in order come in rank order, also when ranks have different levels") {
  const Output out;
  ranklog::testing::run_ranks(4, [&](Communicator comm) {
    Logger logger = make_logger(out, comm.rank(), &comm);
    if (comm.rank() == 2) logger.set_level(LogLevel::error);
    for (int round = 0; round < 2; ++round)
      logger.log(LogLevel::info, "here", Speakers::every_rank_in_order);
  });
  const std::string round =
      "INFO train: [rank 0] here\nINFO train: [rank 1] here\nINFO train: [rank 3] here\n";
  CHECK(without_dates(out.text()) == round + round);
}

TEST_CASE("a logger that outlives its communicator prints without order") {
  const Output out;
  make_logger(out, 1, nullptr).log(LogLevel::info, "alone", Speakers::every_rank_in_order);
  CHECK(without_dates(out.text()) == "INFO train: [rank 1] alone\n");
}

TEST_CASE("levels have names, and names have levels") {
  for (const char* name : {"debug", "info", "warning", "error", "critical"}) {
    const auto level = ranklog::log_level_from_string(name);
    REQUIRE(level.has_value());
    CHECK(ranklog::to_string(*level) == name);
  }
  CHECK_FALSE(ranklog::log_level_from_string("loud").has_value());
}

TEST_CASE("the environment sets the level, and a bad one is reported once") {
  const Output out;
  const auto level_for = [&](const char* value) {
    return ranklog::log_level_from_environment(FakeEnvironment{{"RANKLOG_LOG_LEVEL", value}}, 0,
                                               out.file());
  };
  CHECK(level_for("error") == LogLevel::error);
  CHECK(level_for("DEBUG") == LogLevel::debug);
  CHECK(level_for("") == LogLevel::info);
  CHECK(ranklog::log_level_from_environment(FakeEnvironment{}, 0, out.file()) == LogLevel::info);
  CHECK(out.text() == "");
  CHECK(level_for("lo\x1bud") == LogLevel::info);
  CHECK(level_for("loud") == LogLevel::info);
  CHECK(out.text().find("RANKLOG_LOG_LEVEL is 'lo\\x1bud', which is no level") == 9);
  CHECK(out.text().find('\n') == out.text().size() - 1);
}
