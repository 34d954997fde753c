#include "accelerator/progress_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/text.hpp"

namespace ranklog {
namespace {

constexpr std::size_t min_bar_columns = 10;
constexpr std::size_t max_bar_columns = 40;
constexpr double longest_duration_s = 100.0 * 3600;

// UTF-8 continuation bytes take no column. Wide characters are counted as one: a label in such a
// script may make the line a little too long.
bool begins_column(char c) noexcept { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }

std::size_t n_columns_of(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_column));
}

std::string cut_to_columns(std::string_view text, std::size_t n_columns) {
  std::size_t n_seen = 0;
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    if (begins_column(text[end]) && n_seen++ == n_columns) break;
  }
  return std::string(text.substr(0, end));
}

// 0 to 1; nothing when the total is unknown.
std::optional<double> fraction_done(const Progress& progress) noexcept {
  if (progress.total <= 0) return std::nullopt;
  const double share = static_cast<double>(progress.done) / static_cast<double>(progress.total);
  return std::clamp(share, 0.0, 1.0);
}

// Rounded down, so that 100% means done.
int percent(double fraction) noexcept { return static_cast<int>(std::floor(fraction * 100)); }

double rate_of(const Progress& progress) noexcept {
  return progress.elapsed_s > 0 ? static_cast<double>(progress.done) / progress.elapsed_s : 0;
}

std::string rate_text(double rate) {
  if (rate >= 1e4) return fmt::format("{:.3g}/s", rate);
  if (rate >= 100) return fmt::format("{:.0f}/s", rate);
  if (rate >= 1) return fmt::format("{:.1f}/s", rate);
  return fmt::format("{:.2g}/s", rate);
}

// "0:47", "1:02:03", or "over 100 hours".
std::string duration_text(double seconds) {
  if (!(seconds < longest_duration_s)) return "over 100 hours";
  const auto whole = static_cast<std::int64_t>(std::ceil(seconds));
  if (whole >= 3600)
    return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

// Time left while something is left to do, else the time that it took.
std::string time_text(const Progress& progress) {
  const bool is_counting_down = progress.total > 0 && progress.done < progress.total;
  if (!is_counting_down) return duration_text(progress.elapsed_s) + " elapsed";
  const double left = static_cast<double>(progress.total - progress.done) / rate_of(progress);
  return duration_text(left) + " left";
}

std::string count_text(const Progress& progress) {
  if (progress.total <= 0) return fmt::format("{}", progress.done);
  return fmt::format("{}/{}", progress.done, progress.total);
}

// Nothing is known about speed before something was done.
std::string speed_text(const Progress& progress) {
  const double rate = rate_of(progress);
  if (rate <= 0) return "";
  return fmt::format(", {}, {}", rate_text(rate), time_text(progress));
}

std::string bar(double fraction, std::size_t n_columns) {
  const auto n_full = static_cast<std::size_t>(fraction * static_cast<double>(n_columns));
  std::string text(n_columns, ' ');
  std::fill_n(text.begin(), n_full, '=');
  if (n_full > 0 && n_full < n_columns) text[n_full] = '>';
  return "[" + text + "] ";
}

}  // namespace

std::string progress_bar_text(const Progress& progress, std::size_t n_columns) {
  std::string label = escape_unprintable(progress.label);
  if (!label.empty()) label += ' ';
  const auto fraction = fraction_done(progress);
  const std::string share = fraction ? fmt::format("{:3}% ", percent(*fraction)) : "";
  const std::string count = count_text(progress);
  const std::string speed = speed_text(progress);

  const std::size_t n_fixed = n_columns_of(label) + share.size() + count.size() + speed.size();
  constexpr std::size_t frame_columns = 3;
  if (fraction && n_fixed + frame_columns + min_bar_columns <= n_columns) {
    const auto n_bar = std::min(n_columns - n_fixed - frame_columns, max_bar_columns);
    return label + share + bar(*fraction, n_bar) + count + speed;
  }
  if (n_fixed <= n_columns) return label + share + count + speed;
  return cut_to_columns(label + share + count, n_columns);
}

std::string progress_line_text(const Progress& progress) {
  std::string label = escape_unprintable(progress.label);
  if (!label.empty()) label += ": ";
  const auto fraction = fraction_done(progress);
  const std::string share = fraction ? fmt::format(" ({}%)", percent(*fraction)) : "";
  return label + count_text(progress) + share + speed_text(progress);
}

}  // namespace ranklog
