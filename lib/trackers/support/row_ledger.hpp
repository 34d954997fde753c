// Which rows a server confirmed, for trackers that send rows in batches.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "http/error.hpp"
#include "ranklog/tracker.hpp"

namespace ranklog::trackers::support {

// Rows that one thing happened to.
struct RowCount {
  std::int64_t n_rows = 0;
  std::int64_t first_step = 0;

  void add(const RowCount& more) noexcept;
};

// A row shares the fate of the batch that it ends in, and is lost if a part of it stood in a batch
// that was lost. An error that no waiting can mend ends the delivery for good.
class RowLedger {
 public:
  void begin_row() noexcept { is_in_row_ = true; }
  void end_row(std::int64_t step);
  void damage_row() noexcept { is_row_damaged_ = true; }
  // What is pending is on the server.
  void confirm_pending() noexcept { pending_ = {}; }
  // What is pending was lost, by an error that note() was told.
  void lose_pending();

  // Remembers why rows are lost, and whether more can be delivered.
  void note(const http::Error& error);
  // The same where nothing can be delivered without what failed: only waiting may mend it.
  void note_failed_start(const http::Error& error);
  // Rows that were lost outside of a batch.
  void lose(const RowCount& rows) noexcept { lost_.add(rows); }
  // Errors: what ended the delivery, if it has ended.
  void require_open() const;
  [[nodiscard]] bool has_ended() const noexcept { return ended_by_.has_value(); }
  // For errors that were said with an earlier row.
  [[nodiscard]] bool has_ended_before() const noexcept {
    return ended_by_.has_value() && lost_.n_rows > 0;
  }
  [[nodiscard]] Undelivered undelivered() const;

 private:
  RowCount pending_;
  RowCount lost_;
  bool is_in_row_ = false;
  bool is_row_damaged_ = false;
  std::optional<http::Error> ended_by_;
  std::string reason_;
};

// Milliseconds since the epoch, 0 for a time that no server takes.
[[nodiscard]] std::int64_t milliseconds(double seconds) noexcept;
[[nodiscard]] std::int64_t now_ms();

}  // namespace ranklog::trackers::support
