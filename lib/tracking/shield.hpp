// Runs a tracker's methods so that no exception leaves them, and keeps count of what they threw.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ranklog::tracking {

// At most one report a second, for all trackers together. Thread safety: any.
class ReportLimit {
 public:
  [[nodiscard]] bool may_report();

 private:
  std::mutex mutex_;
  std::chrono::steady_clock::time_point last_{};
};

// One for each tracker, shared by the threads that call it. Thread safety: any.
class Shield {
 public:
  Shield(std::string tracker, std::shared_ptr<ReportLimit> limit)
      : tracker_(std::move(tracker)), limit_(std::move(limit)) {}

  // `what` names the method. False if `work` threw; that is then counted and reported.
  template <class Work>
  bool run(std::string_view what, const Work& work) noexcept {
    try {
      work();
      return true;
    } catch (...) {
      count(what);
      return false;
    }
  }
  // Counts a kind of media that the tracker has no place for ("images"), and reports the first.
  void note_unsupported(const std::string& what);
  // One line for the closing summary for each such kind.
  [[nodiscard]] std::vector<std::string> unsupported() const;
  // One line for the closing summary; none if nothing was thrown.
  [[nodiscard]] std::optional<std::string> summary() const;
  [[nodiscard]] const std::string& tracker() const noexcept { return tracker_; }

 private:
  // In a catch clause.
  void count(std::string_view what) noexcept;

  std::string tracker_;
  std::shared_ptr<ReportLimit> limit_;
  mutable std::mutex mutex_;
  std::int64_t n_errors_ = 0;
  std::string first_error_, last_error_;
  std::map<std::string, std::int64_t> n_unsupported_;
};

// The message of the exception being handled.
[[nodiscard]] std::string describe_current_exception();

}  // namespace ranklog::tracking
