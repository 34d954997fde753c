// An offline session of ClearML: a folder that `clearml-task --import-offline-session` uploads,
// and the same as a zip archive when the run has ended.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "trackers/clearml/clearml_settings.hpp"
#include "trackers/clearml/clearml_target.hpp"
#include "trackers/support/record_file.hpp"

namespace ranklog::trackers::clearml {

// metrics.jsonl and log.jsonl hold whole lines only, each a list of events that becomes one
// request; task.json is replaced as a whole. So the folder of a job that was killed can be
// imported as it is.
class OfflineSession final : public Target {
 public:
  // Makes the folder. A resumed run goes on in the folder of its earlier attempts, without their
  // events at from_step and later. Errors: DirectoryError, IoError.
  OfflineSession(const Settings& settings, TaskDescription task, const TrackerContext& context);

  [[nodiscard]] const std::string& task_id() override { return id_; }
  void store_configuration(const std::string& text,
                           const std::map<std::string, std::string>& parameters) override;
  void add_event(EventKind kind, std::string_view json) override;
  [[nodiscard]] std::string put_file(const std::string& key, const FileSource& source) override;
  void add_artifact(const std::string& json) override;
  void flush() override;
  void finish(const RunOutcome& outcome) override;

  // The step behind the last one of any session in `directory`; nothing without a session.
  [[nodiscard]] static std::optional<std::int64_t> next_step(
      const std::filesystem::path& directory);

 private:
  using Clock = std::chrono::steady_clock;
  struct Stream {
    std::unique_ptr<support::RecordFile> file;
    std::string line;  // the events that wait, without the brackets
    std::size_t n_events = 0;
  };
  void continue_folder(std::int64_t from_step);
  void write_task() const;
  static void end_line(Stream& stream);

  std::string id_;
  std::filesystem::path folder_;
  std::chrono::duration<double> flush_interval_;
  TaskDescription task_;
  std::string configuration_;
  std::map<std::string, std::string> parameters_;
  std::vector<std::string> artifacts_;
  Stream metrics_;
  Stream log_;
  Clock::time_point written_at_ = Clock::now();
};

}  // namespace ranklog::trackers::clearml
