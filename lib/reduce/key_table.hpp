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

// How far this rank's own rows of a key have come.
struct KeyProgress {
  bool is_logged = false;
  bool has_steps = false;  // rows are numbered by the caller
  std::int64_t last_step = 0;
  std::uint32_t n_repeats = 0;  // earlier rows with the same step
};

struct KeyEntry {
  std::shared_ptr<MetricInfo> info;
  bool has_kind = false;          // false: only declared so far
  bool is_explicit = false;       // the reduction was named, by declaration or in place
  std::int32_t origin_rank = -1;  // the rank whose definition this is
  // Ranks of this rank's subtree that ever logged the key, this one included.
  std::int32_t n_expected = 0;
  double first_seen_s = 0;  // on this rank's steady clock
  bool is_announced = false;
  std::int32_t n_announced = 0;  // n_expected as last told to the parent

  KeyProgress reduced;    // rows of log() on all ranks
  KeyProgress main_only;  // rows of log() with Scope::main_process
  bool is_blocked = false;        // scratch of Assembler::settle
  std::uint64_t last_call = 0;    // scratch of Recorder: the call that named the key last
};

struct KeyDefinition {
  std::string_view key;
  Kind kind = Kind::real;
  std::optional<Reduction> reduction;  // absent: as declared, or the default
  std::int32_t rank = 0;
};

class KeyTable {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] KeyEntry& at(LocalKey key) { return entries_[static_cast<std::size_t>(key)]; }
  [[nodiscard]] const KeyEntry& at(LocalKey key) const {
    return entries_[static_cast<std::size_t>(key)];
  }
  [[nodiscard]] std::optional<LocalKey> find(std::string_view key) const;

  // The key's entry, made if it is new. Throws InvalidKeyError for a new key with a bad name.
  LocalKey intern(std::string_view key);

  // Declares reduction, unit and name. Throws ConflictError if the key is known differently.
  void declare(std::string_view key, const MetricOptions& options, std::int32_t rank);

  // Settles kind and reduction at first sight. Later: the reason why `definition` contradicts
  // what is known, or an empty string.
  [[nodiscard]] std::string define(LocalKey key, const KeyDefinition& definition);

  // Takes over a definition of another rank; returns the contradiction as define() does.
  [[nodiscard]] std::string adopt(LocalKey key, const MetricInfo& info, std::int32_t origin_rank);

 private:
  std::vector<KeyEntry> entries_;
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
