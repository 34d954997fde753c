#include "trackers/aim/aim_hash.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "ranklog/error.hpp"
#include "trackers/aim/aim_tree.hpp"

namespace ranklog::trackers::aim {
namespace {

constexpr std::int64_t hash_of_null = 1393794177995070132;
constexpr std::int64_t number_salt = -7494597716789683807;
constexpr std::int64_t array_salt = 2965039128708897743;
constexpr std::int64_t object_salt = -2435585119574290752;
constexpr std::int64_t text_salt = 7540324813251503183;

void append(std::string& bytes, std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(bits >> (8 * i) & 0xFFU);
}

// BLAKE2b of 8 bytes without a key, salted.
std::int64_t digest(std::string_view bytes, std::int64_t salt) {
  std::array<unsigned char, crypto_generichash_blake2b_SALTBYTES> salt_bytes{};
  std::string salt_text;
  append(salt_text, salt);
  std::copy(salt_text.begin(), salt_text.end(), salt_bytes.begin());
  std::array<unsigned char, 8> out{};
  if (crypto_generichash_blake2b_salt_personal(
          out.data(), out.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
          bytes.size(), nullptr, 0, salt_bytes.data(), nullptr) != 0) {
    throw TrackerUnavailableError("libsodium cannot compute a BLAKE2b digest of 8 bytes");
  }
  std::uint64_t value = 0;
  for (std::size_t i = out.size(); i-- > 0;) value = value << 8 | out[i];
  return static_cast<std::int64_t>(value);
}

// The value modulo 2^61 - 1, with its sign: the numeric hash of Python's reference, "Hashing of
// numeric types", without its exception for -1.
std::int64_t numeric_hash(double value) {
  constexpr int n_bits = 61;
  constexpr int n_chunk = 28;
  constexpr std::uint64_t modulus = (std::uint64_t{1} << n_bits) - 1;
  constexpr std::int64_t hash_of_infinity = 314159;
  if (std::isnan(value)) return 0;
  if (std::isinf(value)) return value > 0 ? hash_of_infinity : -hash_of_infinity;
  const auto rotated = [](std::uint64_t x, int n) {
    return (x << n & modulus) | x >> (n_bits - n);
  };
  int exponent = 0;
  double fraction = std::frexp(std::fabs(value), &exponent);
  std::uint64_t hash = 0;
  while (fraction > 0) {
    hash = rotated(hash, n_chunk);
    fraction = std::ldexp(fraction, n_chunk);
    exponent -= n_chunk;
    const double whole = std::floor(fraction);
    fraction -= whole;
    hash += static_cast<std::uint64_t>(whole);
    if (hash >= modulus) hash -= modulus;
  }
  hash = rotated(hash, (exponent % n_bits + n_bits) % n_bits);
  return value < 0 ? -static_cast<std::int64_t>(hash) : static_cast<std::int64_t>(hash);
}

std::int64_t hash_number(double value) {
  std::string bytes;
  append(bytes, numeric_hash(value));
  return digest(bytes, number_salt);
}

std::int64_t hash_text(std::string_view text) { return digest(decodable(text), text_salt); }

std::int64_t hash_array(const std::vector<std::int64_t>& elements) {
  std::string bytes;
  for (const auto element : elements) append(bytes, element);
  return digest(bytes, array_salt);
}

std::int64_t hash_object(const Config& object) {
  std::vector<std::pair<std::int64_t, std::int64_t>> members;  // hashes of keys and values
  for (const auto& item : object.items()) {
    members.emplace_back(hash_text(item.key), hash_of(item.value));
  }
  std::sort(members.begin(), members.end());
  std::string bytes;
  for (const auto& [key, value] : members) append(bytes, hash_array({key, value}));
  return digest(bytes, object_salt);
}

}  // namespace

std::int64_t hash_of(const ConfigValue& value) {
  if (const auto* flag = value.get_if<bool>()) return hash_number(*flag ? 1 : 0);
  if (const auto* whole = value.get_if<std::int64_t>()) {
    return hash_number(static_cast<double>(*whole));
  }
  if (const auto* number = value.get_if<double>()) return hash_number(*number);
  if (const auto* text = value.get_if<std::string>()) return hash_text(*text);
  if (const auto* object = value.get_if<Config>()) return hash_object(*object);
  const auto* list = value.get_if<ConfigValue::List>();
  if (list == nullptr) return hash_of_null;
  std::vector<std::int64_t> elements;
  elements.reserve(list->size());
  for (const auto& element : *list) elements.push_back(hash_of(element));
  return hash_array(elements);
}

}  // namespace ranklog::trackers::aim
