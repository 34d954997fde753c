// Base64 (RFC 4648, 4), as HTTP's headers and JSON bodies carry bytes.
#pragma once

#include <string>
#include <string_view>

namespace ranklog::http {

[[nodiscard]] std::string base64(std::string_view bytes);

}  // namespace ranklog::http
