// What a job that talks to a server itself leaves for `ranklog sync`: a note beside the run, and
// the line that delivers the rest.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "ranklog/tracker.hpp"
#include "tracking/delivery_state.hpp"

namespace ranklog::tracking {

class DeliveryNote {
 public:
  // Notes that this attempt begins to deliver. Nothing for a tracker that the command-line tool
  // does not know, or without a run directory. Trouble with the file is reported, not thrown.
  [[nodiscard]] static std::optional<DeliveryNote> begin(const std::string& tracker,
                                                         const TrackerContext& context);

  // `first_left`: the lowest step of the rows that were not delivered. `told_status`: what the
  // tracker was told at the end; empty if that failed.
  void end(std::optional<std::int64_t> first_left, std::string_view told_status);

  // "ranklog sync '/runs/a b' --to mlflow", for a shell; with the options that are not secret.
  [[nodiscard]] const std::string& command() const noexcept { return command_; }

 private:
  void write() const;

  std::filesystem::path file_;
  DeliveryState state_;
  std::string command_;
};

// True for what may be somebody's key, which no command line and no message shows.
[[nodiscard]] bool is_secret_option(std::string_view name) noexcept;

// `text` as one word of a shell.
[[nodiscard]] std::string shell_word(std::string_view text);

}  // namespace ranklog::tracking
