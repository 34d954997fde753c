// What of a run a tracker has, as jobs and `ranklog sync` note it in a file beside the run, so that
// the rest can be delivered later and nothing twice.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ranklog::tracking {

// What an attempt at the run delivered itself: its rows at steps below `below`.
struct JobDelivery {
  static constexpr std::int64_t everything = std::numeric_limits<std::int64_t>::max();
  std::int32_t attempt = 0;
  std::int64_t from_step = 0;  // of the attempt; the lowest number for the first one
  std::int64_t below = 0;
  friend bool operator==(const JobDelivery&, const JobDelivery&) = default;
};

struct DeliveryState {
  std::string run_id;
  // What `ranklog sync` delivered: of each key the first n rows, as the newest attempt had them.
  std::int32_t attempt = 0;
  std::map<std::string, std::int64_t, std::less<>> n_rows;
  std::vector<JobDelivery> jobs;
  std::string told_status;  // "completed" or "failed" once the tracker was told; else empty
  friend bool operator==(const DeliveryState&, const DeliveryState&) = default;
};

// "sync-<tracker>.state" in `run_dir`, with whatever is no letter, digit, `_` or `-` as %NN.
[[nodiscard]] std::filesystem::path delivery_file(const std::filesystem::path& run_dir,
                                                  std::string_view tracker);

// Lines of text, ended by one that says so. parse: nothing for what is no such text, whole.
[[nodiscard]] std::string to_text(const DeliveryState& state);
[[nodiscard]] std::optional<DeliveryState> parse_delivery(std::string_view text);

// Nothing if there is no file. Errors: IoError; FileFormatError for a file that is damaged or
// belongs to another run, saying what to do.
[[nodiscard]] std::optional<DeliveryState> read_delivery(const std::filesystem::path& file,
                                                         std::string_view run_id);
// Replaces the file as a whole, on disk when it returns. Errors: IoError.
void write_delivery(const std::filesystem::path& file, const DeliveryState& state);

}  // namespace ranklog::tracking
