// Turns the columns of a run file back into the records that its trackers were given.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ranklog/record.hpp"
#include "ranklog/run_reader.hpp"

namespace ranklog::sync {

// How many rows of each key are behind us.
using Position = std::map<std::string, std::int64_t, std::less<>>;

// Rows come by time, as the log calls that made them; rows of one key stay in order. What was
// logged at one step and time comes as one record. Memory: some 64 MiB at most, unless rows are
// larger. Errors of all members: those of RunReader; FileFormatError for a key that cannot be one.
class Replay {
 public:
  // `run` outlives the replay. Rows before `position` are left out.
  Replay(RunReader& run, const Position& position);
  ~Replay();

  // Takes up rows and keys that came since.
  void refresh();
  // False: there is no further row at present.
  [[nodiscard]] bool next(Record& record);
  // Of all rows that next() gave.
  [[nodiscard]] Position position() const;
  [[nodiscard]] std::int64_t n_cells() const noexcept { return n_cells_; }  // keys times rows
  [[nodiscard]] std::int64_t n_cells_done() const noexcept { return n_cells_done_; }

 private:
  struct Column;
  struct Head {
    double time = 0;
    std::int64_t step = 0;
    std::size_t column = 0;
  };
  [[nodiscard]] static bool is_later(const Head& a, const Head& b) noexcept;
  void push_head(std::size_t column);
  void load(Column& column);

  RunReader& run_;
  std::int32_t n_ranks_ = 1;
  std::vector<std::unique_ptr<Column>> columns_;
  std::map<std::string, std::size_t, std::less<>> index_;
  Position skipped_;         // keys that the run does not show yet
  std::vector<Head> heads_;  // a heap: the earliest first
  std::int64_t n_cells_ = 0;
  std::int64_t n_cells_done_ = 0;
};

}  // namespace ranklog::sync
