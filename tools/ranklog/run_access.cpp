#include "tools/ranklog/run_access.hpp"

#include <fmt/format.h>

#include <cctype>
#include <cstddef>
#include <string_view>
#include <system_error>
#include <unordered_set>

#include "ranklog/error.hpp"

namespace ranklog::tool {
namespace fs = std::filesystem;
namespace {

constexpr const char* run_file_name = "run.h5";

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

}  // namespace

fs::path find_run_file(const std::string& run) {
  fs::path path = run;
  if (!is_there(path) && path.is_relative() && is_there(default_directory / path)) {
    path = default_directory / path;
  }
  if (!is_there(path)) {
    throw DirectoryError(
        fmt::format("no run '{}': neither the path nor {}/{} exists; `ranklog ls DIR` lists the "
                    "runs below DIR",
                    run, default_directory, run));
  }
  if (is_folder(path) && !is_there(path / run_file_name)) {
    throw DirectoryError(
        fmt::format("'{}' is no run: it holds no {}; `ranklog ls {}` lists the runs below it",
                    path.string(), run_file_name, path.string()));
  }
  return is_folder(path) ? path / run_file_name : path;
}

std::string name_below(const fs::path& run_file, const fs::path& directory) {
  const fs::path run = run_file.filename() == run_file_name ? run_file.parent_path() : run_file;
  const fs::path name = run.lexically_relative(directory);
  if (name.empty() || name == "." || *name.begin() == "..") return run.string();
  return name.string();
}

std::vector<std::string> hosts_of(const Provenance& provenance) {
  std::vector<std::string> hosts;
  std::unordered_set<std::string> known;
  for (const RankInfo& rank : provenance.ranks) {
    if (known.insert(rank.host).second) hosts.push_back(rank.host);
  }
  return hosts;
}

std::string host_of(const Provenance& provenance, std::int32_t rank) {
  const auto at = static_cast<std::size_t>(rank);
  return rank >= 0 && at < provenance.ranks.size() ? provenance.ranks[at].host : std::string();
}

std::string short_host(const std::string& host) {
  const bool is_name = !host.empty() && std::isdigit(static_cast<unsigned char>(host[0])) == 0;
  return is_name ? host.substr(0, host.find('.')) : host;
}

std::string reason_of(const std::string& message, const fs::path& run_file) {
  const std::string path = run_file.string();
  const auto at = message.find(path);
  if (path.empty() || at == std::string::npos) return message;
  std::string_view reason = std::string_view(message).substr(at + path.size());
  constexpr std::string_view said_already = " as a run file";
  if (reason.starts_with(said_already)) reason.remove_prefix(said_already.size());
  const auto begin = reason.find_first_not_of(": ");
  return begin == std::string_view::npos ? message : std::string(reason.substr(begin));
}

}  // namespace ranklog::tool
