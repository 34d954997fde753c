// Writes TensorBoard event files directly. What get_tracker("tensorboard").unwrap gives, and
// usable without an Accelerator. Part of builds with the tensorboard tracker.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

namespace ranklog {

namespace trackers {
class EventWriter;
}

// Buffers events and writes them when the flush interval has passed at a call, and at flush().
// TensorBoard wants one writer for each directory, and steps of a tag that do not go back: a
// point with a lower step hides the later ones.
// Errors of all members: IoError naming the file. Thread safety: all members, from any thread.
class TensorBoardWriter {
 public:
  // Makes an event file in `run_dir`, which must exist.
  explicit TensorBoardWriter(
      const std::filesystem::path& run_dir,
      std::chrono::duration<double> flush_interval = std::chrono::duration<double>(1.0));
  // Another way to write to the file of a tracker.
  explicit TensorBoardWriter(std::shared_ptr<trackers::EventWriter> file);
  // The last of those that share a file writes what is left.
  ~TensorBoardWriter();
  TensorBoardWriter(const TensorBoardWriter&) = delete;
  TensorBoardWriter& operator=(const TensorBoardWriter&) = delete;

  // TensorBoard keeps scalars as float32: about 7 digits, integers up to 2^24.
  void add_scalar(std::string_view tag, double value, std::int64_t step);
  // Shown as Markdown.
  void add_text(std::string_view tag, std::string_view text, std::int64_t step);
  // Hands what was added to the operating system.
  void flush();
  [[nodiscard]] const std::filesystem::path& path() const noexcept;

 private:
  std::shared_ptr<trackers::EventWriter> file_;
};

}  // namespace ranklog
