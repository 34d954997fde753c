// One TensorBoard event file. The tracker and TensorBoardWriter share it.
#pragma once

#include <chrono>
#include <filesystem>
#include <mutex>
#include <string>

#include "trackers/support/record_file.hpp"

namespace ranklog::tensorboard_proto {
class Event;
}

namespace ranklog::trackers {

// Thread safety: all members may be called from any thread; ranklog's writer thread may flush
// while the user writes through TensorBoardWriter.
// Errors of all members: as RecordFile.
class EventWriter {
 public:
  // Makes a file with a name of its own in `run_dir` and writes its first two events.
  EventWriter(const std::filesystem::path& run_dir, std::chrono::duration<double> flush_interval);

  void write(const tensorboard_proto::Event& event);
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
