// The framing of .wandb files, against bytes that W&B's own writers make.
#include <doctest/doctest.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "ranklog/error.hpp"
#include "support/scratch_directory.hpp"
#include "trackers/wandb/transaction_log.hpp"

namespace {

using namespace ranklog;
using namespace ranklog::test_support;
using namespace ranklog::trackers::wandb;

std::string log_of(const std::vector<std::string>& records) {
  std::string bytes(log_header);
  for (const std::string& record : records) append_chunks(record, bytes.size(), bytes);
  return bytes;
}

struct Scan {
  std::vector<std::string> records;
  std::size_t end = 0;
};

Scan scan(const std::string& bytes) {
  const ScratchDirectory directory;
  const auto path = directory.path() / "run.wandb";
  std::ofstream(path, std::ios::binary) << bytes;
  LogScanner scanner(path);
  Scan found;
  std::string record;
  while (scanner.next(record)) found.records.push_back(record);
  found.end = scanner.end();
  return found;
}

std::string bytes_of(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return out;
}

}  // namespace

TEST_CASE("records are framed in the bytes that W&B writes for them") {
  CHECK(log_of({}) == bytes_of("3a572642e1be00"));
  const auto framed = [](std::string_view record) {
    return log_of({bytes_of(record)}).substr(log_header.size());
  };
  CHECK(framed("") == bytes_of("1bdf05a5000001"));
  CHECK(framed("0801aa0100") == bytes_of("55b7a63f050001"
                                         "0801aa0100"));
  CHECK(framed("0804920100") == bytes_of("4ff30022050001"
                                         "0804920100"));
}

TEST_CASE("blocks are counted from the beginning of the file, header included") {
  CHECK(log_of({std::string(32754, 'x')}).size() == 32768);
  CHECK(log_of({std::string(32755, 'x')}).size() == 32768 + 7 + 1);
}

TEST_CASE("a header that does not fit the block is preceded by zeros") {
  const std::string bytes = log_of({std::string(32748, 'x'), "y"});
  CHECK(bytes.size() == 32768 + 7 + 1);
  CHECK(bytes.substr(32762, 6) == std::string(6, '\0'));
}

TEST_CASE("a header that just fits the block begins an empty first chunk") {
  const std::string bytes = log_of({std::string(32747, 'x'), "y"});
  CHECK(bytes.size() == 32768 + 7 + 1);
  CHECK(bytes.substr(32761 + 4, 3) == bytes_of("000002"));
}

TEST_CASE("records of all lengths around the block size are read as they were written") {
  std::vector<std::string> records;
  for (std::size_t n = 0; n < 40; ++n) {
    records.emplace_back(32700 + 2 * n, static_cast<char>('a' + n % 26));
    records.emplace_back(n, 'z');
  }
  records.emplace_back(200'000, 'b');
  const std::string bytes = log_of(records);
  const Scan found = scan(bytes);
  CHECK(found.records == records);
  CHECK(found.end == bytes.size());
}

TEST_CASE("a log cut at any byte gives its whole records") {
  const std::vector<std::string> records{"one", std::string(70'000, 'x'), "three"};
  const std::string bytes = log_of(records);
  const std::size_t end_of_first = log_of({records[0]}).size();
  const std::size_t end_of_second = log_of({records[0], records[1]}).size();
  for (std::size_t n = log_header.size(); n < bytes.size(); n += n < 64 ? 1 : 997) {
    const Scan found = scan(bytes.substr(0, n));
    const std::ptrdiff_t n_whole = n < end_of_first ? 0 : n < end_of_second ? 1 : 2;
    CAPTURE(n);
    REQUIRE(std::ssize(found.records) == n_whole);
    REQUIRE(found.end == log_of({records.begin(), records.begin() + n_whole}).size());
  }
}

TEST_CASE("reading ends at a flipped bit, at zeros and at a chunk longer than its block") {
  const std::string bytes = log_of({"one", "two"});
  for (std::size_t at = log_of({"one"}).size(); at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    REQUIRE(scan(damaged).records == std::vector<std::string>{"one"});
  }
  CHECK(scan(log_of({"one"}) + std::string(40'000, '\0')).records.size() == 1);
  CHECK(scan(log_of({"one"}) + std::string(40'000, '\xff')).records.size() == 1);
}

TEST_CASE("a middle without a first, and a first without a last, are no records") {
  const std::string two_blocks = log_of({std::string(40'000, 'x')});
  std::string tail = two_blocks;
  tail.erase(log_header.size(), 32768 - log_header.size());
  CHECK(scan(tail).records.empty());
  const std::string first = two_blocks.substr(0, 32768);
  CHECK(scan(first + two_blocks.substr(log_header.size())).records.empty());
}

TEST_CASE("a file that is no log, or only the beginning of one, is refused") {
  CHECK_THROWS_AS(scan(""), FileFormatError);
  CHECK_THROWS_AS(scan(":W&B"), FileFormatError);
  CHECK_THROWS_AS(scan("something else"), FileFormatError);
  CHECK_THROWS_AS(LogScanner("/no/such/file"), IoError);
}
