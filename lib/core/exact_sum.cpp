#include "core/exact_sum.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

namespace ranklog {
namespace {

using Word = ExactSum::Word;
__extension__ typedef unsigned __int128 TwoWords;

constexpr int word_bits = 64;
constexpr int significand_bits = std::numeric_limits<double>::digits;
constexpr int lowest_exponent = -1074;  // of the last bit of a double
// Three factors have exponents of 3 * -1074 to 3 * 1024, and 2^64 of them carry one word more.
constexpr std::int32_t lowest_word = -51;
constexpr std::int32_t end_word = 51;

Word sign_of(Word top) noexcept { return (top >> 63U) != 0 ? ~Word{0} : Word{0}; }

// Division rounded towards minus infinity.
std::int32_t floor_word(std::int32_t exponent) noexcept {
  return exponent >= 0 ? exponent / word_bits : -((-exponent + word_bits - 1) / word_bits);
}

// A whole number of any length, lowest word first; only what dividing needs.
using Natural = std::vector<Word>;

int bit_length(const Natural& n) noexcept {
  for (std::size_t i = n.size(); i-- > 0;) {
    if (n[i] != 0) {
      return static_cast<int>(i) * word_bits + word_bits - std::countl_zero(n[i]);
    }
  }
  return 0;
}

// n * 2^shift in exactly n_words words, which must hold it.
Natural shifted(const Natural& n, int shift, std::size_t n_words) {
  Natural result(n_words, 0);
  const auto offset = static_cast<std::size_t>(shift / word_bits);
  const auto bits = static_cast<unsigned>(shift % word_bits);
  for (std::size_t i = 0; i < n.size() && i + offset < n_words; ++i) {
    result[i + offset] |= n[i] << bits;
    if (bits > 0 && i + offset + 1 < n_words) result[i + offset + 1] |= n[i] >> (word_bits - bits);
  }
  return result;
}

void double_it(Natural& n) noexcept {
  Word carry = 0;
  for (auto& word : n) carry = std::exchange(word, word << 1U | carry) >> 63U;
}

bool is_less(const Natural& a, const Natural& b) noexcept {
  return std::lexicographical_compare(a.rbegin(), a.rend(), b.rbegin(), b.rend());
}

void subtract_from(Natural& a, const Natural& b) noexcept {
  Word borrow = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const TwoWords difference = TwoWords{a[i]} - b[i] - borrow;
    a[i] = static_cast<Word>(difference);
    borrow = static_cast<Word>(difference >> word_bits) & 1U;
  }
}

// A positive number, significand * 2^exponent.
struct Rounded {
  std::uint64_t significand;
  int exponent;
};

// a / b to 53 bits, or fewer where the last one would be below `lowest`; ties to even. Long
// division, bit by bit: it runs once a row, not once a value.
Rounded divide(const ExactSum::Magnitude& a, const ExactSum::Magnitude& b, int lowest) {
  const int bits_a = bit_length(a.words);
  const int bits_b = bit_length(b.words);
  const int common_bits = std::max(bits_a, bits_b);
  // One word more than the bits need: the remainder is doubled before it is compared.
  const auto n_words = static_cast<std::size_t>(common_bits / word_bits + 2);
  Natural rest = shifted(a.words, common_bits - bits_a, n_words);
  const Natural divisor = shifted(b.words, common_bits - bits_b, n_words);
  int exponent = word_bits * (a.first_word - b.first_word) + bits_a - bits_b;
  if (is_less(rest, divisor)) {
    double_it(rest);
    --exponent;
  }
  // The quotient is in [2^exponent, 2^(exponent + 1)).
  const int last = std::max(exponent - significand_bits + 1, lowest);
  if (exponent < last - 1) return {0, last};
  const auto next_bit = [&]() -> std::uint64_t {
    const bool is_set = !is_less(rest, divisor);
    if (is_set) subtract_from(rest, divisor);
    double_it(rest);
    return is_set ? 1 : 0;
  };
  std::uint64_t significand = 0;
  for (int bit = exponent; bit >= last; --bit) significand = significand << 1U | next_bit();
  const bool is_half_or_more = next_bit() != 0;
  const bool is_more = bit_length(rest) > 0;
  if (is_half_or_more && (is_more || (significand & 1U) != 0)) ++significand;
  return {significand, last};
}

}  // namespace

