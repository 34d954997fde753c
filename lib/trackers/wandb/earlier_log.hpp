// The log that an earlier attempt of the same run left behind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace ranklog::wandb_proto {
class History;
}

namespace ranklog::trackers::wandb {

// The newest log of run `id`, or of any run if it is empty, below `directory`/wandb.
[[nodiscard]] std::optional<std::filesystem::path> find_log(const std::filesystem::path& directory,
                                                            const std::string& id);

// Whether `wandb sync` has begun to upload it; its rows cannot be taken back then.
[[nodiscard]] bool is_synced(const std::filesystem::path& log);

// What stays of a log: its first records.
struct Kept {
  std::size_t end = 0;  // the offset behind them
  std::int64_t n_records = 0;
};

// Gives every row below `from_step` to `take_row`, up to the first that is not, the end of the run
// or the first damage: what is in front of that is kept. Nothing is kept without a run record,
// or if the file is no log. Errors: IoError. Complexity: O(size of the file).
[[nodiscard]] Kept read_log(const std::filesystem::path& log, std::int64_t from_step,
                            const std::function<void(const wandb_proto::History&)>& take_row);

}  // namespace ranklog::trackers::wandb
