#include "tools/ranklog/run_status.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <system_error>

#include "tools/ranklog/numbers.hpp"

namespace ranklog::tool {

std::optional<std::int64_t> quiet_time_s(const std::filesystem::path& run_file) {
  std::error_code error;
  const auto changed = std::filesystem::last_write_time(run_file, error);
  if (error) return std::nullopt;
  const auto age = std::filesystem::file_time_type::clock::now() - changed;
  const auto age_s = std::chrono::duration_cast<std::chrono::seconds>(age).count();
  return std::max<std::int64_t>(age_s, 0);  // the file server's clock may be ahead of ours
}

std::string describe_status(std::string_view status, std::optional<std::int64_t> quiet_s) {
  if (status != "running" || !quiet_s || *quiet_s <= quiet_after_s) return std::string(status);
  return fmt::format("running? (quiet {})", format_age(*quiet_s));
}

}  // namespace ranklog::tool
