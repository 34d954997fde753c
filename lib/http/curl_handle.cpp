#include "http/curl_handle.hpp"

#include <fmt/format.h>

#include <mutex>

#include "ranklog/version.hpp"

namespace ranklog::http {
namespace {

// Never undone: the host may use libcurl, too, and there is one state for the process.
void initialise_libcurl() {
  static std::once_flag once;
  static CURLcode outcome = CURLE_OK;
  std::call_once(once, [] { outcome = curl_global_init(CURL_GLOBAL_DEFAULT); });
  if (outcome != CURLE_OK) throw Error(Fault::local, "libcurl cannot be initialised");
}

}  // namespace

Easy make_easy() {
  initialise_libcurl();
  Easy handle(curl_easy_init());
  if (!handle) throw Error(Fault::local, "libcurl cannot make a handle");
  return handle;
}

Multi make_multi() {
  initialise_libcurl();
  Multi handle(curl_multi_init());
  if (!handle) throw Error(Fault::local, "libcurl cannot make a handle");
  return handle;
}

Fault fault_of(CURLcode code) noexcept {
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ISSUER_ERROR:
      return Fault::tls;
    case CURLE_OUT_OF_MEMORY:
    case CURLE_READ_ERROR:
      return Fault::local;
    default:
      return Fault::unreachable;
  }
}

void check_option(CURLcode code, CURLoption option) {
  if (code != CURLE_OK) {
    throw Error(Fault::local, fmt::format("libcurl refused option {}", static_cast<int>(option)));
  }
}

void set_connection_options(CURL* handle, const ClientOptions& options, const std::string& url) {
  set_option(handle, CURLOPT_URL, url.c_str());
  set_option(handle, CURLOPT_NOSIGNAL, 1L);
  set_option(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  set_option(handle, CURLOPT_FOLLOWLOCATION, 0L);
  set_option(handle, CURLOPT_SSL_VERIFYPEER, 1L);
  set_option(handle, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!options.ca_file.empty()) set_option(handle, CURLOPT_CAINFO, options.ca_file.c_str());
  if (!options.client_certificate.empty()) {
    set_option(handle, CURLOPT_SSLCERT, options.client_certificate.c_str());
    set_option(handle, CURLOPT_SSLKEY, options.client_certificate.c_str());
  }
  set_option(handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  set_option(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout.count()));
  const auto agent = fmt::format("ranklog/{}", ranklog::version);
  set_option(handle, CURLOPT_USERAGENT, agent.c_str());
}

}  // namespace ranklog::http
