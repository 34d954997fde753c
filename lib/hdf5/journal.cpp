#include "hdf5/journal.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "core/crc32c.hpp"
#include "hdf5/system_calls.hpp"

namespace ranklog::h5 {
namespace {

// As with PNG and HDF5: not text, and spoilt by what spoils line ends.
constexpr std::array<unsigned char, 8> magic{0x89, 'R', 'L', 'J', '\r', '\n', 0x1a, '\n'};
constexpr std::uint32_t journal_version = 1;
constexpr std::size_t run_id_bytes = 16;
constexpr std::size_t place_bytes = 16;
// The checksum covers [covered_begin, covered_end) and everything behind the header.
constexpr std::size_t covered_begin = 16;
constexpr std::size_t covered_end = 64;

template <class T>
void put(std::byte* at, T number) noexcept {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    at[i] = static_cast<std::byte>(number >> (8 * i));
  }
}

template <class T>
T get(const std::byte* at) noexcept {
  T number = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    number = static_cast<T>(number | (static_cast<T>(at[i]) << (8 * i)));
  }
  return number;
}

std::string_view text_of(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::uint32_t checksum_of(std::span<const std::byte> record) noexcept {
  const std::uint32_t of_header =
      crc32c(text_of(record.subspan(covered_begin, covered_end - covered_begin)));
  return crc32c(text_of(record.subspan(journal_header_bytes)), of_header);
}

// Nothing if the bytes are no header of a journal that this version knows.
std::optional<JournalHeader> decode_header(std::span<const std::byte> bytes) {
  if (std::memcmp(bytes.data(), magic.data(), magic.size()) != 0) return std::nullopt;
  if (get<std::uint32_t>(bytes.data() + 8) != journal_version) return std::nullopt;
  JournalHeader header;
  header.checksum = get<std::uint32_t>(bytes.data() + 12);
  header.sequence = get<std::uint64_t>(bytes.data() + 16);
  header.record_bytes = get<std::uint64_t>(bytes.data() + 24);
  header.file_bytes = get<std::uint64_t>(bytes.data() + 32);
  header.n_extents = get<std::uint64_t>(bytes.data() + 40);
  header.run_id = text_of(bytes.subspan(48, run_id_bytes));
  header.run_id.erase(std::min(header.run_id.find('\0'), header.run_id.size()));
  header.n_applied = get<std::uint64_t>(bytes.data() + journal_mark_offset);
  return header;
}

class OpenFile {
 public:
  explicit OpenFile(const std::filesystem::path& path)
      : descriptor_(system_calls().open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0)) {
    if (descriptor_ < 0 && errno != ENOENT && errno != ENOTDIR) {
      throw std::system_error(errno, std::generic_category(), path.filename().string());
    }
  }
  ~OpenFile() {
    if (descriptor_ >= 0) system_calls().close(descriptor_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  // True if all of `into` could be filled.
  [[nodiscard]] bool read(std::span<std::byte> into, std::uint64_t offset) const {
    if (descriptor_ < 0) return false;
    std::size_t n_read = 0;
    const int error = read_all(descriptor_, into, offset, &n_read);
    if (error != 0) throw std::system_error(error, std::generic_category(), "the journal");
    return n_read == into.size();
  }
  [[nodiscard]] std::uint64_t size() const {
    struct stat status {};
    if (descriptor_ < 0 || system_calls().fstat(descriptor_, &status) != 0) return 0;
    return S_ISREG(status.st_mode) ? static_cast<std::uint64_t>(status.st_size) : 0;
  }

 private:
  int descriptor_;
};

}  // namespace

std::filesystem::path journal_path(const std::filesystem::path& run_file) {
  std::filesystem::path path = run_file;
  path += ".journal";
  return path;
}

JournalRecord::JournalRecord(std::uint64_t sequence, std::uint64_t file_bytes,
                             std::string_view run_id, const ExtentMap& extents) {
  std::vector<const std::pair<const std::uint64_t, Extent>*> ordered;
  for (const auto& extent : extents.extents()) ordered.push_back(&extent);
  std::stable_sort(ordered.begin(), ordered.end(), [](const auto* one, const auto* other) {
    return one->second.turn < other->second.turn;
  });
  const std::size_t table_end = journal_header_bytes + place_bytes * ordered.size();
  encoded_.resize(table_end + extents.n_bytes());
  std::byte* place = encoded_.data() + journal_header_bytes;
  std::size_t position = table_end;
  for (const auto* const extent : ordered) {
    const auto& [offset, content] = *extent;
    put<std::uint64_t>(place, offset);
    put<std::uint64_t>(place + 8, content.bytes.size());
    place += place_bytes;
    std::copy(content.bytes.begin(), content.bytes.end(),
              encoded_.begin() + static_cast<std::ptrdiff_t>(position));
    places_.push_back({offset, content.bytes.size()});
    positions_.push_back(position);
    position += content.bytes.size();
  }
  std::byte* const header = encoded_.data();
  std::memcpy(header, magic.data(), magic.size());
  put<std::uint32_t>(header + 8, journal_version);
  put<std::uint64_t>(header + 16, sequence);
  put<std::uint64_t>(header + 24, encoded_.size());
  put<std::uint64_t>(header + 32, file_bytes);
  put<std::uint64_t>(header + 40, ordered.size());
  std::memcpy(header + 48, run_id.data(), std::min(run_id.size(), run_id_bytes));
  put<std::uint64_t>(header + journal_mark_offset, sequence - 1);
  put<std::uint32_t>(header + 12, checksum_of(encoded_));
  header_ = *decode_header(encoded_);
}

std::span<const std::byte> JournalRecord::bytes(std::size_t i) const noexcept {
  return std::span(encoded_).subspan(positions_[i], places_[i].n_bytes);
}

bool JournalRecord::decode_places() {
  const std::uint64_t n_bytes = encoded_.size();
  if (header_.n_extents > (n_bytes - journal_header_bytes) / place_bytes) return false;
  std::uint64_t position = journal_header_bytes + header_.n_extents * place_bytes;
  const std::byte* at = encoded_.data() + journal_header_bytes;
  for (std::uint64_t i = 0; i < header_.n_extents; ++i, at += place_bytes) {
    const auto offset = get<std::uint64_t>(at);
    const auto length = get<std::uint64_t>(at + 8);
    const std::uint64_t limit = header_.file_bytes;
    if (length > n_bytes - position || offset > limit || length > limit - offset) return false;
    places_.push_back({offset, length});
    positions_.push_back(position);
    position += length;
  }
  return position == n_bytes;
}

std::optional<JournalRecord> JournalRecord::decode(std::vector<std::byte> bytes) {
  if (bytes.size() < journal_header_bytes) return std::nullopt;
  const std::optional<JournalHeader> header = decode_header(bytes);
  if (!header || header->record_bytes < journal_header_bytes ||
      header->record_bytes > bytes.size()) {
    return std::nullopt;
  }
  bytes.resize(header->record_bytes);
  if (checksum_of(bytes) != header->checksum) return std::nullopt;
  JournalRecord record;
  record.header_ = *header;
  record.encoded_ = std::move(bytes);
  if (!record.decode_places()) return std::nullopt;
  return record;
}

ReadJournal read_journal(const std::filesystem::path& run_file) {
  ReadJournal journal;
  const OpenFile file(journal_path(run_file));
  const std::uint64_t size = file.size();
  if (size == 0) return journal;
  journal.state = ReadJournal::State::incomplete;
  if (!file.read(journal.header_bytes, 0)) return journal;
  const std::optional<JournalHeader> header = decode_header(journal.header_bytes);
  if (!header || header->record_bytes > size) return journal;
  if (header->n_applied == header->sequence) {
    journal.state = ReadJournal::State::applied;
    return journal;
  }
  std::vector<std::byte> bytes(header->record_bytes);
  if (!file.read(bytes, 0)) return journal;
  std::optional<JournalRecord> record = JournalRecord::decode(std::move(bytes));
  // A writer may have begun another record in between.
  if (!record || record->header().checksum != header->checksum) return journal;
  journal.record = std::move(*record);
  journal.state = ReadJournal::State::pending;
  return journal;
}

bool is_unchanged(const std::filesystem::path& run_file, const ReadJournal& journal) {
  // What a writer was in the middle of may by now be complete, under the same header.
  if (journal.state == ReadJournal::State::incomplete) {
    const ReadJournal now = read_journal(run_file);
    return now.state == journal.state && now.header_bytes == journal.header_bytes;
  }
  const OpenFile file(journal_path(run_file));
  std::array<std::byte, journal_header_bytes> now{};
  if (!file.read(now, 0)) return journal.state == ReadJournal::State::absent && file.size() == 0;
  // That a record has meanwhile been applied changes nothing for who reads it as pending.
  return std::equal(now.begin(), now.begin() + journal_mark_offset, journal.header_bytes.begin());
}

std::array<std::byte, 8> encode_mark(std::uint64_t sequence) noexcept {
  std::array<std::byte, 8> mark{};
  put<std::uint64_t>(mark.data(), sequence);
  return mark;
}

}  // namespace ranklog::h5
