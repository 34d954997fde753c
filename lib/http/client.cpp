#include "http/client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <system_error>

#include "core/text.hpp"
#include "http/base64.hpp"
#include "http/curl_handle.hpp"
#include "http/sigpipe_guard.hpp"

namespace ranklog::http {
namespace {

constexpr int max_redirects = 3;
constexpr std::size_t max_shown_bytes = 300;

std::string_view name_of(Method method) {
  switch (method) {
    case Method::get:
      return "GET";
    case Method::post:
      return "POST";
    case Method::put:
      return "PUT";
  }
  return "GET";
}

struct ListDeleter {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};
struct MimeDeleter {
  void operator()(curl_mime* form) const noexcept { curl_mime_free(form); }
};
struct FileDeleter {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};
using List = std::unique_ptr<curl_slist, ListDeleter>;
using Mime = std::unique_ptr<curl_mime, MimeDeleter>;
using File = std::unique_ptr<std::FILE, FileDeleter>;

void append(List& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) throw Error(Fault::local, "out of memory for an HTTP header");
  static_cast<void>(list.release());
  list.reset(longer);
}

// The answer as it comes in.
struct Sink {
  std::string body;
  std::size_t max_bytes = 0;
  bool is_too_large = false;

  static std::size_t write(char* data, std::size_t, std::size_t n, void* self) noexcept {
    auto& sink = *static_cast<Sink*>(self);
    if (n > sink.max_bytes - sink.body.size()) {
      sink.is_too_large = true;
      return 0;
    }
    try {
      sink.body.append(data, n);
    } catch (...) {
      return 0;
    }
    return n;
  }
};

}  // namespace

class Client::Impl {
 public:
  explicit Impl(ClientOptions options) : options_(std::move(options)) {
    const Url& server = options_.server;
    note_secret(server.password);
    if (options_.is_user_secret) note_secret(server.user);
    note_secret(options_.bearer_token);
    if (!server.password.empty()) note_secret(base64(server.user + ':' + server.password));
    for (const auto& header : options_.secret_headers) note_secret(header.value);
  }

  void set_bearer_token(std::string token) {
    options_.bearer_token = std::move(token);
    note_secret(options_.bearer_token);
  }

  Response send(const Request& request) {
    std::string url = options_.server.text + request.path;
    char separator = '?';
    for (const auto& [name, value] : request.query) {
      url += separator + percent_encode(name) + '=' + percent_encode(value);
      separator = '&';
    }
    for (int i = 0; i <= max_redirects; ++i) {
      std::string redirect;
      auto response = send_once(request, url, redirect);
      const bool is_redirect = response.status == 301 || response.status == 302 ||
                               response.status == 307 || response.status == 308;
      if (!is_redirect || redirect.empty()) return response;
      if (!may_redirect(url, redirect)) {
        throw Error(Fault::redirected,
                    describe(request) +
                        " is redirected to another server, to which ranklog does not follow; give "
                        "that server's own address");
      }
      url = std::move(redirect);
    }
    throw Error(Fault::redirected, fmt::format("{} is redirected more than {} times",
                                               describe(request), max_redirects));
  }

  void cancel() noexcept {
    is_cancelled_ = true;
    curl_multi_wakeup(multi_.get());
  }
  [[nodiscard]] bool is_cancelled() const noexcept { return is_cancelled_; }

  [[nodiscard]] std::string describe(const Request& request) const {
    return redacted(
        fmt::format("{} {}{}", name_of(request.method), options_.server.text, request.path));
  }

  [[nodiscard]] std::string redacted(std::string_view text) const {
    std::string result(text);
    for (const auto& secret : secrets_) {
      for (auto at = result.find(secret); at != std::string::npos; at = result.find(secret, at)) {
        result.replace(at, secret.size(), "[secret]");
        at += 8;
      }
    }
    return escape_unprintable(result, max_shown_bytes);
  }

 private:
  void note_secret(const std::string& secret) {
    if (secret.empty() || std::find(secrets_.begin(), secrets_.end(), secret) != secrets_.end()) {
      return;
    }
    secrets_.push_back(secret);
  }

  [[noreturn]] void fail(Fault fault, const Request& request, std::string_view why) const {
    throw Error(fault, fmt::format("{}: {}", describe(request), redacted(why)));
  }

