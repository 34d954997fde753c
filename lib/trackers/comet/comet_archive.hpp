// An offline archive of Comet: a folder, and the same as a zip archive, which `comet upload` takes,
// when the run has ended.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "trackers/comet/comet_settings.hpp"
#include "trackers/comet/comet_target.hpp"
#include "trackers/support/record_file.hpp"

namespace ranklog::trackers::comet {

// messages.json holds whole lines only, one message each; experiment.json is replaced as a whole.
// So the folder of a job that was killed only wants packing.
class OfflineArchive final : public Target {
 public:
  // Makes the folder. A resumed run goes on in the folder of its earlier attempts, without their
  // points at from_step and later. Errors: DirectoryError, IoError.
  OfflineArchive(const Settings& settings, const TrackerContext& context);

  void add_point(std::string_view name, Point point) override;
  void set_other(const std::string& key, const std::string& value) override;
  void add_output(const std::string& line, std::int64_t time_ms) override;
  void add_parameter(const std::string& name, const std::string& value) override;
  void add_file(const Upload& upload) override;
  void flush() override;
  void finish(const RunOutcome& outcome) override;

  // The step behind the last one of any archive in `directory`; nothing without one.
  [[nodiscard]] static std::optional<std::int64_t> next_step(
      const std::filesystem::path& directory);

 private:
  using Clock = std::chrono::steady_clock;
  void continue_folder(std::int64_t from_step);
  void write_experiment(std::int64_t stop_ms);
  // `fields` of the payload, without the message's number.
  void write_message(std::string_view type, std::string_view fields);

  std::string key_;
  std::filesystem::path folder_;
  std::string head_;  // of experiment.json, in front of the times
  std::int64_t start_ms_ = 0;
  std::int64_t n_messages_ = 0;
  std::unique_ptr<support::RecordFile> messages_;
  Clock::time_point experiment_written_at_{};
};

}  // namespace ranklog::trackers::comet
