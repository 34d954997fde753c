#include "ranklog/logger.hpp"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <ctime>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "accelerator/logger_state.hpp"
#include "core/text.hpp"

namespace ranklog {
namespace {

constexpr std::array<std::string_view, 5> level_names = {"debug", "info", "warning", "error",
                                                         "critical"};
constexpr std::array<std::string_view, 5> level_labels = {"DEBUG", "INFO", "WARNING", "ERROR",
                                                          "CRITICAL"};

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string local_time() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  std::array<char, 32> text{};
  const std::size_t n_chars = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &local);
  return {text.data(), n_chars};
}

std::string format_line(const Logger::State& state, LogLevel level, std::string_view text,
                        Speakers speakers) {
  const auto label = level_labels[static_cast<std::size_t>(level)];
  if (speakers == Speakers::main_process)
    return fmt::format("{} {} {}: {}\n", local_time(), label, state.name, text);
  return fmt::format("{} {} {}: [rank {}] {}\n", local_time(), label, state.name, state.rank, text);
}

// One call for one line, so that lines of several processes on one terminal stay whole.
void write(std::FILE* out, std::string_view line) noexcept {
  std::fwrite(line.data(), 1, line.size(), out);
  std::fflush(out);
}

// Ranks may have set different levels, so a rank that drops the message takes part all the same,
// with nothing to say; otherwise the others would wait for it for ever.
void write_in_order(const Logger::State& state, std::string_view line) {
  const auto gathered = state.comm->gather(std::as_bytes(std::span(line)), 0);
  for (const Bytes& message : gathered) {
    if (message.empty()) continue;
    write(state.out, {reinterpret_cast<const char*>(message.data()), message.size()});
  }
}

// True the first time that this process asks for the text.
bool is_first_time(std::string_view text) {
  static std::mutex mutex;
  static std::unordered_set<std::string> seen;
  const std::lock_guard lock(mutex);
  return seen.emplace(text).second;
}

}  // namespace

std::string_view to_string(LogLevel level) noexcept {
  return level_names[static_cast<std::size_t>(level)];
}

std::optional<LogLevel> log_level_from_string(std::string_view name) noexcept {
  for (std::size_t i = 0; i < level_names.size(); ++i) {
    if (level_names[i] == name) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

LogLevel log_level_from_environment(const provenance::Environment& environment, int rank,
                                    std::FILE* out) {
  static std::atomic<bool> has_complained{false};
  const char* name = environment("RANKLOG_LOG_LEVEL");
  if (name == nullptr || *name == '\0') return LogLevel::info;
  if (const auto level = log_level_from_string(lower_case(name))) return *level;
  if (rank == 0 && !has_complained.exchange(true))
    write(out, fmt::format("ranklog: RANKLOG_LOG_LEVEL is '{}', which is no level; using 'info'. "
                           "Levels: debug, info, warning, error, critical\n",
                           escape_unprintable(name, 60)));
  return LogLevel::info;
}

std::shared_ptr<Logger::State> make_logger_state(std::string name, const Communicator& comm) {
  auto state = std::make_shared<Logger::State>();
  state->name = std::move(name);
  state->rank = comm.rank();
  state->comm = &comm;
  state->level = log_level_from_environment(&provenance::process_environment, state->rank, stderr);
  return state;
}

void Logger::log(LogLevel level, std::string_view text, Speakers speakers) {
  const bool is_dropped = level < state_->level;
  if (speakers == Speakers::every_rank_in_order && state_->comm != nullptr) {
    write_in_order(*state_, is_dropped ? "" : format_line(*state_, level, text, speakers));
    return;
  }
  if (is_dropped || (speakers == Speakers::main_process && state_->rank != 0)) return;
  write(state_->out, format_line(*state_, level, text, speakers));
}

void Logger::warning_once(std::string_view text) {
  if (state_->rank != 0 || LogLevel::warning < state_->level) return;
  if (is_first_time(text)) log(LogLevel::warning, text);
}

void Logger::set_level(LogLevel level) { state_->level = level; }

}  // namespace ranklog
