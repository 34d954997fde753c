// Tables that a kill or a user changed: resuming cuts them to whole rows or leaves them alone.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "ranklog/error.hpp"
#include "support/damage.hpp"
#include "support/scratch_directory.hpp"
#include "support/tracker_records.hpp"
#include "trackers/dvclive/tsv.hpp"

using namespace ranklog;
using namespace ranklog::test_support;

TEST_CASE("a damaged table is cut to whole rows, or refused and left as it is") {
  std::mt19937 random(2);
  const ScratchDirectory directory;
  const auto path = directory.path() / "loss.tsv";
  const std::string whole = "step\tloss\n0\t1.0\n1\t\"a\tb\n\"\"c\"\n2\tnan\n3\t1e-05\n";
  for (int i = 0; i < 300; ++i) {
    const std::string before = damaged(whole, random);
    std::ofstream(path, std::ios::binary) << before;
    try {
      const auto last = trackers::dvclive::cut_tsv(path, "loss", 3);
      REQUIRE(last.has_value() == std::filesystem::exists(path));
      if (!last) continue;
      const std::string after = contents_of(path);
      CHECK(before.starts_with(after));
      CHECK(after.ends_with('\n'));
      CHECK(trackers::dvclive::cut_tsv(path, "loss", 3) == last);
      CHECK(contents_of(path) == after);
    } catch (const FileFormatError&) {
      CHECK(contents_of(path) == before);
    }
  }
}
