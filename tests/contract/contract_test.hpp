// What the tests of the tracking contract share: a tracker that keeps what it is told, a journal of
// calls in order, errors that are compared over ranks, and the text that the ranks print.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ranklog/error.hpp"
#include "ranklog/memory_tracker.hpp"
#include "ranklog/tracker.hpp"

namespace ranklog::contract {

// The calls of the trackers that share it, in order, e.g. "a.start". Thread safety: any.
class Journal {
 public:
  void add(std::string entry);
  [[nodiscard]] std::vector<std::string> entries() const;
  // The number of entries that are `entry`.
  [[nodiscard]] int count(std::string_view entry) const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> entries_;
};

struct RecordingTraits {
  std::string name = "recording";
  std::shared_ptr<Journal> journal = {};
  bool needs_directory = false;
  bool is_main_only = true;
  ThreadAffinity affinity = ThreadAffinity::writer;
  std::string fails_in = {};  // the name of the method that throws
};

// A MemoryTracker of any name and behaviour, in one of the ways in which a user would write it.
class RecordingTracker : public GeneralTracker {
 public:
  explicit RecordingTracker(RecordingTraits traits = {}) : traits_(std::move(traits)) {}

  [[nodiscard]] std::string name() const override { return traits_.name; }
  [[nodiscard]] bool requires_logging_directory() const override { return traits_.needs_directory; }
  [[nodiscard]] bool main_process_only() const override { return traits_.is_main_only; }
  [[nodiscard]] ThreadAffinity thread_affinity() const override { return traits_.affinity; }
  void start(const TrackerContext& context) override;
  void store_init_configuration(const Config& config) override;
  void log(const Record& record, const Config& options) override;
  void flush() override;
  void finish(const RunOutcome& outcome) override;
  [[nodiscard]] NativeHandle native() override { return native_handle(kept_); }

  [[nodiscard]] const MemoryTracker& kept() const noexcept { return kept_; }
  [[nodiscard]] int n_records() const { return static_cast<int>(kept_.records().size()); }

 private:
  void note(const char* method);

  RecordingTraits traits_;
  MemoryTracker kept_;
};

[[nodiscard]] std::shared_ptr<RecordingTracker> recording(RecordingTraits traits = {});

// What a call threw; `none` and an empty text if it returned.
struct Failure {
  ErrorCode code = ErrorCode::none;
  std::string text;

  [[nodiscard]] bool says(std::string_view part) const {
    return text.find(part) != std::string::npos;
  }
};
[[nodiscard]] Failure failure_of(const std::function<void()>& call);

// Collective. True if every rank passes the same text.
[[nodiscard]] bool is_same_on_all_ranks(const std::string& text);

// Collective. What all ranks write to stdout (1) or stderr (2) while `body` runs, in the order of
// arrival.
[[nodiscard]] std::string printed(int descriptor, const std::function<void()>& body);

[[nodiscard]] int n_occurrences(std::string_view text, std::string_view part);

}  // namespace ranklog::contract
