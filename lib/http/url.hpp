// Addresses of servers: taken apart, checked, and put together again without secrets.
#pragma once

#include <string>
#include <string_view>

namespace ranklog::http {

// Of an http or https address. User and password are taken out of it, so that the rest may be
// shown.
struct Url {
  std::string text;  // without user, password, query and fragment; no "/" at the end
  std::string scheme;
  std::string host;
  std::string port;
  std::string user;
  std::string password;
};

// Errors: UsageError naming `what` (e.g. "MLFLOW_TRACKING_URI") but never the whole address.
[[nodiscard]] Url parse_url(std::string_view what, const std::string& text);

// True if a request for `from` may be sent to `to` instead: same host, and the same scheme and port
// or https instead of http.
[[nodiscard]] bool may_redirect(const std::string& from, const std::string& to);

// Everything but letters, digits and -._~ as %XX (RFC 3986, 2.3); "/" stays if `keeps_slash`.
enum class Slash { encode, keep };
[[nodiscard]] std::string percent_encode(std::string_view text, Slash slash = Slash::encode);

}  // namespace ranklog::http
