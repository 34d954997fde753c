// Where the streams of a rank's sources meet. Blocks whose rows match are merged as a whole; what
// does not match, or waits too long, goes row by row through the Assembler. See docs/design/0004.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "reduce/assembler.hpp"
#include "reduce/block_merge.hpp"
#include "reduce/plan.hpp"
#include "reduce/shape.hpp"

namespace ranklog::reduce {

// Rows of one key leave in the order in which each source gave them. Statistics have the same bits
// whether rows went as blocks or one by one, and wherever blocks begin and end.
class Junction {
 public:
  Junction(KeyTable& keys, ShapeTable& shapes, const AssemblerOptions& options);

  void set_n_ranks_heard(int n_ranks) noexcept;
  void add(Row row, int source, double now_s);
  void add(std::unique_ptr<Block> block, int source, double now_s);
  // A block of source 0 to which rows are being added; the pointer is valid until it is sealed.
  Block* open(std::unique_ptr<Block> block);
  void seal(const Block* block, double now_s);

  // Appends what may go. `all`: everything goes.
  void settle(double now_s, bool all, std::vector<RowOrBlock>& settled);

  [[nodiscard]] std::size_t bytes_of_source(int source) const;
  // Whether a source that gives some keys has not given them to one of the oldest rows.
  [[nodiscard]] bool is_awaited(int source, const std::function<bool(LocalKey)>& gives) const;
  [[nodiscard]] std::int64_t n_late() const noexcept { return assembler_.n_late(); }

 private:
  // What waits of one source: rows of a block, or one row.
  struct Item {
    std::unique_ptr<Block> block;
    Row row;
    std::uint32_t next = 0;  // first row of the block that still waits
    double arrived_s = 0;
    bool is_open = false;
    bool is_done = false;
    std::uint32_t group = 0;  // scratch: items that share keys, directly or not
  };
  using Queue = std::vector<Item>;
  struct Candidate {
    int source;
    Item* item;
  };

  [[nodiscard]] bool is_in_queue(int source, LocalKey key) const;
  bool pass_rows(int source);
  void list_candidates(int source);
  void join_groups();
  void settle_ready(double now_s, std::vector<RowOrBlock>& settled);
  bool settle_rows(double now_s, bool all, std::vector<RowOrBlock>& settled);
  [[nodiscard]] bool settle_alone(const Candidate& candidate, double now_s);
  [[nodiscard]] bool settle_group(std::span<const Candidate> group, double now_s,
                                  std::vector<RowOrBlock>& settled);
  bool merge_group(std::span<const Candidate> group, const Plan& plan, std::uint32_t n_rows,
                   std::vector<RowOrBlock>& settled);
  [[nodiscard]] bool is_ready(const Plan& plan, double now_s) const;
  // Hands rows to the Assembler.
  void expand(const Candidate& candidate, std::uint32_t end, double now_s);
  void drop_done();
  [[nodiscard]] std::uint32_t group_of(std::uint32_t group);

  KeyTable& keys_;
  ShapeTable& shapes_;
  AssemblerOptions options_;
  int n_ranks_heard_;
  Assembler assembler_;
  PlanTable plans_;
  std::vector<Queue> queues_;                // index: source
  std::vector<std::size_t> bytes_of_queue_;  // index: source; of source 0 it is not kept
  // Scratch, kept for its memory.
  struct Mark {
    std::uint64_t blocked_at = 0;  // the walk that found the key in an earlier item of its queue
    std::uint64_t grouped_at = 0;
    std::uint32_t group = 0;
  };
  std::vector<Mark> marks_;  // index: LocalKey
  std::uint64_t n_walks_ = 0;
  std::vector<Candidate> candidates_;
  std::vector<Candidate> group_;
  std::vector<std::uint32_t> parent_group_;
  std::vector<ShapeId> inputs_;
  std::vector<BlockRows> rows_;
  std::vector<Row> settled_rows_;
};

}  // namespace ranklog::reduce
