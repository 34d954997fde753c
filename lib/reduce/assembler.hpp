// Where rows of several ranks meet: matches them by step and key, and lets a row go when every
// rank that should have a part in it has one.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <list>
#include <span>
#include <unordered_map>
#include <vector>

#include "reduce/row.hpp"

namespace ranklog::reduce {

struct AssemblerOptions {
  int n_ranks = 1;    // ranks whose rows meet here
  int n_sources = 1;  // streams: source 0 is this rank, then its children by ascending rank
  // How long a key that only some ranks have may wait for the others to log it for the first time.
  double first_sight_s = 5;
  // How long a row waits for a rank that logged its keys before.
  double late_s = 30;
};

// A row goes when (1) all ranks gave a value for each of its keys; or (2) all ranks that ever
// logged the key did, the key is known for longer than `first_sight_s`, and every rank has logged
// something by now (or the key is known for `late_s`); or (3) it waited for `late_s`; or (4)
// everything is asked for. Rows of one key go in the order of their arrival. Parts are merged by
// ascending source when the row goes, so the result depends on who took part, never on who came
// first. What is kept is bounded by the caller, who stops feeding a source that is far ahead.
class Assembler {
 public:
  Assembler(KeyTable& keys, const AssemblerOptions& options)
      : keys_(keys),
        options_(options),
        n_ranks_heard_(options.n_ranks),
        bytes_of_source_(static_cast<std::size_t>(options.n_sources)) {}

  // How many of the ranks have logged anything so far. All of them, unless this says otherwise.
  void set_n_ranks_heard(int n_ranks) noexcept { n_ranks_heard_ = n_ranks; }

  // Takes a part of a row.
  void add(Row row, int source, double now_s);
  // Appends the rows that may go. `all`: every row goes.
  void settle(double now_s, bool all, std::vector<Row>& settled);
  [[nodiscard]] std::size_t n_open() const noexcept { return open_.size(); }
  // Whether rows with that key wait here, and the greatest step among them.
  [[nodiscard]] bool holds(LocalKey key) const {
    const auto index = static_cast<std::size_t>(key);
    return index < keys_here_.size() && keys_here_[index].n_open > 0;
  }
  [[nodiscard]] std::int64_t greatest_open_step(LocalKey key) const {
    return keys_here_[static_cast<std::size_t>(key)].open_step;
  }
  // Rows of that key at these ascending steps went on without coming here.
  void note_passed(LocalKey key, std::span<const std::int64_t> steps);
  // What the parts of one source that wait here keep in memory.
  [[nodiscard]] std::size_t bytes_of_source(int source) const {
    return bytes_of_source_[static_cast<std::size_t>(source)];
  }
  // Whether a source that gives some keys, has not given them to one of the oldest rows.
  [[nodiscard]] bool is_awaited(int source, const std::function<bool(LocalKey)>& gives) const;
  // Parts that came after their row had gone; they form rows of their own.
  [[nodiscard]] std::int64_t n_late() const noexcept { return n_late_; }

 private:
  struct Slot {
    LocalKey key{};
    std::uint32_t repeat = 0;
    std::int32_t n_ranks = 0;
  };
  struct OpenRow {
    Row head;  // without cells
    std::vector<Slot> slots;
    std::vector<std::vector<Cell>> parts;  // index: source
    double opened_s = 0;
  };
  using Rows = std::list<OpenRow>;
  struct KeyHere {
    std::int64_t settled_step = std::numeric_limits<std::int64_t>::min();  // greatest that has gone
    std::int64_t open_step = 0;                                            // greatest that waits
    std::uint32_t n_open = 0;
    std::uint32_t cell = 0;  // scratch of add_scattered: one more than the cell's index
  };

  [[nodiscard]] Rows::iterator open(const Row& row, double now_s);
  // Puts all cells into the one open row of exactly these keys; false if there is none.
  [[nodiscard]] bool add_aligned(Row& row, int source);
  void add_scattered(Row& row, int source, double now_s);
  // Whether a cell without a place has a key whose KeyHere::cell is set.
  [[nodiscard]] bool has_key_marked(const Row& row, const std::vector<OpenRow*>& place_of) const;
  std::uint32_t add_slot(OpenRow& target, const Cell& cell);
  void put(OpenRow& target, std::uint32_t slot, Cell cell, int source);
  [[nodiscard]] KeyHere& here(LocalKey key) { return keys_here_[static_cast<std::size_t>(key)]; }
  static void join(OpenRow& target, const Row& row);
  [[nodiscard]] bool is_ready(const OpenRow& row, double now_s) const;
  [[nodiscard]] Row merged(OpenRow& open_row) const;
  void close(Rows::iterator position, std::vector<Row>& settled);

  KeyTable& keys_;
  AssemblerOptions options_;
  int n_ranks_heard_;
  std::vector<std::size_t> bytes_of_source_;
  Rows open_;
  std::unordered_multimap<std::int64_t, Rows::iterator> by_step_;
  std::vector<KeyHere> keys_here_;  // index: LocalKey
  std::int64_t n_late_ = 0;
};

}  // namespace ranklog::reduce
