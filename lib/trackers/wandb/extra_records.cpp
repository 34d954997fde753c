#include "trackers/wandb/extra_records.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "trackers/support/json_text.hpp"
#include "trackers/support/run_output.hpp"
#include "trackers/wandb/run_log.hpp"
#include "trackers/wandb/run_messages.hpp"
#include "trackers/wandb/settings.hpp"
#include "wandb_record.pb.h"

namespace ranklog::trackers::wandb {
namespace {

constexpr std::size_t max_line_bytes = 4096;  // the SDK cuts lines there
constexpr std::size_t max_read_bytes = std::size_t{1} << 20;

// The number behind "name:" in a file of /proc such as meminfo; 0 if there is none.
double number_in(const char* path, std::string_view name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != ':') continue;
    return std::strtod(line.c_str() + name.size() + 1, nullptr);
  }
  return 0;
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void add(wandb_proto::Stats& stats, const char* key, double value) {
  auto& item = *stats.add_item();
  item.set_key(key);
  append_json(*item.mutable_value_json(), value, NonFinite::bare_word);
}

}  // namespace

void SystemMetrics::write(RunLog& log) {
  constexpr double kib_in_mib = 1024;
  constexpr double percent = 100;
  const auto now = Clock::now();
  if (last_ && now - *last_ < interval_) return;
  const double cpu_s = cpu_seconds();
  wandb_proto::Record record;
  auto& stats = *record.mutable_stats();
  set_time(*stats.mutable_timestamp(), support::now_s());
  if (last_) {
    const std::chrono::duration<double> passed = now - *last_;
    add(stats, "cpu", percent * (cpu_s - last_cpu_s_) / passed.count());
  }
  last_ = now;
  last_cpu_s_ = cpu_s;
  const double total = number_in("/proc/meminfo", "MemTotal");
  const double available = number_in("/proc/meminfo", "MemAvailable");
  const double resident = number_in("/proc/self/status", "VmRSS");
  add(stats, "proc.cpu.threads", number_in("/proc/self/status", "Threads"));
  add(stats, "proc.memory.rssMB", resident / kib_in_mib);
  add(stats, "proc.memory.availableMB", available / kib_in_mib);
  if (total > 0) {
    add(stats, "proc.memory.percent", percent * resident / total);
    add(stats, "memory_percent", percent * (total - available) / total);
  }
  log.write(record);
}

ConsoleFile::ConsoleFile(std::filesystem::path path) : path_(std::move(path)) {
  std::error_code error;
  const auto n_bytes = std::filesystem::file_size(path_, error);
  if (!error) offset_ = n_bytes;
}

void ConsoleFile::write(RunLog& log, bool is_end) {
  const auto now = Clock::now();
  if (!is_end && now - last_ < std::chrono::seconds(1)) return;
  last_ = now;
  while (write_some(log, is_end) && is_end) {
  }
}

// False when nothing was written.
bool ConsoleFile::write_some(RunLog& log, bool is_end) {
  std::ifstream file(path_, std::ios::binary);
  if (!file.seekg(static_cast<std::streamoff>(offset_))) return false;
  std::string text(max_read_bytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  const bool is_whole = is_end && text.size() < max_read_bytes;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t newline = text.find('\n', at);
    // A line without an end is still being written, or is longer than anybody wants to read.
    const bool is_long = newline == text.npos && at == 0 && text.size() == max_read_bytes;
    if (newline == text.npos && !is_whole && !is_long) break;
    const std::size_t end = std::min(newline, text.size());
    wandb_proto::Record record;
    auto& output = *record.mutable_output_raw();
    output.set_output_type(wandb_proto::ConsoleOutput::STDOUT);
    set_time(*output.mutable_timestamp(), support::now_s());
    output.set_line(decodable(text.substr(at, std::min(end - at, max_line_bytes))) + '\n');
    at = std::min(end + 1, text.size());
    log.write(record);
  }
  offset_ += at;
  return at > 0;
}

}  // namespace ranklog::trackers::wandb