ExactFactor::ExactFactor(double finite) : is_negative(std::signbit(finite)) {
  int binary_exponent = 0;
  const double fraction = std::frexp(std::abs(finite), &binary_exponent);
  magnitude = static_cast<std::uint64_t>(std::ldexp(fraction, significand_bits));
  exponent = binary_exponent - significand_bits;
}

ExactFactor::ExactFactor(std::int64_t integer) noexcept
    : magnitude(integer < 0 ? ~static_cast<std::uint64_t>(integer) + 1
                            : static_cast<std::uint64_t>(integer)),
      is_negative(integer < 0) {}

void ExactSum::add_product(std::initializer_list<ExactFactor> factors) {
  std::array<Word, 4> product{1};  // three words, and one to be shifted into
  std::int32_t exponent = 0;
  bool is_negative = false;
  for (const auto& factor : factors) {
    Word carry = 0;
    for (auto& word : product) {
      const TwoWords next = TwoWords{word} * factor.magnitude + carry;
      word = static_cast<Word>(next);
      carry = static_cast<Word>(next >> word_bits);
    }
    exponent += factor.exponent;
    is_negative = is_negative != factor.is_negative;
  }
  const std::int32_t first = floor_word(exponent);
  const auto shift = static_cast<unsigned>(exponent - first * word_bits);
  for (std::size_t i = product.size(); shift > 0 && i-- > 0;) {
    product[i] = product[i] << shift | (i > 0 ? product[i - 1] >> (word_bits - shift) : 0);
  }
  std::size_t n_words = product.size();
  while (n_words > 0 && product[n_words - 1] == 0) --n_words;
  if (n_words == 0) return;
  const std::span<const Word> used(product.data(), n_words);
  if (is_negative) {
    subtract_words(first, used, 0);
  } else {
    add_words(first, used, 0);
  }
  trim();
}

void ExactSum::add(const ExactSum& other) {
  if (other.is_zero()) return;
  add_words(other.first_word_, other.words_, sign_of(other.words_.back()));
  trim();
}

void ExactSum::subtract(const ExactSum& other) {
  if (other.is_zero()) return;
  subtract_words(other.first_word_, other.words_, sign_of(other.words_.back()));
  trim();
}

// Makes room for the words and, above them and what is there, for a sign.
void ExactSum::cover(std::int32_t first_word, std::size_t n_words) {
  if (words_.empty()) first_word_ = first_word;
  if (first_word < first_word_) {
    words_.insert(words_.begin(), static_cast<std::size_t>(first_word_ - first_word), 0);
    first_word_ = first_word;
  }
  const auto end = static_cast<std::size_t>(first_word - first_word_) + n_words;
  const Word sign = words_.empty() ? 0 : sign_of(words_.back());
  words_.resize(std::max(end, words_.size()) + 1, sign);
}

// `extension` stands for all words above those given.
void ExactSum::add_words(std::int32_t first_word, std::span<const Word> words, Word extension) {
  cover(first_word, words.size());
  Word carry = 0;
  const auto offset = static_cast<std::size_t>(first_word - first_word_);
  for (std::size_t i = offset; i < words_.size(); ++i) {
    const Word other = i - offset < words.size() ? words[i - offset] : extension;
    const TwoWords sum = TwoWords{words_[i]} + other + carry;
    words_[i] = static_cast<Word>(sum);
    carry = static_cast<Word>(sum >> word_bits);
  }
}

