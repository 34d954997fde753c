#include "provenance/process_facts.hpp"

#include <fmt/format.h>
#include <gnu/libc-version.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <system_error>

#include "core/text.hpp"
#include "provenance/command_line.hpp"
#include "provenance/small_file.hpp"
#include "ranklog/version.hpp"

namespace ranklog::provenance {
namespace {

namespace fs = std::filesystem;

std::string_view cut_before(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const auto part = text.substr(0, end);
  text = end == text.npos ? std::string_view() : text.substr(end + 1);
  return part;
}

// The name service is not asked: on compute nodes it may be a network directory that is slow.
std::optional<std::string> user_name(const Environment& environment) {
  constexpr std::size_t max_passwd_bytes = std::size_t{1} << 20U;
  for (const char* variable : {"USER", "LOGNAME"}) {
    if (auto name = read_variable(environment, variable)) return name;
  }
  const auto passwd = read_small_file("/etc/passwd", max_passwd_bytes);
  return passwd ? find_login_name(*passwd, ::geteuid()) : std::nullopt;
}

// Start of this process in clock ticks after boot: field 22 of proc(5), /proc/self/stat.
std::optional<double> start_ticks() {
  const auto stat = read_small_file("/proc/self/stat", 4096);
  if (!stat) return std::nullopt;
  // Field 2 is the program's name in parentheses, which may hold anything.
  const std::size_t name_end = stat->rfind(')');
  if (name_end == std::string::npos || name_end + 2 > stat->size()) return std::nullopt;
  std::string_view rest = std::string_view(*stat).substr(name_end + 2);
  for (int field = 3; field < 22; ++field) cut_before(rest, ' ');
  const auto text = cut_before(rest, ' ');
  std::int64_t ticks = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), ticks);
  if (parsed.ec != std::errc()) return std::nullopt;
  return static_cast<double>(ticks);
}

double seconds(const std::timespec& time) noexcept {
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Seconds since the epoch at which this process started; now, if that cannot be found.
double launch_time() {
  std::timespec now{};
  std::timespec since_boot{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
  const auto ticks_per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const auto ticks = start_ticks();
  if (!ticks || ticks_per_second <= 0) return seconds(now);
  const double age = seconds(since_boot) - *ticks / ticks_per_second;
  return age < 0 ? seconds(now) : seconds(now) - age;
}

void add_text(Config& facts, std::string_view name, const std::string& text) {
  if (!text.empty()) facts.set(name, escape_unprintable(text, max_fact_bytes));
}

void add_executable(Config& facts) {
  std::error_code error;
  const fs::path path = fs::read_symlink("/proc/self/exe", error);
  if (error) return;
  add_text(facts, "executable", path.filename().string());
  add_text(facts, "executablepath", path.string());
}

void add_command_line(Config& facts) {
  constexpr std::size_t max_bytes = 65536;
  const auto content = read_small_file("/proc/self/cmdline", max_bytes);
  if (!content || content->empty()) return;
  facts.set("cmdline", join_arguments(redact_secrets(split_arguments(*content))));
}

std::string compiler_of_ranklog() {
#if defined(__clang__)
  return fmt::format("clang {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#elif defined(__GNUC__)
  return fmt::format("gcc {}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#else
  return "";
#endif
}

void add_versions(Config& facts) {
  facts.set("ranklog_version", version);
  add_text(facts, "compiler", compiler_of_ranklog());
  facts.set("fmt_version", fmt::format("{}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100,
                                       FMT_VERSION % 100));
  add_text(facts, "glibc_version", ::gnu_get_libc_version());
}

}  // namespace

std::string host_name() {
  std::array<char, 257> name{};
  // POSIX does not promise a NUL after a name that was cut, so the last byte stays ours.
  if (::gethostname(name.data(), name.size() - 1) != 0 || name.front() == '\0') return "unknown";
  return escape_unprintable(name.data());
}

std::string cluster_of_host(std::string_view host) {
  host = host.substr(0, host.find('.'));
  const std::size_t last_letter = host.find_last_not_of("0123456789");
  if (last_letter == host.npos) return std::string(host);
  host = host.substr(0, last_letter + 1);
  const std::size_t last = host.find_last_not_of("-_");
  return std::string(last == host.npos ? host : host.substr(0, last + 1));
}

std::optional<std::string> find_login_name(std::string_view passwd, std::uint32_t uid) {
  const std::string wanted = std::to_string(uid);
  while (!passwd.empty()) {
    std::string_view line = cut_before(passwd, '\n');
    const auto name = cut_before(line, ':');
    cut_before(line, ':');
    if (cut_before(line, ':') == wanted && !name.empty()) return escape_unprintable(name);
  }
  return std::nullopt;
}

void add_process_facts(const Environment& environment, Config& facts) {
  if (const auto user = user_name(environment)) facts.set("user", *user);
  facts.set("uid", static_cast<std::int64_t>(::geteuid()));
  facts.set("launchdate", iso8601_utc(launch_time()));
  add_executable(facts);
  add_command_line(facts);
  std::error_code error;
  const fs::path workdir = fs::current_path(error);
  if (!error) add_text(facts, "workdir", workdir.string());
  const std::string host = host_name();
  facts.set("hostname", host);
  add_text(facts, "clustername",
           read_variable(environment, "SLURM_CLUSTER_NAME").value_or(cluster_of_host(host)));
  add_versions(facts);
}

}  // namespace ranklog::provenance
