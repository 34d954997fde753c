// Between the user's dictionaries and rows: checks and counts what this rank logs, and turns
// finished rows into records.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ranklog/record.hpp"
#include "ranklog/source_location.hpp"
#include "ranklog/value.hpp"
#include "reduce/row.hpp"

namespace ranklog {

// Whose numbering of rows a call belongs to.
enum class RowKind : std::uint8_t {
  reduced,    // log() on all ranks
  main_only,  // log() with Scope::main_process
  direct,     // TrackerHandle::log: steps are the caller's business
};

class Recorder {
 public:
  Recorder(reduce::KeyTable& keys, int rank) : keys_(keys), rank_(rank) {}

  // Rows below `step` are refused, and rows without a step are numbered from it.
  void set_first_step(std::int64_t step) noexcept { first_step_ = step; }

  // Errors, before anything was counted or settled: InvalidKeyError, InvalidValueError,
  // InvalidStepError, ConflictError (at odds with this rank itself), UsageError (a key twice in one
  // dictionary), each with rank and call site.
  [[nodiscard]] reduce::Row make_row(const Values& values, std::optional<std::int64_t> step,
                                     RowKind kind, const SourceLocation& where);

  // A row of our own metrics, whose keys callers cannot log.
  [[nodiscard]] reduce::Row make_own_row(const Values& values);

  // The statistics of a settled row, finished. Integer sums beyond int64 are named in
  // take_warnings(), once a key.
  [[nodiscard]] Record to_record(const reduce::Row& row, int n_ranks);
  [[nodiscard]] std::vector<std::string> take_warnings() { return std::exchange(warnings_, {}); }

 private:
  struct Leaf {
    reduce::LocalKey key;
    Value value;
  };
  void collect(std::span<const Item> items, std::string& prefix);
  [[nodiscard]] reduce::LocalKey intern(std::string_view key);
  void check_definition(const Leaf& leaf, RowKind kind) const;
  [[nodiscard]] reduce::KeyDefinition definition_of(const Leaf& leaf) const;
  void check_step(const Leaf& leaf, std::optional<std::int64_t> step, RowKind kind) const;
  [[nodiscard]] reduce::Cell make_cell(const Leaf& leaf, std::int64_t step, bool has_step,
                                       RowKind kind);
  [[nodiscard]] std::int64_t next_own_step(RowKind kind) const;
  [[nodiscard]] std::string call_site() const;

  reduce::KeyTable& keys_;
  int rank_;
  bool is_own_row_ = false;
  std::int64_t first_step_ = 0;
  std::uint64_t n_calls_ = 0;
  const SourceLocation* where_ = nullptr;
  std::vector<Leaf> leaves_;  // of the call at hand; kept for its capacity
  std::vector<std::string> warnings_;
  std::vector<bool> is_warned_;
};

}  // namespace ranklog