void ExactSum::subtract_words(std::int32_t first_word, std::span<const Word> words,
                              Word extension) {
  cover(first_word, words.size());
  Word borrow = 0;
  const auto offset = static_cast<std::size_t>(first_word - first_word_);
  for (std::size_t i = offset; i < words_.size(); ++i) {
    const Word other = i - offset < words.size() ? words[i - offset] : extension;
    const TwoWords difference = TwoWords{words_[i]} - other - borrow;
    words_[i] = static_cast<Word>(difference);
    borrow = static_cast<Word>(difference >> word_bits) & 1U;
  }
}

// Drops words that say nothing, so that one value has one form.
void ExactSum::trim() {
  while (words_.size() > 1 && words_.back() == sign_of(words_[words_.size() - 2])) {
    words_.pop_back();
  }
  const auto n_zeros =
      std::find_if(words_.begin(), words_.end(), [](Word word) { return word != 0; }) -
      words_.begin();
  words_.erase(words_.begin(), words_.begin() + n_zeros);
  first_word_ = words_.empty() ? 0 : first_word_ + static_cast<std::int32_t>(n_zeros);
}

std::optional<ExactSum> ExactSum::from_words(std::int32_t first_word, std::vector<Word> words) {
  if (words.size() > static_cast<std::size_t>(end_word - lowest_word)) return std::nullopt;
  if (first_word < lowest_word || first_word > end_word) return std::nullopt;
  if (first_word + static_cast<std::int32_t>(words.size()) > end_word) return std::nullopt;
  ExactSum sum;
  sum.first_word_ = first_word;
  sum.words_ = std::move(words);
  sum.trim();
  return sum;
}

ExactSum::Magnitude ExactSum::magnitude() const {
  Magnitude result{words_, first_word_, !words_.empty() && sign_of(words_.back()) != 0};
  if (!result.is_negative) return result;
  Word carry = 1;
  for (auto& word : result.words) {
    word = ~word + carry;
    carry = carry != 0 && word == 0 ? 1 : 0;
  }
  return result;
}

ExactSum operator*(const ExactSum& a, const ExactSum& b) {
  ExactSum product;
  if (a.is_zero() || b.is_zero()) return product;
  const auto x = a.magnitude();
  const auto y = b.magnitude();
  std::vector<Word> words(x.words.size() + y.words.size(), 0);
  for (std::size_t i = 0; i < x.words.size(); ++i) {
    Word carry = 0;
    for (std::size_t j = 0; j < y.words.size(); ++j) {
      const TwoWords next = TwoWords{x.words[i]} * y.words[j] + words[i + j] + carry;
      words[i + j] = static_cast<Word>(next);
      carry = static_cast<Word>(next >> word_bits);
    }
    words[i + y.words.size()] = carry;
  }
  const std::int32_t first = x.first_word + y.first_word;
  if (x.is_negative != y.is_negative) {
    product.subtract_words(first, words, 0);
  } else {
    product.add_words(first, words, 0);
  }
  product.trim();
  return product;
}

double ExactSum::rounded() const {
  ExactSum one;
  one.add_product({ExactFactor(std::int64_t{1})});
  return rounded_quotient(*this, one);
}

double rounded_quotient(const ExactSum& a, const ExactSum& b) {
  if (a.is_zero()) return 0;
  const auto x = a.magnitude();
  const auto y = b.magnitude();
  const Rounded quotient = divide(x, y, lowest_exponent);
  // Exact, or infinite: the significand has at most 53 bits, none of them below the lowest.
  const double value = std::ldexp(static_cast<double>(quotient.significand), quotient.exponent);
  return (x.is_negative != y.is_negative ? -value : value) + 0.0;  // no negative zero
}

double root_of_quotient(const ExactSum& a, const ExactSum& b) {
  if (a.is_zero()) return 0;
  const Rounded quotient = divide(a.magnitude(), b.magnitude(), std::numeric_limits<int>::min());
  const bool is_odd = quotient.exponent % 2 != 0;
  const auto significand = static_cast<double>(quotient.significand) * (is_odd ? 2 : 1);
  const int exponent = is_odd ? quotient.exponent - 1 : quotient.exponent;
  return std::ldexp(std::sqrt(significand), exponent / 2);
}

}  // namespace ranklog
