// The WebSocket: its handshake and frames as RFC 6455 has them, and servers that break it.
#include "http/websocket.hpp"

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "http/json_answer.hpp"
#include "http/websocket_frames.hpp"
#include "support/stub_server.hpp"

using namespace ranklog::http;
using ranklog::test_support::http_answer;
using ranklog::test_support::StubServer;

namespace {

// RFC 6455, 1.3
constexpr std::string_view known_key = "dGhlIHNhbXBsZSBub25jZQ==";
const std::string good_head =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

std::optional<Error> error_of(const std::string& answer, std::chrono::milliseconds timeout) {
  StubServer server({answer});
  ClientOptions options;
  options.server = parse_url("test", server.url());
  options.timeout = timeout;
  WebSocket socket(options, "/x");
  try {
    static_cast<void>(socket.exchange("hello"));
  } catch (const Error& error) {
    CHECK_FALSE(socket.is_open());
    return error;
  }
  return std::nullopt;
}

std::string frame(unsigned char first, std::string_view payload) {
  return std::string{static_cast<char>(first), static_cast<char>(payload.size())}.append(payload);
}

}  // namespace

TEST_CASE("the handshake is that of the RFC") {
  CHECK(accept_for(known_key) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  const auto request = upgrade_request("host:1", "/a", known_key, "Basic x");
  CHECK(request.starts_with("GET /a HTTP/1.1\r\nHost: host:1\r\n"));
  CHECK(request.find("Authorization: Basic x\r\n") != std::string::npos);
  CHECK(request.ends_with("\r\n\r\n"));
  CHECK(upgrade_status(good_head, known_key) == 101);
  CHECK(upgrade_status("HTTP/1.1 403 Forbidden\r\nX: y", known_key) == 403);
}

TEST_CASE("an answer that opens no WebSocket for our key is refused") {
  const std::string one = "HTTP/1.1 101 OK\r\n";
  for (const auto& head :
       {std::string(), std::string("HTTP/1.1 "), std::string("HTTP/1.0 101 OK"),
        std::string("SSH-2.0-OpenSSH"), std::string("HTTP/1.1 1x1 OK"), one,
        one + "Upgrade: websocket\r\nConnection: close",
        one + "Upgrade: h2c\r\nConnection: Upgrade",
        one + "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA",
        good_head + "\r\nSec-WebSocket-Extensions: permessage-deflate"}) {
    CAPTURE(head);
    CHECK_THROWS_AS(static_cast<void>(upgrade_status(head, known_key)), BadAnswerError);
  }
}

TEST_CASE("our frames are masked and have the shortest length") {
  const std::array<unsigned char, 4> mask{0x37, 0xfa, 0x21, 0x3d};
  std::string out;
  append_frame(out, Opcode::text, "Hello", mask);  // RFC 6455, 5.7
  CHECK(out == "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
  out.clear();
  append_frame(out, Opcode::binary, std::string(126, 'x'), {});
  CHECK(out.substr(0, 4) == std::string("\x82\xFE\x00\x7E", 4));
  out.clear();
  append_frame(out, Opcode::binary, std::string(65536, 'x'), {});
  CHECK(out.substr(0, 10) == std::string("\x82\xFF\x00\x00\x00\x00\x00\x01\x00\x00", 10));
  CHECK(out.size() == 14 + 65536);
}

TEST_CASE("messages come whole, whatever pieces they come in, with control frames between them") {
  const auto bytes = frame(0x02, "ab") + frame(0x89, "ping") + frame(0x00, "c") + frame(0x80, "d") +
                     frame(0x82, "") + frame(0x88, "\x03\xE8");
  FrameReader reader(100);
  std::vector<std::pair<Opcode, std::string>> seen;
  for (const char c : bytes) {
    reader.feed(std::string_view(&c, 1));
    while (auto one = reader.next()) seen.emplace_back(one->opcode, one->payload);
  }
  const std::vector<std::pair<Opcode, std::string>> expected{{Opcode::ping, "ping"},
                                                             {Opcode::binary, "abcd"},
                                                             {Opcode::binary, ""},
                                                             {Opcode::close, "\x03\xE8"}};
  CHECK(seen == expected);
}

TEST_CASE("frames that break the RFC, or are too large, are refused") {
  using namespace std::string_literals;
  for (const auto& bytes :
       {"\xC2\x00"s, "\x83\x00"s, "\x8B\x00"s, "\x82\x80\x00\x00\x00\x00"s, "\x09\x00"s,
        "\x89\x7E\x00\x7E"s, "\x80\x00"s, "\x02\x00\x82\x00"s, "\x82\x65"s, "\x82\x7E\xFF\xFF"s,
        "\x82\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"s,
        frame(0x02, std::string(60, 'a')) + frame(0x80, std::string(60, 'b'))}) {
    FrameReader reader(100);
    reader.feed(bytes);
    CHECK_THROWS_AS(static_cast<void>(reader.next()), BadAnswerError);
  }
}

TEST_CASE("servers that refuse, close, hang or talk nonsense are told apart in time") {
  using namespace std::chrono_literals;
  struct Case {
    std::string answer;
    Fault fault;
    std::string_view says;
  };
  for (const auto& one : {Case{http_answer("403 Forbidden", "no"), Fault::refused, "status 403"},
                          Case{http_answer("200 OK", "{}"), Fault::refused, "status 200"},
                          Case{"garbage\r\n\r\n", Fault::bad_answer, "no HTTP/1.1 status line"},
                          Case{good_head + "\r\n\r\n", Fault::bad_answer, "does not fit our key"},
                          Case{std::string(40000, 'x'), Fault::bad_answer, "no end of the"},
                          Case{"HTTP/1.1 101", Fault::unreachable, "connection is lost"},
                          Case{"", Fault::unreachable, "connection is lost"},
                          Case{"hang", Fault::unreachable, "no answer within"}}) {
    CAPTURE(one.says);
    const auto begin = std::chrono::steady_clock::now();
    const auto error = error_of(one.answer, one.answer == "hang" ? 200ms : 20000ms);
    CHECK(std::chrono::steady_clock::now() - begin < 15s);
    REQUIRE(error);
    CHECK(error->fault() == one.fault);
    CHECK(std::string_view(error->what()).find(one.says) != std::string_view::npos);
  }
}

TEST_CASE("a name that does not resolve and a port that nobody listens on are unreachable") {
  for (const char* url : {"http://no.such.host.invalid:1", "http://127.0.0.1:1"}) {
    ClientOptions options;
    options.server = parse_url("test", url);
    WebSocket socket(options, "/x");
    try {
      socket.open();
      FAIL("connected");
    } catch (const Error& error) {
      CHECK(error.fault() == Fault::unreachable);
    }
  }
}

TEST_CASE("a wait for a server that hangs ends soon after cancel()") {
  StubServer server({"hang"});
  ClientOptions options;
  options.server = parse_url("test", server.url());
  WebSocket socket(options, "/x");
  std::thread waiting([&] {
    try {
      static_cast<void>(socket.exchange("hello"));
    } catch (const Error& error) {
      CHECK(error.fault() == Fault::cancelled);
    }
  });
  while (server.requests().empty()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  socket.cancel();
  waiting.join();
  CHECK_FALSE(socket.is_open());
}
