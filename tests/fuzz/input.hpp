// Takes numbers and text from the bytes that a fuzzer gives; zeros when they are used up.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace ranklog::fuzz {

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t n_bytes) : data_(data), n_left_(n_bytes) {}

  [[nodiscard]] bool is_empty() const { return n_left_ == 0; }
  template <class T>
  [[nodiscard]] T take() {
    T value{};
    const std::size_t n = std::min(sizeof(T), n_left_);
    std::memcpy(&value, data_, n);
    skip(n);
    return value;
  }
  [[nodiscard]] std::size_t choose(std::size_t n) { return take<std::uint8_t>() % n; }
  // Up to 255 bytes.
  [[nodiscard]] std::string text() {
    const std::size_t n = std::min<std::size_t>(take<std::uint8_t>(), n_left_);
    std::string text(reinterpret_cast<const char*>(data_), n);
    skip(n);
    return text;
  }
  [[nodiscard]] std::string rest() {
    std::string text(reinterpret_cast<const char*>(data_), n_left_);
    skip(n_left_);
    return text;
  }

 private:
  void skip(std::size_t n) {
    data_ += n;
    n_left_ -= n;
  }
  const std::uint8_t* data_;
  std::size_t n_left_;
};

}  // namespace ranklog::fuzz
