#include "trackers/dvclive/key_path.hpp"

namespace ranklog::trackers::dvclive {
namespace {

std::string_view without_underscores(std::string_view name) {
  const auto last = name.find_last_not_of('_');
  return last == name.npos ? std::string_view{} : name.substr(0, last + 1);
}

bool needs_mark(std::string_view part, bool is_last) {
  const auto stem = without_underscores(part);
  return stem == "step" || (!is_last && stem.ends_with(".tsv"));
}

}  // namespace

std::vector<std::string> path_of(std::string_view key) {
  std::vector<std::string> path;
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = key.find('/', begin);
    const bool is_last = end == key.npos;
    std::string part(key.substr(begin, is_last ? key.npos : end - begin));
    if (needs_mark(part, is_last)) part += '_';
    path.push_back(std::move(part));
    if (is_last) return path;
    begin = end + 1;
  }
}

std::string key_of(const std::vector<std::string>& path) {
  std::string key;
  for (std::size_t i = 0; i < path.size(); ++i) {
    std::string part = path[i];
    if (part.ends_with('_') && needs_mark(part, i + 1 == path.size())) part.pop_back();
    if (i > 0) key += '/';
    key += part;
  }
  return key;
}

}  // namespace ranklog::trackers::dvclive
