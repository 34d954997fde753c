// Deterministic damage to bytes, for tests of what reads the files of others.
#pragma once

#include <cstddef>
#include <random>
#include <string>

namespace ranklog::test_support {

[[nodiscard]] inline std::size_t below(std::mt19937& random, std::size_t end) {
  return random() % end;
}

// Some bytes changed, removed or doubled, and the rest cut off.
[[nodiscard]] inline std::string damaged(std::string bytes, std::mt19937& random) {
  for (std::size_t n = below(random, 4); n > 0 && !bytes.empty(); --n) {
    const std::size_t at = below(random, bytes.size());
    switch (below(random, 3)) {
      case 0:
        bytes[at] = static_cast<char>(below(random, 256));
        break;
      case 1:
        bytes.erase(at, 1 + below(random, 8));
        break;
      default:
        bytes.insert(at, bytes.substr(at, 1 + below(random, 8)));
    }
  }
  bytes.resize(below(random, bytes.size() + 1));
  bytes.shrink_to_fit();  // so that the address sanitizer sees a read behind the end
  return bytes;
}

}  // namespace ranklog::test_support