  void set_common(CURL* handle, const std::string& url) const {
    set_connection_options(handle, options_, url);
    if (!options_.bearer_token.empty()) {
      set_option(handle, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
      set_option(handle, CURLOPT_XOAUTH2_BEARER, options_.bearer_token.c_str());
    } else if (!options_.server.user.empty()) {
      set_option(handle, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
      set_option(handle, CURLOPT_USERNAME, options_.server.user.c_str());
      set_option(handle, CURLOPT_PASSWORD, options_.server.password.c_str());
    }
  }

  [[nodiscard]] List headers_for(const Request& request) const {
    List headers;
    append(headers, "Accept: application/json");
    append(headers, "Expect:");  // no wait for "100 Continue"
    if (request.method != Method::get && request.form.empty()) {
      append(headers, "Content-Type: " + request.content_type);
    }
    for (const auto& [name, value] : options_.secret_headers) append(headers, name + ": " + value);
    return headers;
  }

  [[nodiscard]] Mime form_of(CURL* handle, const Request& request) const {
    Mime form(curl_mime_init(handle));
    for (const FormPart& part : request.form) {
      curl_mimepart* const made = form ? curl_mime_addpart(form.get()) : nullptr;
      if (made == nullptr) fail(Fault::local, request, "out of memory for a form");
      auto code = curl_mime_name(made, part.name.c_str());
      if (code == CURLE_OK) {
        code = part.file.empty() ? curl_mime_data(made, part.bytes.data(), part.bytes.size())
                                 : curl_mime_filedata(made, part.file.c_str());
      }
      if (code == CURLE_OK && !part.file_name.empty()) {
        code = curl_mime_filename(made, part.file_name.c_str());
      }
      if (code == CURLE_OK && !part.content_type.empty()) {
        code = curl_mime_type(made, part.content_type.c_str());
      }
      if (code != CURLE_OK) {
        fail(Fault::local, request, fmt::format("cannot read '{}'", part.file.string()));
      }
    }
    return form;
  }

  // The file stays open while the request is sent.
  [[nodiscard]] File set_body(CURL* handle, const Request& request) const {
    File file;
    if (request.method == Method::get || !request.form.empty()) return file;
    if (!request.file.empty()) {
      std::error_code error;
      const auto n_bytes = std::filesystem::file_size(request.file, error);
      if (!error) file.reset(std::fopen(request.file.c_str(), "rbe"));
      if (!file) {
        fail(Fault::local, request, fmt::format("cannot read '{}'", request.file.string()));
      }
      set_option(handle, CURLOPT_UPLOAD, 1L);
      set_option(handle, CURLOPT_READDATA, file.get());
      set_option(handle, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(n_bytes));
      return file;
    }
    set_option(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set_option(handle, CURLOPT_POSTFIELDS, request.body.data());
    if (request.method == Method::put) set_option(handle, CURLOPT_CUSTOMREQUEST, "PUT");
    return file;
  }

  Response send_once(const Request& request, const std::string& url, std::string& redirect) {
    const Easy easy = make_easy();
    CURL* handle = easy.get();
    Sink sink;
    sink.max_bytes = options_.max_answer_bytes;
    std::array<char, CURL_ERROR_SIZE> why{};
    set_common(handle, url);
    set_option(handle, CURLOPT_ERRORBUFFER, why.data());
    set_option(handle, CURLOPT_WRITEFUNCTION, &Sink::write);
    set_option(handle, CURLOPT_WRITEDATA, &sink);
    const List headers = headers_for(request);
    set_option(handle, CURLOPT_HTTPHEADER, headers.get());
    const File file = set_body(handle, request);
    const Mime form = form_of(handle, request);
    if (!request.form.empty()) set_option(handle, CURLOPT_MIMEPOST, form.get());

    const CURLcode code = perform(handle);
    if (is_cancelled_) fail(Fault::cancelled, request, "given up at the deadline");
    if (sink.is_too_large) {
      fail(Fault::too_large, request,
           fmt::format("the answer has more than {} bytes", options_.max_answer_bytes));
    }
    if (code != CURLE_OK) {
      fail(fault_of(code), request, why[0] != '\0' ? why.data() : curl_easy_strerror(code));
    }
    return response_of(handle, std::move(sink.body), redirect);
  }

  CURLcode perform(CURL* handle) {
    const SigpipeGuard no_sigpipe;
    if (curl_multi_add_handle(multi_.get(), handle) != CURLM_OK) return CURLE_OUT_OF_MEMORY;
    constexpr int poll_ms = 1000;
    int n_running = 1;
    CURLMcode state = CURLM_OK;
    while (!is_cancelled_ && state == CURLM_OK) {
      state = curl_multi_perform(multi_.get(), &n_running);
      if (state != CURLM_OK || n_running == 0) break;
      state = curl_multi_poll(multi_.get(), nullptr, 0, poll_ms, nullptr);
    }
    CURLcode result = state == CURLM_OK ? CURLE_OK : CURLE_OUT_OF_MEMORY;
    int n_left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &n_left)) {
      if (message->msg == CURLMSG_DONE) result = message->data.result;
    }
    // Else the clean-up would wait for a name server that does not answer.
    if (is_cancelled_) curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
    curl_multi_remove_handle(multi_.get(), handle);
    return result;
  }

  static Response response_of(CURL* handle, std::string body, std::string& redirect) {
    Response response;
    response.body = std::move(body);
    long status = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    response.status = static_cast<int>(status);
    const char* text = nullptr;
    if (curl_easy_getinfo(handle, CURLINFO_CONTENT_TYPE, &text) == CURLE_OK && text != nullptr) {
      response.content_type = text;
    }
    curl_off_t wait_s = 0;
    if (curl_easy_getinfo(handle, CURLINFO_RETRY_AFTER, &wait_s) == CURLE_OK && wait_s > 0) {
      response.retry_after = std::chrono::seconds(wait_s);
    }
    text = nullptr;
    if (curl_easy_getinfo(handle, CURLINFO_REDIRECT_URL, &text) == CURLE_OK && text != nullptr) {
      redirect = text;
    }
    return response;
  }

  ClientOptions options_;
  std::vector<std::string> secrets_;
  std::atomic<bool> is_cancelled_ = false;
  Multi multi_ = make_multi();
};

Client::Client(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() = default;
void Client::set_bearer_token(std::string token) { impl_->set_bearer_token(std::move(token)); }
Response Client::send(const Request& request) { return impl_->send(request); }
void Client::cancel() noexcept { impl_->cancel(); }
bool Client::is_cancelled() const noexcept { return impl_->is_cancelled(); }
std::string Client::describe(const Request& request) const { return impl_->describe(request); }
std::string Client::redacted(std::string_view text) const { return impl_->redacted(text); }

}  // namespace ranklog::http
