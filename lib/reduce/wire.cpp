#include "reduce/wire.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "ranklog/error.hpp"

namespace ranklog::reduce {

void WireWriter::append(const void* data, std::size_t n_bytes) {
  if (n_bytes == 0) return;
  const std::size_t n_before = bytes_.size();
  if (n_before + n_bytes > bytes_.capacity()) {
    bytes_.reserve(std::max(n_before + n_bytes, 2 * bytes_.capacity()));
  }
  const auto* begin = static_cast<const std::byte*>(data);
  bytes_.insert(bytes_.end(), begin, begin + n_bytes);
}

void WireWriter::put_text(std::string_view text) {
  put_array(std::span<const char>(text.data(), text.size()));
}

std::string WireReader::get_text() {
  const auto n = get_count(1);
  const auto bytes = take(n);
  std::string text(n, '\0');
  if (n > 0) std::memcpy(text.data(), bytes.data(), n);
  return text;
}

std::size_t WireReader::get_count(std::size_t min_bytes_each) {
  const auto n = std::size_t{get<std::uint32_t>()};
  if (n * min_bytes_each > rest_.size()) reject("a length exceeds the message");
  return n;
}

void WireReader::reject(std::string_view why) const {
  throw CommunicationError(
      fmt::format("{} cannot be read: {}; are all ranks of the job linked to "
                  "the same version of ranklog?",
                  what_, why));
}

std::span<const std::byte> WireReader::take(std::size_t n_bytes) {
  if (n_bytes > rest_.size()) reject("it ends too early");
  const auto taken = rest_.first(n_bytes);
  rest_ = rest_.subspan(n_bytes);
  return taken;
}

}  // namespace ranklog::reduce
