// The HTTP client: what it sends, what it refuses to follow, show or read, and when it ends.
#include "http/client.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "ranklog/error.hpp"
#include "support/error_of.hpp"
#include "support/stub_server.hpp"

using ranklog::UsageError;
using ranklog::http::Client;
using ranklog::http::ClientOptions;
using ranklog::http::Error;
using ranklog::http::Fault;
using ranklog::http::may_redirect;
using ranklog::http::Method;
using ranklog::http::parse_url;
using ranklog::http::percent_encode;
using ranklog::http::Request;
using ranklog::http::Slash;
using ranklog::test_support::http_answer;
using ranklog::test_support::StubServer;
using Clock = std::chrono::steady_clock;

namespace {

ClientOptions options_for(const std::string& url) {
  ClientOptions options;
  options.server = parse_url("test", url);
  return options;
}

std::optional<Error> error_of(Client& client, const Request& request) {
  try {
    static_cast<void>(client.send(request));
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a request carries its method, query, body and credentials, and no secret is shown") {
  StubServer server({http_answer("200 OK", "{}"), http_answer("200 OK", "{}")});
  auto options = options_for(server.url());
  options.server.user = "alice";
  options.server.password = "pa%ss wort";
  Client client(options);
  const Request request{
      .method = Method::post, .path = "/x", .query = {{"q", "a b&c"}}, .body = "{\"a\":1}"};
  CHECK(client.send(request).body == "{}");
  const auto seen = server.requests().at(0);
  CHECK(has(seen, "POST /x?q=a%20b%26c HTTP/1.1"));
  CHECK(has(seen, "Authorization: Basic YWxpY2U6cGElc3Mgd29ydA=="));
  CHECK(has(seen, "Content-Type: application/json"));
  CHECK(has(seen, "\r\n\r\n{\"a\":1}"));
  CHECK_FALSE(has(seen, "Expect:"));
  CHECK(client.describe(request) == "POST " + server.url() + "/x");
  CHECK(client.redacted("pa%ss wort, Basic YWxpY2U6cGElc3Mgd29ydA==.") ==
        "[secret], Basic [secret].");
}

TEST_CASE("a bearer token goes into the header and out of messages") {
  StubServer server({http_answer("200 OK", "{}")});
  auto options = options_for(server.url());
  options.bearer_token = "tok3n";
  Client client(options);
  CHECK(client.send({.path = "/x"}).status == 200);
  CHECK(has(server.requests().at(0), "Authorization: Bearer tok3n"));
  CHECK(client.redacted("it was tok3n") == "it was [secret]");
}

TEST_CASE("every status is an answer, with Retry-After") {
  StubServer server({http_answer("429 Slow", "x", "Retry-After: 7\r\n")});
  Client client(options_for(server.url()));
  const auto response = client.send({.path = "/"});
  CHECK(response.status == 429);
  CHECK(response.body == "x");
  CHECK(response.retry_after == std::chrono::seconds(7));
}

TEST_CASE("a redirect is followed on the same server with the same method, and nowhere else") {
  StubServer other({http_answer("200 OK", "stolen")});
  StubServer server({http_answer("307 Moved", "", "Location: /there\r\n"),
                     http_answer("200 OK", "here"),
                     http_answer("302 Moved", "", "Location: " + other.url() + "/x\r\n"),
                     http_answer("302 Moved", "", "Location: file:///etc/hostname\r\n")});
  auto options = options_for(server.url());
  options.bearer_token = "tok3n";
  Client client(options);
  CHECK(client.send({.method = Method::post, .path = "/a", .body = "b"}).body == "here");
  CHECK(has(server.requests().at(1), "POST /there"));
  for (int i = 0; i < 2; ++i) {
    const auto error = error_of(client, {.path = "/a"});
    REQUIRE(error);
    CHECK(error->fault() == Fault::redirected);
    CHECK_FALSE(error->is_transient());
  }
  CHECK(other.requests().empty());
}

TEST_CASE("an answer larger than the bound is refused") {
  StubServer server({http_answer("200 OK", std::string(1001, 'x')),
                     http_answer("200 OK", std::string(1000, 'x'))});
  auto options = options_for(server.url());
  options.max_answer_bytes = 1000;
  Client client(options);
  CHECK(error_of(client, {.path = "/"})->fault() == Fault::too_large);
  CHECK(client.send({.path = "/"}).body.size() == 1000);
}

TEST_CASE("no connection, no answer, half an answer and a late answer are all worth another try") {
  StubServer server({"", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", "hang"});
  auto options = options_for(server.url());
  options.timeout = std::chrono::milliseconds(300);
  Client client(options);
  for (int i = 0; i < 3; ++i) {
    const auto error = error_of(client, {.path = "/"});
    REQUIRE(error);
    CHECK(error->fault() == Fault::unreachable);
    CHECK(error->is_transient());
    CHECK(has(error->what(), "GET " + server.url() + "/: "));
  }
  Client nobody(options_for("http://127.0.0.1:1"));
  CHECK(error_of(nobody, {.path = "/"})->fault() == Fault::unreachable);
}

TEST_CASE("what is no HTTP is an error, and the client lives on") {
  StubServer server(
      {std::string("\x16\x03\x01 garbage\0\r\n\r\n", 16), http_answer("200 OK", "ok")});
  Client client(options_for(server.url()));
  CHECK(error_of(client, {.path = "/"}));
  CHECK(client.send({.path = "/"}).body == "ok");
}

TEST_CASE("cancel() from another thread ends a request that hangs, and every later one") {
  StubServer server({"hang"});
  Client client(options_for(server.url()));
  const auto begin = Clock::now();
  std::thread other([&] {
    while (server.requests().empty()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    client.cancel();
  });
  CHECK(error_of(client, {.path = "/"})->fault() == Fault::cancelled);
  CHECK(error_of(client, {.path = "/"})->fault() == Fault::cancelled);
  CHECK(Clock::now() - begin < std::chrono::seconds(10));
  CHECK(server.requests().size() == 1);
  other.join();
}

TEST_CASE("addresses: only http and https, and user and password are taken out") {
  const auto url = parse_url("X", "https://bob:s%40crt@host.example:8443/a/b/?q=1#f");
  CHECK(url.text == "https://host.example:8443/a/b");
  CHECK(url.host == "host.example");
  CHECK(url.user == "bob");
  CHECK(url.password == "s@crt");
  for (const char* bad : {"ftp://host", "host:5000", "", "http://", "https://a b", "file:///x",
                          "http://h:99999999"}) {
    CAPTURE(bad);
    const auto thrown = ranklog::test_support::error_of(
        [&] { static_cast<void>(parse_url("X_URI", std::string(bad) + "")); });
    CHECK(thrown.code == ranklog::ErrorCode::usage);
    CHECK(thrown.says("X_URI"));
  }
}

TEST_CASE("redirects stay on one host and never leave https") {
  CHECK(may_redirect("http://h:1/a", "http://h:1/b"));
  CHECK(may_redirect("http://h/a", "https://h/a"));
  CHECK_FALSE(may_redirect("https://h/a", "http://h/a"));
  CHECK_FALSE(may_redirect("http://h:1/a", "http://h:2/a"));
  CHECK_FALSE(may_redirect("http://h/a", "http://h.evil/a"));
  CHECK_FALSE(may_redirect("http://h/a", "http://h@evil/a"));
  CHECK_FALSE(may_redirect("http://h/a", "nonsense"));
}

TEST_CASE("percent-encoding leaves nothing that could change an address") {
  CHECK(percent_encode("a/b c?#%ü~") == "a%2Fb%20c%3F%23%25%C3%BC~");
  CHECK(percent_encode("a/b", Slash::keep) == "a/b");
}
