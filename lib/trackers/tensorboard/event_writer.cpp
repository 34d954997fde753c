#include "trackers/tensorboard/event_writer.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cstdint>
#include <system_error>

#include "trackers/support/run_output.hpp"
#include "trackers/tensorboard/event_messages.hpp"
#include "trackers/tensorboard/record_framing.hpp"
#include "trackers/tensorboard/scalar_event.hpp"

namespace ranklog::trackers {
namespace {

std::string host_for_file_name() {
  std::array<char, 256> buffer{};
  if (::gethostname(buffer.data(), buffer.size() - 1) != 0) return "unknown";
  std::string host = buffer.data();
  for (char& c : host) {
    const bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                          (c >= 'a' && c <= 'z') || c == '.' || c == '-' || c == '_';
    if (!is_plain) c = '-';
  }
  return host.empty() ? "unknown" : host;
}

constexpr std::string_view name_prefix = "events.out.tfevents.";

// The latest second in the names of the event files there; -1 without one.
std::int64_t newest_second(const std::filesystem::path& run_dir) {
  std::int64_t newest = -1;
  std::error_code error;
  for (std::filesystem::directory_iterator at(run_dir, error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (!name.starts_with(name_prefix)) continue;
    std::int64_t second = 0;
    const char* const digits = name.data() + name_prefix.size();
    const auto parsed = std::from_chars(digits, name.data() + name.size(), second);
    if (parsed.ec == std::errc{}) newest = std::max(newest, second);
  }
  return newest;
}

// TensorBoard reads the files of a directory in the order of their names, hence ten digits, and a
// later second than any that is there, also if the clock went back.
std::filesystem::path new_file_path(const std::filesystem::path& run_dir) {
  static std::atomic<unsigned> counter{0};
  const auto second =
      std::max(static_cast<std::int64_t>(support::now_s()), newest_second(run_dir) + 1);
  return run_dir / fmt::format("{}{:010}.{}.{}.{}", name_prefix, second, host_for_file_name(),
                               ::getpid(), counter++);
}

}  // namespace

EventWriter::EventWriter(const std::filesystem::path& run_dir,
                         std::chrono::duration<double> flush_interval, std::int64_t first_step)
    : file_(new_file_path(run_dir), {.flush_interval = flush_interval}) {
  const double time = support::now_s();
  write(file_version_event(time));
  write(session_start_event(time, first_step));
  flush();
}

void EventWriter::write(const tensorboard_proto::Event& event) {
  const std::lock_guard lock(mutex_);
  event.SerializeToString(&payload_);
  frame_record(payload_, {}, frame_);
  file_.append(frame_);
}

void EventWriter::write(ScalarEvent& event) {
  const std::lock_guard lock(mutex_);
  frame_record(event.head(), event.values(), frame_);
  file_.append(frame_);
}

void EventWriter::flush() {
  const std::lock_guard lock(mutex_);
  file_.flush();
}

void EventWriter::close() {
  const std::lock_guard lock(mutex_);
  file_.close();
}

}  // namespace ranklog::trackers
