// Trying again: when, how often, and until when.
#include "http/retrying_client.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "http/json_answer.hpp"
#include "support/stub_server.hpp"

using ranklog::http::BadAnswerError;
using ranklog::http::ClientOptions;
using ranklog::http::Doubt;
using ranklog::http::Error;
using ranklog::http::Fault;
using ranklog::http::parse_object;
using ranklog::http::parse_url;
using ranklog::http::RetryingClient;
using ranklog::http::RetryOptions;
using ranklog::test_support::http_answer;
using ranklog::test_support::StubServer;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

struct Setup {
  explicit Setup(std::vector<std::string> script)
      : server(std::move(script)),
        client(options(), {.first_wait = milliseconds(2), .longest_wait = milliseconds(10)},
               [this](const std::string& text) {
                 const std::lock_guard lock(mutex);
                 reports.push_back(text);
               }) {}
  [[nodiscard]] ClientOptions options() const {
    ClientOptions result;
    result.server = parse_url("test", server.url());
    result.timeout = milliseconds(500);
    return result;
  }
  std::string send(Doubt doubt = Doubt::give_up) {
    return client.send(
        {.path = "/x"}, [](const std::string& body) { static_cast<void>(parse_object(body)); },
        doubt);
  }

  StubServer server;
  std::mutex mutex;
  std::vector<std::string> reports;
  RetryingClient client;
};

Fault fault_of(Setup& setup) {
  try {
    setup.send();
  } catch (const Error& error) {
    return error.fault();
  }
  return Fault::local;
}

std::vector<std::string> repeated(const std::string& answer, std::size_t n, std::string last) {
  std::vector<std::string> script(n, answer);
  script.push_back(std::move(last));
  return script;
}

}  // namespace

TEST_CASE("what may pass is tried again until it works, with one report at each end") {
  Setup setup({http_answer("503 Busy", ""), "", http_answer("429 Slow", ""),
               "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", http_answer("500 Oops", "{}"),
               http_answer("200 OK", "<html>"), http_answer("200 OK", "{\"ok\":1}")});
  CHECK(setup.send() == "{\"ok\":1}");
  CHECK(setup.server.requests().size() == 7);
  REQUIRE(setup.reports.size() == 2);
  CHECK(setup.reports[0].find("HTTP status 503") != std::string::npos);
  CHECK(setup.reports[1].find("works again, after 7 tries") != std::string::npos);
}

TEST_CASE("an unreachable server is tried for longer than one that answers nonsense") {
  Setup busy(repeated(http_answer("503 Busy", ""), 20, http_answer("200 OK", "{}")));
  CHECK(busy.send() == "{}");
  Setup confused(repeated(http_answer("200 OK", "nonsense"), 20, http_answer("200 OK", "{}")));
  CHECK(fault_of(confused) == Fault::bad_answer);
  CHECK(confused.server.requests().size() == 6);
  Setup insisting(repeated(http_answer("500 Oops", "{}"), 20, http_answer("200 OK", "{}")));
  CHECK(insisting.send(Doubt::insist) == "{}");
}

TEST_CASE("what waiting cannot mend is not repeated, and carries the server's own words") {
  for (const std::string status : {"400 Bad", "401 No", "403 No", "404 None"}) {
    Setup setup({http_answer(status, "{\"error_code\":\"CODE\",\"message\":\"my words\"}")});
    try {
      setup.send();
      FAIL("no error");
    } catch (const Error& error) {
      CHECK(error.refusal().status == std::stoi(status));
      CHECK(error.refusal().code == "CODE");
      CHECK(std::string(error.what()).find("my words") != std::string::npos);
    }
    CHECK(setup.server.requests().size() == 1);
  }
}

TEST_CASE("Retry-After is waited for") {
  Setup setup({http_answer("429 Slow", "", "Retry-After: 1\r\n"), http_answer("200 OK", "{}")});
  const auto begin = Clock::now();
  setup.send();
  CHECK(Clock::now() - begin >= milliseconds(990));
}

TEST_CASE("cancel() ends the wait between two tries") {
  Setup setup({http_answer("429 Slow", "", "Retry-After: 50\r\n")});
  std::thread other([&] {
    while (setup.server.requests().empty()) std::this_thread::sleep_for(milliseconds(1));
    std::this_thread::sleep_for(milliseconds(50));
    setup.client.cancel();
  });
  const auto begin = Clock::now();
  CHECK(fault_of(setup) == Fault::cancelled);
  CHECK(Clock::now() - begin < std::chrono::seconds(20));
  other.join();
}

TEST_CASE("JSON from a server is bounded in depth and refused when it is none") {
  const auto refuses = [](const std::string& body) {
    try {
      static_cast<void>(parse_object(body));
    } catch (const BadAnswerError&) {
      return true;
    }
    return false;
  };
  const auto nested = [](std::size_t depth) {
    return "{\"a\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  CHECK_FALSE(refuses(nested(20)));
  CHECK(refuses(nested(40)));
  CHECK(refuses(nested(1'000'000)));
  CHECK(refuses("{\"a\":" + std::string(1'000'000, '[')));
  for (const std::string body : {"", "{", "[]", "null", "{}x", "{\"a\":NaN}", "{\"a\":\"\xff\"}"}) {
    CAPTURE(body);
    CHECK(refuses(body));
  }
}
