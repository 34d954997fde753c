#include "tracking/reporter.hpp"

#include <cstdio>
#include <string>

namespace ranklog::tracking {

void report(std::string_view text) {
  std::string line = "ranklog: ";
  line += text;
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace ranklog::tracking
