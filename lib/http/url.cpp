#include "http/url.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <memory>
#include <optional>

#include "core/text.hpp"
#include "ranklog/error.hpp"

namespace ranklog::http {
namespace {

struct Deleter {
  void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
};
using Handle = std::unique_ptr<CURLU, Deleter>;

std::optional<std::string> part(CURLU* url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, flags) != CURLUE_OK || text == nullptr) return std::nullopt;
  std::string result = text;
  curl_free(text);
  return result;
}

std::optional<Url> take_apart(const std::string& text) {
  const Handle url(curl_url());
  if (!url || text.find('\0') != std::string::npos ||
      curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) {
    return std::nullopt;
  }
  Url result;
  result.scheme = part(url.get(), CURLUPART_SCHEME).value_or("");
  result.host = part(url.get(), CURLUPART_HOST).value_or("");
  result.port = part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT).value_or("");
  result.user = part(url.get(), CURLUPART_USER, CURLU_URLDECODE).value_or("");
  result.password = part(url.get(), CURLUPART_PASSWORD, CURLU_URLDECODE).value_or("");
  for (const auto secret : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS, CURLUPART_QUERY,
                            CURLUPART_FRAGMENT}) {
    curl_url_set(url.get(), secret, nullptr, 0);
  }
  result.text = part(url.get(), CURLUPART_URL).value_or("");
  while (result.text.ends_with('/')) result.text.pop_back();
  return result;
}

}  // namespace

Url parse_url(std::string_view what, const std::string& text) {
  const auto colon = text.find("://");
  const auto scheme = colon == std::string::npos ? "" : text.substr(0, colon);
  if (scheme != "http" && scheme != "https") {
    throw UsageError(
        fmt::format("{} must be the http:// or https:// address of a server; it begins with '{}'",
                    what, escape_unprintable(scheme.empty() ? "no scheme" : scheme, 30)));
  }
  // libcurl takes what follows a third slash for the host.
  const bool has_host = !std::string_view(text).substr(colon + 3).starts_with('/');
  auto url = has_host ? take_apart(text) : std::nullopt;
  if (!url || url->host.empty()) {
    throw UsageError(fmt::format("{} is not a valid {} address", what, scheme));
  }
  return *std::move(url);
}

bool may_redirect(const std::string& from, const std::string& to) {
  const auto a = take_apart(from);
  const auto b = take_apart(to);
  if (!a || !b || a->host != b->host) return false;
  if (a->scheme == b->scheme) return a->port == b->port;
  return a->scheme == "http" && b->scheme == "https";
}

std::string percent_encode(std::string_view text, Slash slash) {
  constexpr std::string_view unreserved =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
  std::string result;
  for (const char c : text) {
    if (unreserved.find(c) != std::string_view::npos || (c == '/' && slash == Slash::keep)) {
      result += c;
    } else {
      result += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return result;
}

}  // namespace ranklog::http
