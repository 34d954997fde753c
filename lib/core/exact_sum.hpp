// Sums of doubles and of their products without any rounding: a long fixed-point accumulator after
// Kulisch & Snyder (2011), "The exact dot product as basic tool for long interval arithmetic", of
// which only the words in use are kept, like the sparse one of Neal (2015, arXiv:1505.05571).
// Adding is integer arithmetic, so its result does not depend on the order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <vector>

namespace ranklog {

// A number as a whole multiple of a power of two: +-magnitude * 2^exponent.
struct ExactFactor {
  std::uint64_t magnitude = 0;
  std::int32_t exponent = 0;
  bool is_negative = false;

  explicit ExactFactor(double finite);
  explicit ExactFactor(std::int64_t integer) noexcept;
};

class ExactSum {
 public:
  using Word = std::uint64_t;

  // Adds the product of the factors, of which there may be one to three.
  void add_product(std::initializer_list<ExactFactor> factors);
  void add(const ExactSum& other);
  void subtract(const ExactSum& other);

  [[nodiscard]] bool is_zero() const noexcept { return words_.empty(); }
  // The nearest double, ties to even; infinite only if the exact sum rounds to it. Zero is +0.
  [[nodiscard]] double rounded() const;

  friend ExactSum operator*(const ExactSum& a, const ExactSum& b);
  // Equal sums have equal words, whatever they were added up from.
  friend bool operator==(const ExactSum&, const ExactSum&) = default;

  // The value is `words`, as one integer in two's complement with the lowest word first, times
  // 2^(64 first_word).
  [[nodiscard]] std::int32_t first_word() const noexcept { return first_word_; }
  [[nodiscard]] std::span<const Word> words() const noexcept { return words_; }
  // Nothing if that is beyond any sum of at most 2^64 products of three doubles or int64.
  [[nodiscard]] static std::optional<ExactSum> from_words(std::int32_t first_word,
                                                          std::vector<Word> words);

  // |value| as an integer times 2^(64 first_word).
  struct Magnitude {
    std::vector<Word> words;
    std::int32_t first_word = 0;
    bool is_negative = false;
  };
  [[nodiscard]] Magnitude magnitude() const;

 private:
  void cover(std::int32_t first_word, std::size_t n_words);
  void add_words(std::int32_t first_word, std::span<const Word> words, Word extension);
  void subtract_words(std::int32_t first_word, std::span<const Word> words, Word extension);
  void trim();

  std::vector<Word> words_;  // of minimal length; empty: zero
  std::int32_t first_word_ = 0;
};

// The double nearest to a / b, ties to even; b is not zero. Zero is +0.
[[nodiscard]] double rounded_quotient(const ExactSum& a, const ExactSum& b);
// The square root of a / b, from the quotient rounded to 53 bits at any exponent; a is not
// negative, b is positive.
[[nodiscard]] double root_of_quotient(const ExactSum& a, const ExactSum& b);

}  // namespace ranklog
