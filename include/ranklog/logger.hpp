// A rank-aware text logger: one line from the main process, or every rank's, in order if asked.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ranklog {

enum class LogLevel : std::uint8_t { debug, info, warning, error, critical };
[[nodiscard]] std::string_view to_string(LogLevel level) noexcept;
[[nodiscard]] std::optional<LogLevel> log_level_from_string(std::string_view name) noexcept;

// Which ranks print one message.
enum class Speakers : std::uint8_t {
  main_process,         // only rank 0; not collective
  every_rank,           // each rank its own line, as it comes; not collective
  every_rank_in_order,  // collective on the Accelerator's ranks: all must make the call
};

// Made by Accelerator::get_logger. Lines go to stderr as "2026-11-23 10:00:00 INFO name: text",
// with "[rank n]" before the text when not only the main process speaks. Copies share their
// state. Thread safety: one thread at a time.
class Logger {
 public:
  struct State;
  explicit Logger(std::shared_ptr<State> state) : state_(std::move(state)) {}

  void log(LogLevel level, std::string_view text, Speakers speakers = Speakers::main_process);
  template <class... Args>
  void debug(fmt::format_string<Args...> format, Args&&... args) {
    log(LogLevel::debug, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) {
    log(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void warning(fmt::format_string<Args...> format, Args&&... args) {
    log(LogLevel::warning, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void error(fmt::format_string<Args...> format, Args&&... args) {
    log(LogLevel::error, fmt::format(format, std::forward<Args>(args)...));
  }
  // Prints the same text at most once per process.
  void warning_once(std::string_view text);
  // Messages below `level` are dropped.
  void set_level(LogLevel level);

 private:
  std::shared_ptr<State> state_;
};

}  // namespace ranklog
