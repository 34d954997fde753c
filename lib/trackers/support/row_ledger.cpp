#include "trackers/support/row_ledger.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "trackers/support/run_output.hpp"

namespace ranklog::trackers::support {

using http::Fault;

void RowCount::add(const RowCount& more) noexcept {
  if (more.n_rows == 0) return;
  first_step = n_rows == 0 ? more.first_step : std::min(first_step, more.first_step);
  n_rows += more.n_rows;
}

void RowLedger::end_row(std::int64_t step) {
  (is_row_damaged_ ? lost_ : pending_).add({1, step});
  is_row_damaged_ = false;
  is_in_row_ = false;
}

void RowLedger::lose_pending() {
  lost_.add(std::exchange(pending_, {}));
  is_row_damaged_ = is_in_row_;
}

void RowLedger::note(const http::Error& error) {
  reason_ = fmt::format("were not confirmed: {}", error.what());
  const int status = error.refusal().status;
  const bool is_of_request = error.is_transient() || error.fault() == Fault::local ||
                             (error.fault() == Fault::refused && (status == 400 || status == 413));
  if (!is_of_request) ended_by_ = error;
}

void RowLedger::note_failed_start(const http::Error& error) {
  note(error);
  if (!error.is_transient()) ended_by_ = error;
}

void RowLedger::require_open() const {
  if (ended_by_) throw http::Error(*ended_by_);
}

Undelivered RowLedger::undelivered() const {
  auto all = lost_;
  all.add(pending_);
  return {all.n_rows, all.first_step, reason_};
}

std::int64_t milliseconds(double seconds) noexcept {
  constexpr double latest = 1e15;  // servers refuse negative ones
  const double ms = seconds * 1000;
  return ms >= 0 && ms < latest ? static_cast<std::int64_t>(ms) : 0;
}

std::int64_t now_ms() { return milliseconds(now_s()); }

}  // namespace ranklog::trackers::support
