// What neighbours tell each other of themselves, and the sentences made of it.
#include "reduce/pulse.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>

#include "ranklog/error.hpp"

using namespace ranklog::reduce;  // NOLINT: a test
using ranklog::Bytes;
using ranklog::CommunicationError;
using ranklog::WatchdogPolicy;

namespace {

Sighting at_step(std::int64_t step) {
  return {Sighting::Doing::log, true, step, "train.cpp:88", "node17"};
}

}  // namespace

TEST_CASE("a pulse arrives as it was sent, and the next ones without what has not changed") {
  PulseWriter writer;
  PulseReader reader;
  const Bytes first = writer.write({Pulse::End::none, at_step(4)});
  const Bytes second = writer.write({Pulse::End::closes, at_step(5)});
  CHECK(second.size() + std::string("train.cpp:88node17").size() <= first.size());
  CHECK(reader.read(first, 1).sighting.step == 4);
  const auto pulse = reader.read(second, 1);
  CHECK(pulse.end == Pulse::End::closes);
  CHECK(pulse.sighting.step == 5);
  CHECK(pulse.sighting.call_site == "train.cpp:88");
  CHECK(pulse.sighting.host == "node17");
  auto elsewhere = at_step(6);
  elsewhere.call_site = "eval.cpp:12";
  CHECK(reader.read(writer.write({Pulse::End::none, elsewhere}), 1).sighting.call_site ==
        "eval.cpp:12");
}

TEST_CASE("of a long path the end is told") {
  PulseWriter writer;
  PulseReader reader;
  auto sighting = at_step(1);
  sighting.call_site = "/" + std::string(1000, 'd') + "/train.cpp:88";
  const auto seen = reader.read(writer.write({Pulse::End::none, sighting}), 1).sighting.call_site;
  CHECK(seen.size() < 200);
  CHECK(seen.ends_with("/train.cpp:88"));
}

TEST_CASE("a pulse or notice that is cut short or scrambled is refused") {
  PulseWriter writer;
  const Bytes pulse = writer.write({Pulse::End::none, at_step(4)});
  const Bytes notice = write_notice({{3, false, 61.0}, at_step(4)});
  for (std::size_t n = 0; n < pulse.size(); ++n) {
    PulseReader reader;
    const Bytes torn(pulse.begin(), pulse.begin() + static_cast<std::ptrdiff_t>(n));
    CHECK_THROWS_AS((void)reader.read(torn, 1), CommunicationError);
  }
  for (std::size_t n = 0; n < notice.size(); ++n) {
    const Bytes torn(notice.begin(), notice.begin() + static_cast<std::ptrdiff_t>(n));
    CHECK_THROWS_AS((void)read_notice(torn, 1), CommunicationError);
  }
  std::mt19937 random(7);  // NOLINT: the same each time
  for (int k = 0; k < 2000; ++k) {
    Bytes scrambled = k % 2 == 0 ? pulse : notice;
    scrambled[random() % scrambled.size()] = static_cast<std::byte>(random() % 256);
    try {
      PulseReader reader;
      (void)reader.read(scrambled, 1);
    } catch (const CommunicationError&) {
    }
    try {
      (void)read_notice(scrambled, 1);
    } catch (const CommunicationError&) {
    }
  }
}

TEST_CASE("a notice names rank, host, step, call site and what is done about it") {
  const Notice notice{{2, false, 60.4}, at_step(412)};
  CHECK(describe(notice, WatchdogPolicy::wait, 4) ==
        "rank 2 on node17 has made no call to ranklog for 60 s while others wait for it; it was "
        "last seen at step 412, in log() at train.cpp:88. What rank 3 sent goes through it. Going "
        "on waiting.");
  CHECK(describe(notice, WatchdogPolicy::carry_on, 3)
            .ends_with("train.cpp:88. Going on without it."));
  CHECK(describe(notice, WatchdogPolicy::abort, 3).ends_with("Aborting the job."));
  const auto same = read_notice(write_notice(notice), 3);
  CHECK(describe(same, WatchdogPolicy::wait, 4) == describe(notice, WatchdogPolicy::wait, 4));
  CHECK(describe({{2, true, 75}, at_step(413)}, WatchdogPolicy::wait, 4) ==
        "rank 2 on node17 is back after 75 s, at step 413, in log() at train.cpp:88.");
}

TEST_CASE("what is not known of a rank is not said") {
  CHECK(describe(Sighting{}) == "before its first log()");
  Sighting sighting{Sighting::Doing::flush, false, 0, "", ""};
  CHECK(describe(sighting) == "in flush()");
  sighting.call_site = "a.cpp:1";
  CHECK(describe(sighting) == "in flush() after log() at a.cpp:1");
  sighting.doing = Sighting::Doing::end_training;
  sighting.has_step = true;
  sighting.step = 9;
  CHECK(describe(sighting) == "in end_training() after step 9, logged at a.cpp:1");
  CHECK(describe({{1, false, 60}, {}}, WatchdogPolicy::wait, 4).starts_with("rank 1 has made no"));
}

TEST_CASE("gaps are told with who lacks from when to when") {
  const std::vector<Notice> said{{{2, false, 60}, at_step(412)},
                                 {{1, false, 60}, at_step(500)},
                                 {{2, true, 70}, at_step(413)}};
  const auto lines = describe_gaps(said, 4);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] ==
        "rows may lack the values of rank 2 on node17 and of rank 3, after step 412, until it came "
        "back at step 413, in log() at train.cpp:88");
  CHECK(lines[1] == "rows may lack the values of rank 1 on node17, after step 500, to the end");
}
