// Row P13 of docs/tracking_contract.md: the logger, and the progress bar beside it.
#include "ranklog/logger.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>

#include "contract/contract_test.hpp"
#include "mpi/mpi_test.hpp"
#include "ranklog/ranklog.hpp"

using namespace ranklog;
using namespace ranklog::contract;
using ranklog::mpi_test::world_rank;
using ranklog::mpi_test::world_size;

namespace {

std::string tag_of(int rank) { return "[rank " + std::to_string(rank) + "] "; }

std::string stderr_of(const std::function<void(const Accelerator&)>& body) {
  return printed(STDERR_FILENO, [&] {
    const Accelerator accelerator;
    body(accelerator);
  });
}

}  // namespace

TEST_CASE("P13: a message comes from the main process alone unless others are asked for") {
  const std::string text = stderr_of([](const Accelerator& accelerator) {
    Logger logger = accelerator.get_logger("train");
    logger.info("epoch {}", 3);
    logger.error("bad");
  });
  CHECK(n_occurrences(text, "\n") == 2);
  CHECK(text.find("INFO train: epoch 3\n") != std::string::npos);
  CHECK(text.find("ERROR train: bad\n") != std::string::npos);
}

TEST_CASE("P13: every rank's message carries its rank") {
  const std::string text = stderr_of([](const Accelerator& accelerator) {
    accelerator.get_logger("train").log(LogLevel::info, "here", Speakers::every_rank);
  });
  CHECK(n_occurrences(text, "\n") == world_size());
  for (int rank = 0; rank < world_size(); ++rank) {
    CHECK(n_occurrences(text, "train: " + tag_of(rank) + "here\n") == 1);
  }
}

TEST_CASE("P13: in order means rank after rank, message after message, without a deadlock") {
  const std::string text = stderr_of([](const Accelerator& accelerator) {
    Logger logger = accelerator.get_logger("train");
    logger.log(LogLevel::info, "one", Speakers::every_rank_in_order);
    logger.log(LogLevel::info, "two", Speakers::every_rank_in_order);
  });
  std::string::size_type at = 0;
  for (const char* message : {"one", "two"}) {
    for (int rank = 0; rank < world_size(); ++rank) {
      const auto found = text.find(tag_of(rank) + message + "\n", at);
      REQUIRE(found != std::string::npos);
      at = found;
    }
  }
  CHECK(n_occurrences(text, "\n") == 2 * world_size());
}

TEST_CASE("P13: a rank with a higher level says nothing in order and holds nobody up") {
  const std::string text = stderr_of([](const Accelerator& accelerator) {
    Logger logger = accelerator.get_logger("train");
    if (accelerator.is_last_process()) logger.set_level(LogLevel::error);
    logger.log(LogLevel::info, "here", Speakers::every_rank_in_order);
    accelerator.wait_for_everyone();
  });
  CHECK(n_occurrences(text, "here") == world_size() - 1);
}

TEST_CASE("P13: warning_once prints the same text once") {
  const std::string text = stderr_of([](const Accelerator& accelerator) {
    Logger logger = accelerator.get_logger("train");
    for (int i = 0; i < 3; ++i) logger.warning_once("p13 said once");
    logger.warning_once("p13 said once too");
  });
  CHECK(n_occurrences(text, "p13 said once\n") == 1);
  CHECK(n_occurrences(text, "p13 said once too\n") == 1);
}

TEST_CASE("P13: RANKLOG_LOG_LEVEL sets the level, and set_level overrides it") {
  ::setenv("RANKLOG_LOG_LEVEL", "ERROR", 1);
  const std::string text = stderr_of([](const Accelerator& accelerator) {
    Logger logger = accelerator.get_logger("train");
    logger.warning("quiet");
    logger.error("loud");
    logger.set_level(LogLevel::debug);
    logger.debug("detail");
  });
  ::unsetenv("RANKLOG_LOG_LEVEL");
  CHECK(text.find("quiet") == std::string::npos);
  CHECK(n_occurrences(text, "loud") == 1);
  CHECK(n_occurrences(text, "detail") == 1);
}

TEST_CASE("P13: a logger outlives its Accelerator and then waits for nobody") {
  std::optional<Logger> logger;
  const std::string text = printed(STDERR_FILENO, [&] {
    {
      const Accelerator accelerator;
      logger = accelerator.get_logger("train");
    }
    if (world_rank() == 0) logger->log(LogLevel::info, "late", Speakers::every_rank_in_order);
  });
  CHECK(n_occurrences(text, "late") == 1);
}

TEST_CASE("P13: a progress bar is drawn by the main process alone") {
  const std::string text = stderr_of([](const Accelerator& accelerator) {
    const auto bar = accelerator.progress_bar(10, "train");
    for (int i = 0; i < 10; ++i) bar->advance();
  });
  CHECK(n_occurrences(text, "train: 10/10") == 1);
  CHECK(n_occurrences(text, "\n") == 1);
}
