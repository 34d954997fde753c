// What the copies of a Logger share. Made by the Accelerator.
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "provenance/environment.hpp"
#include "ranklog/communicator.hpp"
#include "ranklog/logger.hpp"

namespace ranklog {

struct Logger::State {
  std::string name;
  LogLevel level = LogLevel::info;
  int rank = 0;
  // For messages in rank order. The Accelerator sets it to null before its communicator goes;
  // each rank then prints its own line at once.
  const Communicator* comm = nullptr;
  std::FILE* out = stderr;
};

// The level named by RANKLOG_LOG_LEVEL, in any case; `info` without it. A name that is no level
// also means `info`; rank 0 then says so on `out`, once per process.
[[nodiscard]] LogLevel log_level_from_environment(const provenance::Environment& environment,
                                                  int rank, std::FILE* out);

// The state of a new logger for `comm`, at the environment's level.
[[nodiscard]] std::shared_ptr<Logger::State> make_logger_state(std::string name,
                                                               const Communicator& comm);

}  // namespace ranklog
