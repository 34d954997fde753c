#include "trackers/wandb/transaction_log.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "ranklog/error.hpp"

namespace ranklog::trackers::wandb {
namespace {

constexpr std::size_t chunk_header_bytes = 7;  // CRC-32, length of the data, type
enum ChunkType : unsigned { none = 0, full = 1, first = 2, middle = 3, last = 4 };

std::uint32_t checksum(unsigned type, std::string_view data) {
  const auto type_byte = static_cast<unsigned char>(type);
  const auto crc = ::crc32(0, &type_byte, 1);
  return static_cast<std::uint32_t>(
      ::crc32(crc, reinterpret_cast<const Bytef*>(data.data()), static_cast<uInt>(data.size())));
}

void append_chunk(unsigned type, std::string_view data, std::string& out) {
  const std::uint32_t crc = checksum(type, data);
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>((crc >> shift) & 0xffU);
  out += static_cast<char>(data.size() & 0xffU);
  out += static_cast<char>(data.size() >> 8);
  out += static_cast<char>(type);
  out += data;
}

unsigned chunk_type(bool is_first, bool is_last) {
  if (is_first) return is_last ? full : first;
  return is_last ? last : middle;
}

}  // namespace

void append_chunks(std::string_view record, std::size_t offset, std::string& out) {
  bool is_first = true;
  do {
    std::size_t room = block_bytes - offset % block_bytes;
    if (room < chunk_header_bytes) {
      out.append(room, '\0');
      offset += room;
      room = block_bytes;
    }
    const auto data = record.substr(0, room - chunk_header_bytes);
    record.remove_prefix(data.size());
    append_chunk(chunk_type(is_first, record.empty()), data, out);
    offset += chunk_header_bytes + data.size();
    is_first = false;
  } while (!record.empty());
}

LogScanner::LogScanner(const std::filesystem::path& path) : file_(path, std::ios::binary) {
  if (!file_) throw IoError(fmt::format("cannot read '{}'", path.string()));
  std::array<char, log_header.size()> header{};
  file_.read(header.data(), header.size());
  if (!file_ || std::string_view(header.data(), header.size()) != log_header) {
    throw FileFormatError(fmt::format("'{}' is not a W&B transaction log", path.string()));
  }
  offset_ = end_ = log_header.size();
}

bool LogScanner::next(std::string& record) {
  record.clear();
  unsigned type = read_chunk(record);
  if (type == first) {
    do {
      type = read_chunk(record);
    } while (type == middle);
    if (type != last) return false;
  } else if (type != full) {
    return false;
  }
  end_ = offset_;
  return true;
}

unsigned LogScanner::read_chunk(std::string& record) {
  std::size_t room = block_bytes - offset_ % block_bytes;
  if (room < chunk_header_bytes) {
    file_.ignore(static_cast<std::streamsize>(room));
    offset_ += room;
    room = block_bytes;
  }
  std::array<unsigned char, chunk_header_bytes> header{};
  file_.read(reinterpret_cast<char*>(header.data()), header.size());
  if (!file_) return none;
  const std::size_t n = header[4] + (std::size_t{header[5]} << 8);
  if (n > room - chunk_header_bytes) return none;
  const std::size_t begin = record.size();
  record.resize(begin + n);
  file_.read(record.data() + begin, static_cast<std::streamsize>(n));
  if (!file_) return none;
  std::uint32_t crc = 0;
  for (unsigned i = 0; i < 4; ++i) crc |= std::uint32_t{header[i]} << (8 * i);
  const unsigned type = header[6];
  if (crc != checksum(type, std::string_view(record).substr(begin))) return none;
  offset_ += chunk_header_bytes + n;
  return type;
}

}  // namespace ranklog::trackers::wandb
