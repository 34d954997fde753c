#include "reduce/claims.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/text.hpp"

namespace ranklog::reduce {
namespace {

// One more than the greatest code of each aspect.
constexpr std::array<std::uint8_t, n_aspects> n_codes{
    static_cast<std::uint8_t>(Kind::text) + 1,
    static_cast<std::uint8_t>(Reduction::gather) + 1,
    static_cast<std::uint8_t>(Order::reproducible) + 1,
    static_cast<std::uint8_t>(NanPolicy::skip) + 1,
    1,
    1,
    2};

std::string given(std::string_view what, std::string_view text) {
  if (text.empty()) return fmt::format("gives it no {}", what);
  return fmt::format("gives it the {} '{}'", what, escape_unprintable(text));
}

}  // namespace

Claim claim(Kind kind, std::int32_t rank) {
  return {Aspect::kind, static_cast<std::uint8_t>(kind), rank};
}

Claim claim(Reduction reduction, std::int32_t rank) {
  return {Aspect::reduction, static_cast<std::uint8_t>(reduction), rank};
}

Claim claim_steps(bool has_steps, std::int32_t rank) {
  return {Aspect::steps, static_cast<std::uint8_t>(has_steps ? 1 : 0), rank};
}

std::array<Claim, 4> claims_of(const MetricOptions& options, std::int32_t rank) {
  return {Claim{Aspect::order, static_cast<std::uint8_t>(options.order), rank},
          Claim{Aspect::nan, static_cast<std::uint8_t>(options.nan), rank},
          Claim{Aspect::unit, 0, rank, options.unit},
          Claim{Aspect::long_name, 0, rank, options.long_name}};
}

bool is_possible(const Claim& claim) noexcept {
  const auto aspect = static_cast<std::size_t>(claim.aspect);
  if (aspect >= n_aspects || claim.code >= n_codes[aspect]) return false;
  return claim.text.empty() || claim.aspect == Aspect::unit || claim.aspect == Aspect::long_name;
}

std::string describe(const Claim& claim) {
  switch (claim.aspect) {
    case Aspect::kind:
      return fmt::format("logs {}", to_string(static_cast<Kind>(claim.code)));
    case Aspect::reduction:
      return fmt::format("reduces it by {}", to_string(static_cast<Reduction>(claim.code)));
    case Aspect::order:
      return fmt::format("adds it up in the order {}", to_string(static_cast<Order>(claim.code)));
    case Aspect::nan:
      return static_cast<NanPolicy>(claim.code) == NanPolicy::skip ? "skips NaN" : "propagates NaN";
    case Aspect::unit:
      return given("unit", claim.text);
    case Aspect::long_name:
      return given("name", claim.text);
    case Aspect::steps:
      return claim.code != 0 ? "logs it with a step" : "logs it without a step";
  }
  return {};
}

bool Claims::add(Claim claim) {
  const auto same = std::find_if(claims_.begin(), claims_.end(),
                                 [&](const Claim& known) { return known.says_same(claim); });
  if (same != claims_.end()) {
    if (same->rank <= claim.rank) return false;
    same->rank = claim.rank;
    return true;
  }
  const Aspect aspect = claim.aspect;
  claims_.push_back(std::move(claim));
  const auto n = std::count_if(claims_.begin(), claims_.end(),
                               [&](const Claim& known) { return known.aspect == aspect; });
  if (n <= 2) return true;
  auto highest = claims_.end();
  for (auto it = claims_.begin(); it != claims_.end(); ++it) {
    if (it->aspect != aspect) continue;
    if (highest == claims_.end() || it->rank >= highest->rank) highest = it;
  }
  const bool is_new = highest == std::prev(claims_.end());
  claims_.erase(highest);
  return !is_new;
}

const Claim* Claims::against(const Claim& claim) const noexcept {
  const Claim* lowest = nullptr;
  for (const auto& known : claims_) {
    if (known.aspect != claim.aspect || known.rank == claim.rank || known.says_same(claim)) {
      continue;
    }
    if (lowest == nullptr || known.rank < lowest->rank) lowest = &known;
  }
  return lowest;
}

std::vector<Conflict> Claims::take_conflicts(std::string_view key) {
  std::vector<Conflict> conflicts;
  bool is_kind_disputed = false;
  for (std::size_t a = 0; a < n_aspects; ++a) {
    std::vector<const Claim*> said;
    for (const auto& claim : claims_) {
      if (claim.aspect == static_cast<Aspect>(a)) said.push_back(&claim);
    }
    if (said.size() < 2) continue;
    if (said[1]->rank < said[0]->rank) std::swap(said[0], said[1]);
    // Another type brings another default reduction along, which would be said twice.
    const bool is_consequence = static_cast<Aspect>(a) == Aspect::reduction && is_kind_disputed;
    is_kind_disputed = is_kind_disputed || static_cast<Aspect>(a) == Aspect::kind;
    if (std::exchange(is_told_[a], true) || is_consequence) continue;
    conflicts.push_back(
        {said[0]->rank,
         fmt::format("metric '{}': rank {} {}, rank {} {}", escape_unprintable(key), said[0]->rank,
                     describe(*said[0]), said[1]->rank, describe(*said[1]))});
  }
  return conflicts;
}

}  // namespace ranklog::reduce
