#include "tracking/delivery_state.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <charconv>
#include <system_error>

#include "core/file_bytes.hpp"
#include "core/text.hpp"
#include "ranklog/error.hpp"

namespace ranklog::tracking {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view first_line = "ranklog_sync=1";
constexpr std::string_view last_line = "end=1";
constexpr std::uintmax_t max_file_bytes = std::uintmax_t{256} << 20;

std::string shown(const fs::path& path) { return escape_unprintable(path.string(), 1000); }

[[noreturn]] void refuse(const fs::path& path, std::string_view what, int error) {
  throw IoError(
      fmt::format("cannot {} '{}': {}", what, shown(path), std::generic_category().message(error)));
}

// The next word of `text`, which ends at a space.
std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (!text.empty() && text.front() != ' ') return std::nullopt;
  if (!text.empty()) text.remove_prefix(1);
  return number;
}

std::optional<std::int32_t> attempt_of(std::optional<std::int64_t> number) {
  if (!number || *number < 0 || *number > std::numeric_limits<std::int32_t>::max()) {
    return std::nullopt;
  }
  return static_cast<std::int32_t>(*number);
}

bool parse_job(std::string_view value, DeliveryState& state) {
  const auto attempt = attempt_of(take_number(value));
  const auto from = take_number(value);
  const auto below = take_number(value);
  if (!attempt || !from || !below || !value.empty()) return false;
  state.jobs.push_back({*attempt, *from, *below});
  return true;
}

bool parse_line(std::string_view line, DeliveryState& state) {
  const auto equals = line.find('=');
  if (equals == std::string_view::npos) return false;
  const auto name = line.substr(0, equals);
  auto value = line.substr(equals + 1);
  if (name == "run_id") {
    state.run_id = value;
  } else if (name == "told_status") {
    state.told_status = value;
  } else if (name == "attempt") {
    const auto attempt = attempt_of(take_number(value));
    if (!attempt || !value.empty()) return false;
    state.attempt = *attempt;
  } else if (name == "job") {
    return parse_job(value, state);
  } else if (name == "rows") {  // the number, then the key, which has no control characters
    const auto n_rows = take_number(value);
    if (!n_rows || *n_rows < 0 || value.empty()) return false;
    state.n_rows.emplace(value, *n_rows);
  }
  return true;  // other names are of newer versions
}

void write_all(int descriptor, std::string_view text, const fs::path& path) {
  while (!text.empty()) {
    const ssize_t n = ::write(descriptor, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int error = errno;
      ::close(descriptor);
      refuse(path, "write", error);
    }
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

fs::path delivery_file(const fs::path& run_dir, std::string_view tracker) {
  std::string name = "sync-";
  for (const char c : tracker) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_plain = byte < 0x80 && (std::isalnum(byte) != 0 || c == '_' || c == '-');
    name += is_plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return run_dir / (name + ".state");
}

std::string to_text(const DeliveryState& state) {
  std::string text =
      fmt::format("{}\nrun_id={}\nattempt={}\n", first_line, state.run_id, state.attempt);
  if (!state.told_status.empty()) text += "told_status=" + state.told_status + '\n';
  for (const auto& job : state.jobs) {
    text += fmt::format("job={} {} {}\n", job.attempt, job.from_step, job.below);
  }
  for (const auto& [key, n_rows] : state.n_rows) text += fmt::format("rows={} {}\n", n_rows, key);
  return text.append(last_line) + '\n';
}

std::optional<DeliveryState> parse_delivery(std::string_view text) {
  DeliveryState state;
  bool is_first = true;
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    const auto line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (is_first && line != first_line) return std::nullopt;
    if (line == last_line) return text.empty() ? std::optional(state) : std::nullopt;
    if (!is_first && !parse_line(line, state)) return std::nullopt;
    is_first = false;
  }
  return std::nullopt;
}

std::optional<DeliveryState> read_delivery(const fs::path& file, std::string_view run_id) {
  std::error_code error;
  const auto status = fs::status(file, error);
  if (!fs::exists(status)) return std::nullopt;
  if (!fs::is_regular_file(status) || fs::file_size(file, error) > max_file_bytes || error) {
    throw FileFormatError(fmt::format("'{}' is no delivery state of ranklog", shown(file)));
  }
  auto state = parse_delivery(read_whole_file(file));
  if (!state) {
    throw FileFormatError(fmt::format(
        "'{}', which says what was delivered, is damaged; remove it to deliver the whole run again",
        shown(file)));
  }
  if (state->run_id != run_id) {
    throw FileFormatError(
        fmt::format("'{}' says what was delivered of another run, with the id {}; remove it to "
                    "deliver the run {} as a whole",
                    shown(file), escape_unprintable(state->run_id), escape_unprintable(run_id)));
  }
  return state;
}

void write_delivery(const fs::path& file, const DeliveryState& state) {
  const fs::path part = file.parent_path() / ("." + file.filename().string() + ".part");
  const int descriptor =
      ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (descriptor < 0) refuse(part, "write", errno);
  write_all(descriptor, to_text(state), part);
  const int error = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  if (error != 0) refuse(part, "write", error);
  if (::rename(part.c_str(), file.c_str()) != 0) refuse(file, "replace", errno);
}

}  // namespace ranklog::tracking
