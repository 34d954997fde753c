// The journal beside a run file: one redo record with everything that a flush changes in place.
// Described to the byte in docs/format.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hdf5/extent_map.hpp"

namespace ranklog::h5 {

// The journal of `run_file`: its name with ".journal" behind it.
[[nodiscard]] std::filesystem::path journal_path(const std::filesystem::path& run_file);

inline constexpr std::size_t journal_header_bytes = 80;
inline constexpr std::uint64_t journal_mark_offset = 64;

// What stands before the record's table. Numbers are little-endian in the file.
struct JournalHeader {
  std::uint32_t checksum = 0;
  std::uint64_t sequence = 0;      // counts the records of a run from 1
  std::uint64_t record_bytes = 0;  // header, table and bytes
  std::uint64_t file_bytes = 0;    // the run file is at least this long
  std::uint64_t n_extents = 0;
  std::string run_id;           // up to 16 characters
  std::uint64_t n_applied = 0;  // the sequence number of the last record that is in the run file

  friend bool operator==(const JournalHeader&, const JournalHeader&) = default;
};

// A record as it is written, ready to be applied: extents in the order in which they are to be
// written to the run file.
class JournalRecord {
 public:
  struct Place {
    std::uint64_t offset;
    std::uint64_t n_bytes;
  };

  JournalRecord() = default;
  // Extents are ordered by their turn, then by their place.
  JournalRecord(std::uint64_t sequence, std::uint64_t file_bytes, std::string_view run_id,
                const ExtentMap& extents);
  // Nothing if `bytes` do not begin with a whole record, or anything in it is out of bounds.
  [[nodiscard]] static std::optional<JournalRecord> decode(std::vector<std::byte> bytes);

  [[nodiscard]] const JournalHeader& header() const noexcept { return header_; }
  [[nodiscard]] std::span<const std::byte> encoded() const noexcept { return encoded_; }
  [[nodiscard]] std::size_t n_extents() const noexcept { return places_.size(); }
  [[nodiscard]] Place place(std::size_t i) const noexcept { return places_[i]; }
  [[nodiscard]] std::span<const std::byte> bytes(std::size_t i) const noexcept;

 private:
  [[nodiscard]] bool decode_places();

  JournalHeader header_;
  std::vector<std::byte> encoded_;
  std::vector<Place> places_;
  std::vector<std::size_t> positions_;  // of the bytes in encoded_
};

// What lies beside a run file.
struct ReadJournal {
  enum class State : std::uint8_t {
    absent,      // no journal, or an empty one
    incomplete,  // its record was never finished: the run file is as of the flush before
    applied,     // its record is in the run file
    pending,     // its record is complete, and the run file may hold any part of it
  };
  State state = State::absent;
  std::array<std::byte, journal_header_bytes> header_bytes{};  // to see that it has changed
  JournalRecord record;                                        // if pending
};

// Reads the journal of `run_file` as something that nobody vouches for. Never allocates more than
// the journal's size. Errors: std::system_error if it is there and cannot be read.
[[nodiscard]] ReadJournal read_journal(const std::filesystem::path& run_file);
// False if a writer has begun another record, or has removed the journal, since it was read.
[[nodiscard]] bool is_unchanged(const std::filesystem::path& run_file, const ReadJournal& journal);

// The eight bytes that say which record has been applied.
[[nodiscard]] std::array<std::byte, 8> encode_mark(std::uint64_t sequence) noexcept;

}  // namespace ranklog::h5
