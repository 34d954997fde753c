// The metric keys that a rank knows, its own and those that ranks below it in the tree announced.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ranklog/record.hpp"

namespace ranklog::reduce {

// Index into one rank's KeyTable; never compared with another rank's.
enum class LocalKey : std::uint32_t {};

// A key's number on the way to the parent: 0, 1, 2, ... in the order of announcement.
enum class WireKey : std::uint32_t {};

// How far this rank's own rows of a key have come.
struct KeyProgress {
  bool is_logged = false;
  bool has_steps = false;  // rows are numbered by the caller
  std::int64_t last_step = 0;
  std::uint32_t n_repeats = 0;  // earlier rows with the same step
};

struct KeyEntry {
  std::shared_ptr<MetricInfo> info;
  bool has_kind = false;     // false: only declared so far
  bool is_explicit = false;  // the reduction was named, by declaration or in place
  bool is_declared_here = false;
  bool is_logged_here = false;
  std::optional<Reduction> declared_reduction;  // by this rank
  Order declared_order = Order::by_rank;        // likewise
  std::int32_t origin_rank = -1;                // the rank whose definition this is
  std::optional<bool> has_steps;                // whether rows of log() on all ranks carry steps
  std::int32_t steps_rank = -1;                 // the rank that said so first
  // Ranks of this rank's subtree that ever logged the key, this one included.
  std::int32_t n_expected = 0;
  double first_seen_s = -1;  // when its first row came here, on this rank's clock; -1: never
  std::optional<WireKey> wire_key;
  bool is_announced = false;
  std::int32_t n_announced = 0;  // n_expected as last told to the parent

  KeyProgress reduced;          // rows of log() on all ranks
  KeyProgress main_only;        // rows of log() with Scope::main_process
  KeyProgress direct;           // rows of TrackerHandle::log
  bool is_blocked = false;      // scratch of Assembler::settle
  std::uint64_t last_call = 0;  // scratch of Recorder: the call that named the key last
};

struct KeyDefinition {
  std::string_view key;
  Kind kind = Kind::real;
  std::optional<Reduction> reduction;  // absent: as declared, or the default
  std::int32_t rank = 0;
  std::optional<bool> has_steps = {};  // absent: not a row of log() on all ranks
  std::optional<Order> order = {};     // absent: as known
};

// Why a definition cannot stand beside what is known.
struct Contradiction {
  std::int32_t other_rank = 0;  // whose definition it contradicts; its own rank's if it is at odds
                                // with itself
  std::string text;
};

class KeyTable {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] KeyEntry& at(LocalKey key) { return entries_[static_cast<std::size_t>(key)]; }
  [[nodiscard]] const KeyEntry& at(LocalKey key) const {
    return entries_[static_cast<std::size_t>(key)];
  }
  [[nodiscard]] std::optional<LocalKey> find(std::string_view key) const;

  // Grows when the parent has to be told something: a key, or that more ranks have logged it.
  [[nodiscard]] std::uint64_t version() const noexcept { return version_; }
  void note_change() noexcept { ++version_; }

  // The key's entry, made if it is new. Throws InvalidKeyError for a new key with a bad name; the
  // keys of our own metrics are good names here.
  LocalKey intern(std::string_view key);

  // Declares reduction, unit and name. Throws ConflictError if the key is known differently.
  void declare(std::string_view key, const MetricOptions& options, std::int32_t rank);

  // Settles kind, reduction and use of steps at first sight. Later: what `definition` contradicts.
  [[nodiscard]] std::optional<Contradiction> define(LocalKey key, const KeyDefinition& definition);

  // Takes over a definition of another rank, with unit and name; else as define().
  [[nodiscard]] std::optional<Contradiction> adopt(LocalKey key, const MetricInfo& info,
                                                   const KeyDefinition& definition);

 private:
  [[nodiscard]] std::optional<Contradiction> define_type(KeyEntry& entry,
                                                         const KeyDefinition& definition);

  std::vector<KeyEntry> entries_;
  std::uint64_t version_ = 1;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  std::unordered_map<std::string, LocalKey, Hash, std::equal_to<>> by_name_;
};

[[nodiscard]] Reduction default_reduction(Kind kind) noexcept;
// Why values of that kind cannot be reduced that way, or an empty string.
[[nodiscard]] std::string why_not_reducible(Kind kind, Reduction reduction);

}  // namespace ranklog::reduce
