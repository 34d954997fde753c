// Owning dictionaries and the parts of Value that are too long for the header.
#include <fmt/format.h>

#include <deque>
#include <unordered_map>

#include "ranklog/error.hpp"
#include "ranklog/value.hpp"

namespace ranklog {
namespace detail {

void throw_unsigned_too_large(unsigned long long value) {
  throw InvalidValueError(fmt::format(
      "the unsigned value {} does not fit into int64; log it as double if rounding is acceptable",
      value));
}

}  // namespace detail

double NumberSpan::real(std::size_t index) const noexcept {
  switch (element) {
    case Element::f64:
      return static_cast<const double*>(data)[index];
    case Element::f32:
      return static_cast<double>(static_cast<const float*>(data)[index]);
    case Element::i64:
      return static_cast<double>(static_cast<const std::int64_t*>(data)[index]);
    case Element::i32:
      return static_cast<double>(static_cast<const std::int32_t*>(data)[index]);
  }
  return 0;
}

std::int64_t NumberSpan::integer(std::size_t index) const noexcept {
  if (element == Element::i64) return static_cast<const std::int64_t*>(data)[index];
  if (element == Element::i32) return static_cast<const std::int32_t*>(data)[index];
  return static_cast<std::int64_t>(real(index));
}

// What an item of a Dict borrows from: each item owns its parts, at addresses that do not change.
struct Dict::Storage {
  struct Owned {
    std::string key;
    std::string text;
    std::vector<double> reals;
    std::vector<std::int64_t> integers;
    std::unique_ptr<Dict> nested;
  };
  std::deque<Owned> owned;
  std::vector<Item> items;
  std::unordered_map<std::string, std::size_t> index_of;
};

Dict::Dict() : storage_(std::make_unique<Storage>()) {}
Dict::~Dict() = default;
Dict::Dict(Dict&& other) noexcept = default;
Dict& Dict::operator=(Dict&& other) noexcept = default;

Dict::Dict(const Dict& other) : Dict() {
  for (const auto& item : other.items()) set(item.key, item.value);
}

Dict& Dict::operator=(const Dict& other) {
  if (this != &other) *this = Dict(other);
  return *this;
}

namespace {

Value with_marks_of(const Value& marked, Value plain) {
  if (marked.reduction()) plain = plain.with(*marked.reduction());
  return plain.weighted(marked.weight());
}

template <class T>
std::vector<T> copy_numbers(const NumberSpan& span,
                            T (NumberSpan::*read)(std::size_t) const noexcept) {
  std::vector<T> out(span.n);
  for (std::size_t i = 0; i < span.n; ++i) out[i] = (span.*read)(i);
  return out;
}

}  // namespace

Dict& Dict::set(std::string_view key, const Value& value) {
  Storage::Owned owned;
  owned.key = key;
  if (value.tag() == Value::Tag::text) owned.text = value.text();
  if (value.tag() == Value::Tag::numbers) {
    if (value.numbers().is_integer()) {
      owned.integers = copy_numbers(value.numbers(), &NumberSpan::integer);
    } else {
      owned.reals = copy_numbers(value.numbers(), &NumberSpan::real);
    }
  }
  if (value.tag() == Value::Tag::nested) {
    owned.nested = std::make_unique<Dict>();
    for (const auto& item : value.nested()) owned.nested->set(item.key, item.value);
  }

  if (!storage_) storage_ = std::make_unique<Storage>();  // it was moved from
  auto& storage = *storage_;
  const std::size_t index =
      storage.index_of.try_emplace(owned.key, storage.items.size()).first->second;
  if (index == storage.items.size()) {
    storage.owned.push_back(std::move(owned));
  } else {
    storage.owned[index] = std::move(owned);
  }
  auto& kept = storage.owned[index];

  Value borrowed = value;
  if (value.tag() == Value::Tag::text) borrowed = Value(std::string_view(kept.text));
  if (value.tag() == Value::Tag::numbers) {
    borrowed = value.numbers().is_integer() ? Value(kept.integers) : Value(kept.reals);
  }
  if (value.tag() == Value::Tag::nested) borrowed = Value(*kept.nested);
  const Item item(kept.key, with_marks_of(value, borrowed));
  if (index == storage.items.size()) {
    storage.items.push_back(item);
  } else {
    storage.items[index] = item;
  }
  return *this;
}

std::size_t Dict::size() const noexcept { return storage_ ? storage_->items.size() : 0; }

bool Dict::contains(std::string_view key) const {
  return storage_ && storage_->index_of.contains(std::string(key));
}

std::span<const Item> Dict::items() const noexcept {
  if (!storage_) return {};
  return storage_->items;
}

Value::Value(const Dict& nested) : tag_(Tag::nested) {
  nested_ = {nested.items().data(), nested.items().size()};
}

Values::Values(const Dict& dict) : items_(dict.items()) {}

}  // namespace ranklog
