#include "provenance/git.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <string_view>
#include <system_error>

#include "provenance/small_file.hpp"

// Formats: gitrepository-layout(5), git-pack-refs(1), git-worktree(1).
namespace ranklog::provenance {
namespace {

namespace fs = std::filesystem;

constexpr int max_parent_directories = 64;
constexpr int max_symbolic_refs = 5;
constexpr std::size_t max_ref_bytes = 1024;
constexpr std::size_t max_pointer_bytes = 8192;
constexpr std::size_t max_packed_refs_bytes = std::size_t{32} << 20U;

bool is_hash(std::string_view text) noexcept {
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return (text.size() == 40 || text.size() == 64) && std::all_of(text.begin(), text.end(), is_hex);
}

// A name that stays below the repository's folder when it is used as a path.
bool is_safe_ref(std::string_view ref) noexcept {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  return ref.starts_with("refs/") && ref.size() <= max_ref_bytes &&
         ref.find("..") == std::string_view::npos &&
         std::none_of(ref.begin(), ref.end(), is_control);
}

// The first line; nothing if it holds a NUL, which no path or hash may.
std::optional<std::string> read_line(const fs::path& path) {
  auto content = read_small_file(path, max_pointer_bytes);
  if (!content) return std::nullopt;
  content->resize(std::min(content->find('\n'), content->size()));
  while (!content->empty() && (content->back() == '\r' || content->back() == ' '))
    content->pop_back();
  if (content->empty() || content->find('\0') != std::string::npos) return std::nullopt;
  return content;
}

// Folders of one checkout: `own` has its HEAD; `common` has the branches, and differs from `own`
// in a linked worktree.
struct Repository {
  fs::path own;
  fs::path common;
};

Repository open_repository(const fs::path& own) {
  if (const auto common = read_line(own / "commondir")) return {own, own / *common};
  return {own, own};
}

// `entry` is a `.git` folder, or a file that says where the folder is (worktrees, submodules).
std::optional<Repository> repository_at(const fs::path& entry) {
  std::error_code ignored;
  if (fs::is_directory(entry, ignored)) return open_repository(entry);
  const auto line = read_line(entry);
  constexpr std::string_view prefix = "gitdir: ";
  if (!line || !line->starts_with(prefix)) return std::nullopt;
  return open_repository(entry.parent_path() / line->substr(prefix.size()));
}

std::optional<std::string> find_packed_ref(const fs::path& common, std::string_view ref) {
  const auto content = read_small_file(common / "packed-refs", max_packed_refs_bytes);
  if (!content) return std::nullopt;
  std::string_view rest = *content;
  // A last line without its newline may be cut, so it is not looked at.
  for (std::size_t end = rest.find('\n'); end != rest.npos; end = rest.find('\n')) {
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    const std::size_t space = line.find(' ');
    if (space == line.npos || line.substr(space + 1) != ref) continue;
    if (is_hash(line.substr(0, space))) return std::string(line.substr(0, space));
  }
  return std::nullopt;
}

std::optional<std::string> resolve_head(const Repository& repository) {
  constexpr std::string_view prefix = "ref: ";
  auto content = read_line(repository.own / "HEAD");
  for (int depth = 0; content && depth < max_symbolic_refs; ++depth) {
    if (is_hash(*content)) return content;
    if (!content->starts_with(prefix)) return std::nullopt;
    const std::string ref = content->substr(prefix.size());
    if (!is_safe_ref(ref)) return std::nullopt;
    content = read_line(repository.own / ref);
    if (!content) content = read_line(repository.common / ref);
    if (!content) return find_packed_ref(repository.common, ref);
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> find_git_commit(const fs::path& directory) {
  std::error_code error;
  fs::path folder = fs::absolute(directory, error).lexically_normal();
  if (error) return std::nullopt;
  struct stat start {};
  if (::stat(folder.c_str(), &start) != 0) return std::nullopt;
  for (int i = 0; i < max_parent_directories; ++i) {
    // As git does, stay on one filesystem: looking for a file in the root of an automounted
    // tree can wait for a directory service.
    struct stat status {};
    if (::stat(folder.c_str(), &status) != 0 || status.st_dev != start.st_dev) break;
    if (::lstat((folder / ".git").c_str(), &status) == 0) {
      const auto repository = repository_at(folder / ".git");
      return repository ? resolve_head(*repository) : std::nullopt;
    }
    if (!folder.has_relative_path()) break;
    folder = folder.parent_path();
  }
  return std::nullopt;
}

}  // namespace ranklog::provenance
