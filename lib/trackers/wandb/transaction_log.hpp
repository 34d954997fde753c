// The framing of a .wandb file: a LevelDB log with a header of its own and a plain CRC-32.
// Format: wandb/core/pkg/leveldb/record.go; wandb 0.17.6 and later read it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace ranklog::trackers::wandb {

inline constexpr std::size_t block_bytes = 32768;
// What a log begins with: ":W&B", a magic number, version 0.
inline constexpr std::string_view log_header{":W&B\xe1\xbe\0", 7};

// Appends to `out` what must stand at byte `offset` of the file so that `record` is its next
// record: padding to the next block if needed, and one chunk or more.
void append_chunks(std::string_view record, std::size_t offset, std::string& out);

// Reads the whole records of a log, up to the first that is torn or damaged.
class LogScanner {
 public:
  // Errors: IoError, FileFormatError if it does not begin with log_header.
  explicit LogScanner(const std::filesystem::path& path);

  // The next record; false behind the last whole one. Complexity: O(size of the record).
  bool next(std::string& record);
  // The offset behind the last record that next() gave; at first, behind the header.
  [[nodiscard]] std::size_t end() const noexcept { return end_; }

 private:
  // The type of the chunk whose data was added to `record`; 0 where there is no whole one.
  unsigned read_chunk(std::string& record);

  std::ifstream file_;
  std::size_t offset_ = 0;
  std::size_t end_ = 0;
};

}  // namespace ranklog::trackers::wandb
