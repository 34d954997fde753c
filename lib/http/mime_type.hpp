// What kind of contents a file has, by the end of its name.
#pragma once

#include <string_view>

namespace ranklog::http {

// "image/png" for "a/b.png"; "application/octet-stream" for what is not known.
[[nodiscard]] std::string_view mime_type(std::string_view path) noexcept;

}  // namespace ranklog::http
