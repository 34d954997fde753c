// What every use of libcurl here has in common: handles that free themselves, and the options of a
// connection.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>

#include "http/client.hpp"

namespace ranklog::http {

struct EasyDeleter {
  void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }
};
struct MultiDeleter {
  void operator()(CURLM* handle) const noexcept { curl_multi_cleanup(handle); }
};
using Easy = std::unique_ptr<CURL, EasyDeleter>;
using Multi = std::unique_ptr<CURLM, MultiDeleter>;

// Initialises libcurl when it is first needed. Errors: Error (local).
[[nodiscard]] Easy make_easy();
[[nodiscard]] Multi make_multi();

[[nodiscard]] Fault fault_of(CURLcode code) noexcept;

// Errors: Error (local).
void check_option(CURLcode code, CURLoption option);
template <class T>
void set_option(CURL* handle, CURLoption option, T value) {
  check_option(curl_easy_setopt(handle, option, value), option);
}

// The address, verified TLS, time limits and the user agent; no credentials.
void set_connection_options(CURL* handle, const ClientOptions& options, const std::string& url);

}  // namespace ranklog::http
