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
#include "reduce/claims.hpp"

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
  // How rows are merged and finished here: as this rank or the one that was heard first defines it.
  std::shared_ptr<MetricInfo> info;
  bool has_kind = false;  // false: only declared so far
  bool is_declared_here = false;
  bool is_logged_here = false;
  MetricOptions declared;             // by this rank
  Kind own_kind = Kind::real;         // where is_logged_here: as this rank logs it
  Reduction own_reduction{};          // likewise
  std::optional<bool> has_steps;      // whether rows of log() on all ranks carry steps
  Claims claims;                      // of the ranks known here
  bool are_claims_announced = false;  // all that stand in `claims`
  bool are_claims_listed = false;     // for take_conflicts()
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

// What a rank that logs a key means by it.
struct KeyDefinition {
  Kind kind = Kind::real;
  std::optional<Reduction> reduction;  // absent: as declared, or the default
  std::int32_t rank = 0;
  std::optional<bool> has_steps = {};  // absent: not a row of log() on all ranks
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

  // Why this rank cannot log a key like that after what it said of it before, or an empty string.
  [[nodiscard]] std::string why_not(LocalKey key, const KeyDefinition& definition) const;
  // Also where it is at odds with another rank: for rows that do not take part in the exchange.
  [[nodiscard]] std::string why_not_alone(LocalKey key, const KeyDefinition& definition) const;

  // This rank logs a key for which there is no why_not(). Settles what is not settled yet, at first
  // sight; where ranks differ, take_conflicts() says so.
  void define(LocalKey key, const KeyDefinition& definition);

  // Takes over a definition of another rank, where there is none; claims are added by themselves.
  void adopt(LocalKey key, const MetricInfo& info, bool has_steps);
  void add_claim(LocalKey key, Claim claim);

  // What the ranks known here disagree on, sorted; each aspect of a key once only, and no more than
  // the first max_conflicts.
  [[nodiscard]] std::vector<Conflict> take_conflicts();
  static constexpr std::size_t max_conflicts = 20;

 private:
  [[nodiscard]] static Reduction own_reduction(const KeyEntry& entry,
                                               const KeyDefinition& definition);

  std::vector<KeyEntry> entries_;
  std::vector<LocalKey> claimed_;  // keys with claims that take_conflicts() has not looked at
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
