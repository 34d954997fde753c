#include "http/websocket_frames.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cctype>

#include "http/base64.hpp"
#include "http/json_answer.hpp"

namespace ranklog::http {
namespace {

constexpr std::size_t max_control_payload = 125;
constexpr unsigned char final_bit = 0x80;
constexpr unsigned char reserved_bits = 0x70;
constexpr unsigned char mask_bit = 0x80;
constexpr std::size_t length_in_2_bytes = 126;
constexpr std::size_t length_in_8_bytes = 127;

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

std::string_view trimmed(std::string_view text) {
  const auto begin = std::min(text.find_first_not_of(" \t"), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

// The value of a header, "" if there is none; lines end with CR LF.
std::string_view header(std::string_view head, std::string_view name) {
  while (!head.empty()) {
    const auto end = std::min(head.find("\r\n"), head.size());
    const auto line = head.substr(0, end);
    head.remove_prefix(std::min(end + 2, head.size()));
    const auto colon = line.find(':');
    if (colon != std::string_view::npos && lower(line.substr(0, colon)) == name) {
      return trimmed(line.substr(colon + 1));
    }
  }
  return {};
}

bool is_control(Opcode opcode) noexcept { return opcode >= Opcode::close; }

bool is_known(unsigned int opcode) noexcept {
  return opcode <= static_cast<unsigned int>(Opcode::binary) ||
         (opcode >= static_cast<unsigned int>(Opcode::close) &&
          opcode <= static_cast<unsigned int>(Opcode::pong));
}

std::uint64_t big_endian(std::string_view bytes) noexcept {
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

void append_big_endian(std::string& out, std::uint64_t value, int n_bytes) {
  for (int i = n_bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xFFU);
}

}  // namespace

std::string upgrade_request(std::string_view host, std::string_view path, std::string_view key,
                            std::string_view authorization) {
  auto request = fmt::format(
      "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: {}\r\nSec-WebSocket-Version: 13\r\n",
      path, host, key);
  if (!authorization.empty()) request += fmt::format("Authorization: {}\r\n", authorization);
  return request + "\r\n";
}

std::string accept_for(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int n_bytes = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &n_bytes, EVP_sha1(), nullptr) != 1) {
    throw BadAnswerError("SHA-1 is not to be had from OpenSSL, so no WebSocket can be opened");
  }
  return base64({reinterpret_cast<const char*>(digest.data()), n_bytes});
}

int upgrade_status(std::string_view head, std::string_view key) {
  constexpr std::string_view version = "HTTP/1.1 ";
  constexpr std::size_t n_digits = 3;
  const auto digits = head.substr(std::min(version.size(), head.size()), n_digits);
  if (!head.starts_with(version) || digits.size() < n_digits ||
      !std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    throw BadAnswerError("no HTTP/1.1 status line");
  }
  const int status = (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
  if (status != 101) return status;
  if (lower(header(head, "upgrade")) != "websocket" ||
      lower(header(head, "connection")).find("upgrade") == std::string::npos) {
    throw BadAnswerError("status 101 without an upgrade to WebSocket");
  }
  if (header(head, "sec-websocket-accept") != accept_for(key)) {
    throw BadAnswerError("Sec-WebSocket-Accept does not fit our key");
  }
  if (!header(head, "sec-websocket-extensions").empty() ||
      !header(head, "sec-websocket-protocol").empty()) {
    throw BadAnswerError("a WebSocket extension or protocol that was not asked for");
  }
  return status;
}

void append_frame(std::string& out, Opcode opcode, std::string_view payload,
                  std::array<unsigned char, 4> mask) {
  constexpr std::size_t max_header = 14;
  constexpr std::size_t max_of_2_bytes = 0xFFFF;
  out.reserve(out.size() + payload.size() + max_header);
  out += static_cast<char>(final_bit | static_cast<unsigned char>(opcode));
  if (payload.size() <= max_control_payload) {
    out += static_cast<char>(mask_bit | payload.size());
  } else if (payload.size() <= max_of_2_bytes) {
    out += static_cast<char>(mask_bit | length_in_2_bytes);
    append_big_endian(out, payload.size(), 2);
  } else {
    out += static_cast<char>(mask_bit | length_in_8_bytes);
    append_big_endian(out, payload.size(), 8);
  }
  for (const unsigned char c : mask) out += static_cast<char>(c);
  for (std::size_t i = 0; i < payload.size(); ++i) {
    out += static_cast<char>(static_cast<unsigned char>(payload[i]) ^ mask[i % mask.size()]);
  }
}

bool FrameReader::read_frame(bool& is_final, Frame& frame) {
  if (bytes_.size() < 2) return false;
  const auto first = static_cast<unsigned char>(bytes_[0]);
  const auto second = static_cast<unsigned char>(bytes_[1]);
  is_final = (first & final_bit) != 0;
  const unsigned int opcode = first & 0x0FU;
  if ((first & reserved_bits) != 0 || !is_known(opcode)) {
    throw BadAnswerError(fmt::format("a WebSocket frame that begins with 0x{:02x}", first));
  }
  if ((second & mask_bit) != 0) throw BadAnswerError("a masked WebSocket frame from a server");
  frame.opcode = static_cast<Opcode>(opcode);
  const std::size_t short_length = second & 0x7FU;
  if (is_control(frame.opcode) && (!is_final || short_length > max_control_payload)) {
    throw BadAnswerError("a WebSocket control frame that is too long or in parts");
  }
  const std::size_t n_length = short_length == length_in_2_bytes   ? 2
                               : short_length == length_in_8_bytes ? 8
                                                                   : 0;
  if (bytes_.size() < 2 + n_length) return false;
  const std::uint64_t n_payload =
      n_length == 0 ? short_length : big_endian(std::string_view(bytes_).substr(2, n_length));
  const std::size_t n_before = fragments_ ? fragments_->payload.size() : 0;
  if (!is_control(frame.opcode) && n_payload > max_payload_ - n_before) {
    throw BadAnswerError(fmt::format("a WebSocket message of more than {} bytes", max_payload_));
  }
  if (bytes_.size() < 2 + n_length + n_payload) return false;
  frame.payload = bytes_.substr(2 + n_length, static_cast<std::size_t>(n_payload));
  bytes_.erase(0, 2 + n_length + static_cast<std::size_t>(n_payload));
  return true;
}

std::optional<FrameReader::Frame> FrameReader::next() {
  bool is_final = false;
  Frame frame;
  while (read_frame(is_final, frame)) {
    if (is_control(frame.opcode)) return frame;
    if ((frame.opcode == Opcode::continuation) != fragments_.has_value()) {
      throw BadAnswerError("WebSocket fragments out of order");
    }
    if (fragments_) {
      fragments_->payload += frame.payload;
    } else {
      fragments_ = std::move(frame);
    }
    if (!is_final) continue;
    auto whole = std::move(fragments_);
    fragments_.reset();
    return whole;
  }
  return std::nullopt;
}

}  // namespace ranklog::http
