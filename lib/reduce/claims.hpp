// What the ranks say of a key. Where they differ, the same two ranks are named whoever was heard
// first: the lowest of all, and the lowest that says something else.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ranklog/reduction.hpp"

namespace ranklog::reduce {

// Ranks disagreed; found on rank 0 and thrown on all ranks by a drain.
struct Conflict {
  std::int32_t rank = 0;  // the lowest rank that it concerns
  std::string text;
  friend bool operator==(const Conflict& a, const Conflict& b) noexcept {
    return a.rank == b.rank && a.text == b.text;
  }
  friend bool operator<(const Conflict& a, const Conflict& b) noexcept {
    return a.rank != b.rank ? a.rank < b.rank : a.text < b.text;
  }
};

// In the order in which disagreements are looked for.
enum class Aspect : std::uint8_t { kind, reduction, order, nan, unit, long_name, steps };
inline constexpr std::size_t n_aspects = 7;

// One rank's word on one aspect of a key.
struct Claim {
  Aspect aspect = Aspect::kind;
  std::uint8_t code = 0;  // Kind, Reduction, Order, NanPolicy, or whether rows carry steps; else 0
  std::int32_t rank = 0;
  std::string text = {};  // unit and long_name

  [[nodiscard]] bool says_same(const Claim& other) const noexcept {
    return aspect == other.aspect && code == other.code && text == other.text;
  }
};

[[nodiscard]] Claim claim(Kind kind, std::int32_t rank);
[[nodiscard]] Claim claim(Reduction reduction, std::int32_t rank);
[[nodiscard]] Claim claim_steps(bool has_steps, std::int32_t rank);
// Unit, name, order and treatment of NaN, which a rank leaves at the defaults if it declares none.
[[nodiscard]] std::array<Claim, 4> claims_of(const MetricOptions& options, std::int32_t rank);

// Whether the aspect exists and has such a code; for claims from other ranks.
[[nodiscard]] bool is_possible(const Claim& claim) noexcept;

// "logs integer", "reduces it by max": what follows "rank 3".
[[nodiscard]] std::string describe(const Claim& claim);

// The claims on one key. Of each aspect the two different ones of the lowest ranks are kept, which
// does not depend on the order in which claims come in.
class Claims {
 public:
  // True if that changed anything.
  bool add(Claim claim);
  [[nodiscard]] const std::vector<Claim>& all() const noexcept { return claims_; }
  // The claim that differs from what that rank says, of the lowest other rank; null if none does.
  [[nodiscard]] const Claim* against(const Claim& claim) const noexcept;
  // What the ranks disagree on; each aspect once only.
  [[nodiscard]] std::vector<Conflict> take_conflicts(std::string_view key);

 private:
  std::vector<Claim> claims_;
  std::array<bool, n_aspects> is_told_{};
};

}  // namespace ranklog::reduce
