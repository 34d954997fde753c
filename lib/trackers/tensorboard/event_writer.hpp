// One TensorBoard event file. The tracker and TensorBoardWriter share it.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>

#include "trackers/support/record_file.hpp"

namespace ranklog::tensorboard_proto {
class Event;
}

namespace ranklog::trackers {

class ScalarEvent;

// Thread safety: all members may be called from any thread; ranklog's writer thread may flush
// while the user writes through TensorBoardWriter.
// Errors of all members: as RecordFile.
class EventWriter {
 public:
  // Makes a file in `run_dir`, with a name behind those of all event files there, and writes its
  // first two events. `first_step`: nothing lower will come, and nothing there counts from it on.
  EventWriter(const std::filesystem::path& run_dir, std::chrono::duration<double> flush_interval,
              std::int64_t first_step = 0);

  void write(const tensorboard_proto::Event& event);
  void write(ScalarEvent& event);
  void flush();
  void close();
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return file_.path(); }

 private:
  std::mutex mutex_;
  support::RecordFile file_;
  std::string payload_;
  std::string frame_;
};

}  // namespace ranklog::trackers
