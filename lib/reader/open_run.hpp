// A run file that is open for reading, perhaps while a job writes it: what a read met that fell
// into a flush is thrown away, and the read is done again on the file as it is then.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "hdf5/committed_file.hpp"
#include "hdf5/handle.hpp"
#include "reader/metric_index.hpp"

namespace ranklog::reader {

class OpenRun {
 public:
  // Errors of all members: FileFormatError, IoError, each naming the file.
  explicit OpenRun(std::filesystem::path run_file);

  // Calls `body` until it has seen one state of the file from beginning to end. What goes wrong in
  // it then becomes a FileFormatError. `body` may be called several times.
  void read(const std::function<void()>& body);

  // For `body` only.
  [[nodiscard]] hid_t file() const noexcept { return file_.get(); }
  [[nodiscard]] h5::Group open(const char* group) const;
  // What a writer that was interrupted leaves, or that goes on, is no damage.
  [[nodiscard]] Lengths lengths() const;
  [[nodiscard]] const std::vector<FoundSeries>& index();
  [[nodiscard]] const std::vector<AbandonedSeries>& abandoned();
  [[nodiscard]] const FoundSeries& found_abandoned(const AbandonedSeries& series);

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  void reopen();
  void close() noexcept;
  void check_format() const;
  void find_abandoned();
  [[nodiscard]] bool is_current() const;
  [[nodiscard]] bool may_be_torn() const;
  [[noreturn]] void reject(const std::string& cause) const;

  std::filesystem::path path_;
  std::unique_ptr<h5::CommittedFile> committed_;  // outlives `file_`
  h5::File file_;
  std::optional<std::vector<FoundSeries>> index_;
  std::optional<std::vector<AbandonedSeries>> abandoned_;
  std::vector<FoundSeries> found_abandoned_;
};

// `path`, or the run file in it if it is a directory.
[[nodiscard]] std::filesystem::path run_file_of(const std::filesystem::path& path);

// The number of a group in /run, or -1.
[[nodiscard]] std::int32_t attempt_number(std::string_view name) noexcept;
// The attempts in the file, ascending.
[[nodiscard]] std::vector<std::int32_t> attempt_numbers(hid_t file);

}  // namespace ranklog::reader
