// The handshake and the frames of WebSocket (RFC 6455), without a connection.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ranklog::http {

// The request that asks for a WebSocket. `authorization`: the value of that header, or empty.
// `key`: base64 of 16 random bytes.
[[nodiscard]] std::string upgrade_request(std::string_view host, std::string_view path,
                                          std::string_view key, std::string_view authorization);
// What Sec-WebSocket-Accept has to be for `key` (4.2.2).
[[nodiscard]] std::string accept_for(std::string_view key);
// The HTTP status of an answer to that request, up to and without its empty line; 101 only if it
// opens a WebSocket for `key`. Errors: BadAnswerError.
[[nodiscard]] int upgrade_status(std::string_view head, std::string_view key);

enum class Opcode : std::uint8_t {
  continuation = 0,
  text = 1,
  binary = 2,
  close = 8,
  ping = 9,
  pong = 10,
};

// A whole message in one frame, masked as clients have to.
void append_frame(std::string& out, Opcode opcode, std::string_view payload,
                  std::array<unsigned char, 4> mask);

// Takes a server's bytes apart. Thread safety: none.
class FrameReader {
 public:
  struct Frame {
    Opcode opcode = Opcode::binary;  // never continuation: fragments come as one
    std::string payload;
  };

  explicit FrameReader(std::size_t max_payload) : max_payload_(max_payload) {}
  void feed(std::string_view bytes) { bytes_ += bytes; }
  // The next message or control frame that is complete.
  // Errors: BadAnswerError for what breaks RFC 6455, or has more than `max_payload` bytes.
  [[nodiscard]] std::optional<Frame> next();

 private:
  // False: not complete.
  [[nodiscard]] bool read_frame(bool& is_final, Frame& frame);

  std::size_t max_payload_;
  std::string bytes_;
  std::optional<Frame> fragments_;
};

}  // namespace ranklog::http
