#include "trackers/tensorboard/event_writer.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "trackers/support/run_output.hpp"
#include "trackers/tensorboard/event_messages.hpp"
#include "trackers/tensorboard/record_framing.hpp"

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

// TensorBoard reads the files of a directory in the order of their names, hence ten digits.
std::filesystem::path new_file_path(const std::filesystem::path& run_dir) {
  static std::atomic<unsigned> counter{0};
  return run_dir / fmt::format("events.out.tfevents.{:010}.{}.{}.{}",
                               static_cast<std::int64_t>(support::now_s()), host_for_file_name(),
                               ::getpid(), counter++);
}

}  // namespace

EventWriter::EventWriter(const std::filesystem::path& run_dir,
                         std::chrono::duration<double> flush_interval)
    : file_(new_file_path(run_dir), {.flush_interval = flush_interval}) {
  const double time = support::now_s();
  write(file_version_event(time));
  write(session_start_event(time));
  flush();
}

void EventWriter::write(const tensorboard_proto::Event& event) {
  const std::lock_guard lock(mutex_);
  event.SerializeToString(&payload_);
  frame_record(payload_, frame_);
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
