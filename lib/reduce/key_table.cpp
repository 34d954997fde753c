#include "reduce/key_table.hpp"

#include <fmt/format.h>

#include "core/text.hpp"
#include "ranklog/error.hpp"
#include "ranklog/key.hpp"

namespace ranklog::reduce {

Reduction default_reduction(Kind kind) noexcept {
  return kind == Kind::text ? Reduction::first : Reduction::mean;
}

std::string why_not_reducible(Kind kind, Reduction reduction) {
  const bool is_possible = kind != Kind::text || reduction == Reduction::first ||
                           reduction == Reduction::last || reduction == Reduction::gather;
  if (is_possible) return {};
  return fmt::format("text has no {}; use first, last or gather", to_string(reduction));
}

std::optional<LocalKey> KeyTable::find(std::string_view key) const {
  const auto found = by_name_.find(key);
  if (found == by_name_.end()) return std::nullopt;
  return found->second;
}

LocalKey KeyTable::intern(std::string_view key) {
  if (const auto known = find(key)) return *known;
  validate_key(key);
  const auto id = static_cast<LocalKey>(entries_.size());
  KeyEntry entry;
  entry.info = std::make_shared<MetricInfo>();
  entry.info->key = key;
  entry.info->index = static_cast<std::uint32_t>(id);
  entries_.push_back(std::move(entry));
  by_name_.emplace(key, id);
  return id;
}

void KeyTable::declare(std::string_view key, const MetricOptions& options, std::int32_t rank) {
  KeyEntry& entry = at(intern(key));
  MetricInfo& info = *entry.info;
  const bool is_new = !entry.has_kind && entry.origin_rank < 0;
  if (!is_new) {
    const bool is_same = (!options.reduce || *options.reduce == info.reduction) &&
                         options.nan == info.nan && options.unit == info.unit &&
                         options.long_name == info.long_name;
    if (is_same) return;
    throw ConflictError(
        fmt::format("define_metric('{}') on rank {}: the key was {} already, differently; declare "
                    "it once, before "
                    "it is logged",
                    escape_unprintable(key), rank, entry.has_kind ? "logged" : "declared"));
  }
  if (options.reduce) info.reduction = *options.reduce;
  entry.is_explicit = options.reduce.has_value();
  info.nan = options.nan;
  info.unit = options.unit;
  info.long_name = options.long_name;
  entry.origin_rank = rank;
}

std::string KeyTable::define(LocalKey key, const KeyDefinition& definition) {
  KeyEntry& entry = at(key);
  MetricInfo& info = *entry.info;
  if (!entry.has_kind) {
    const Reduction wanted = definition.reduction.value_or(
        entry.is_explicit ? info.reduction : default_reduction(definition.kind));
    if (entry.is_explicit && wanted != info.reduction) {
      return fmt::format("it was declared with reduction {} and is logged with {}",
                         to_string(info.reduction), to_string(wanted));
    }
    if (auto why = why_not_reducible(definition.kind, wanted); !why.empty()) return why;
    info.kind = definition.kind;
    info.reduction = wanted;
    entry.has_kind = true;
    entry.is_explicit = entry.is_explicit || definition.reduction.has_value();
    entry.origin_rank = definition.rank;
    return {};
  }
  if (info.kind != definition.kind) {
    return fmt::format("rank {} logged {}, rank {} logs {}", entry.origin_rank,
                       to_string(info.kind), definition.rank, to_string(definition.kind));
  }
  if (definition.reduction && *definition.reduction != info.reduction) {
    return fmt::format("rank {} reduces it by {}, rank {} by {}", entry.origin_rank,
                       to_string(info.reduction), definition.rank,
                       to_string(*definition.reduction));
  }
  return {};
}

std::string KeyTable::adopt(LocalKey key, const MetricInfo& info, std::int32_t origin_rank) {
  KeyEntry& entry = at(key);
  if (!entry.has_kind && entry.origin_rank < 0) {
    const auto index = entry.info->index;
    *entry.info = info;
    entry.info->index = index;
    entry.has_kind = true;
    entry.origin_rank = origin_rank;
    return {};
  }
  return define(key, {info.key, info.kind, info.reduction, origin_rank});
}

}  // namespace ranklog::reduce
