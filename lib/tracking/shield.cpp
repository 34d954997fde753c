#include "tracking/shield.hpp"

#include <fmt/format.h>

#include <exception>
#include <utility>

#include "core/text.hpp"
#include "tracking/reporter.hpp"

namespace ranklog::tracking {
namespace {

constexpr auto report_interval = std::chrono::seconds(1);

}  // namespace

std::string describe_current_exception() {
  try {
    throw;
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "an object that is no std::exception";
  }
}

bool ReportLimit::may_report() {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (now - last_ < report_interval) return false;
  last_ = now;
  return true;
}

void Shield::count(std::string_view what) noexcept {
  auto why = fmt::format("{}: {}", what, escape_unprintable(describe_current_exception()));
  const std::lock_guard lock(mutex_);
  if (n_errors_++ == 0) first_error_ = why;
  if (limit_->may_report()) {
    report(fmt::format("tracker '{}' failed in {} (error {}); the job and the other trackers go on",
                       tracker_, why, n_errors_));
  }
  last_error_ = std::move(why);
}

void Shield::note_unsupported(const std::string& what) {
  const std::lock_guard lock(mutex_);
  if (n_unsupported_[what]++ > 0) return;
  report(fmt::format("tracker '{}' has no place for {}; they are left out there (said once)",
                     tracker_, what));
}

std::vector<std::string> Shield::unsupported() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> lines;
  for (const auto& [what, n] : n_unsupported_) {
    lines.push_back(
        fmt::format("tracker '{}' has no place for {}: {} left out", tracker_, what, n));
  }
  return lines;
}

std::optional<std::string> Shield::summary() const {
  const std::lock_guard lock(mutex_);
  if (n_errors_ == 0) return std::nullopt;
  auto line = fmt::format("tracker '{}' failed {} time{}; first: {}", tracker_, n_errors_,
                          n_errors_ == 1 ? "" : "s", first_error_);
  // What finish() threw says what was lost.
  if (last_error_ != first_error_) line += "; last: " + last_error_;
  return line;
}

}  // namespace ranklog::tracking
