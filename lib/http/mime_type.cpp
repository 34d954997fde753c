#include "http/mime_type.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace ranklog::http {

std::string_view mime_type(std::string_view path) noexcept {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 11> types{{
      {".png", "image/png"},
      {".jpg", "image/jpeg"},
      {".jpeg", "image/jpeg"},
      {".svg", "image/svg+xml"},
      {".html", "text/html"},
      {".json", "application/json"},
      {".txt", "text/plain"},
      {".csv", "text/csv"},
      {".md", "text/markdown"},
      {".pdf", "application/pdf"},
      {".zip", "application/zip"},
  }};
  const auto found = std::find_if(types.begin(), types.end(),
                                  [&](const auto& type) { return path.ends_with(type.first); });
  return found == types.end() ? "application/octet-stream" : found->second;
}

}  // namespace ranklog::http
