// Who is missing, and who says so, on a clock that the tests move.
#include "reduce/watchdog.hpp"

#include <doctest/doctest.h>

#include <vector>

using ranklog::reduce::Finding;
using ranklog::reduce::Watchdog;
using ranklog::reduce::WatchdogVerdict;

namespace {

using Findings = std::vector<Finding>;

// Looks every 0.1 s, as a rank does that waits or logs quickly, and joins what it finds.
struct Clock {
  Watchdog& dog;
  double now_s = 0;

  WatchdogVerdict run_until(double end_s) {
    WatchdogVerdict all;
    while (now_s < end_s) {
      now_s += 0.1;
      const auto verdict = dog.look(now_s);
      const auto join = [](Findings& to, const Findings& from) {
        to.insert(to.end(), from.begin(), from.end());
      };
      join(all.to_say, verdict.to_say);
      join(all.to_tell_main, verdict.to_tell_main);
      join(all.to_tell_siblings, verdict.to_tell_siblings);
    }
    return all;
  }
};

}  // namespace

TEST_CASE("rank 0 names a child that is waited for longer than the time, once") {
  Watchdog dog(10, 0, 4);
  Clock clock{dog};
  dog.wait_for(1, 0);
  CHECK(clock.run_until(9.9).to_say.empty());
  CHECK(clock.run_until(10.5).to_say == Findings{{2, false}});
  CHECK(dog.is_missing(1));
  CHECK_FALSE(dog.is_missing(0));
  dog.wait_for(1, clock.now_s);
  CHECK(clock.run_until(100).to_say.empty());
}

TEST_CASE("silence is no matter while nobody waits") {
  Watchdog dog(10, 0, 4);
  Clock clock{dog};
  CHECK(clock.run_until(1000).to_say.empty());
  dog.wait_for(0, clock.now_s);
  CHECK(clock.run_until(1009).to_say.empty());
  CHECK(clock.run_until(1011).to_say == Findings{{1, false}});
}

TEST_CASE("a sign of life begins the time anew") {
  Watchdog dog(10, 0, 4);
  Clock clock{dog};
  for (int i = 0; i < 10; ++i) {
    dog.wait_for(0, clock.now_s);
    CHECK(clock.run_until(9.0 * (i + 1)).to_say.empty());
    dog.heard(0, clock.now_s);
  }
}

TEST_CASE("a long step on all ranks is not taken for silence") {
  Watchdog dog(10, 0, 4);
  dog.wait_for(0, 0);
  for (double now_s = 300; now_s < 3000; now_s += 300) {
    // Back from the step a little before the other, whose row comes half a second later.
    CHECK(dog.look(now_s).to_say.empty());
    CHECK(dog.look(now_s + 0.1).to_say.empty());
    CHECK(dog.look(now_s + 0.5).to_say.empty());
    dog.heard(0, now_s + 0.6);
    dog.wait_for(0, now_s + 0.7);
  }
}

TEST_CASE("a rank that stops while the others make long steps is named after the second one") {
  Watchdog dog(10, 0, 4);
  dog.wait_for(0, 0);
  CHECK(dog.look(300).to_say.empty());
  CHECK(dog.look(600).to_say == Findings{{1, false}});
}

TEST_CASE("a rank that comes back is said to be back, and is given longer the next time") {
  Watchdog dog(10, 0, 4);
  Clock clock{dog};
  dog.wait_for(1, 0);
  CHECK(clock.run_until(30).to_say == Findings{{2, false}});
  dog.heard(1, 30);
  CHECK_FALSE(dog.is_missing(1));
  CHECK(clock.run_until(31).to_say == Findings{{2, true}});
  dog.wait_for(1, 31);
  CHECK(clock.run_until(90).to_say.empty());
  CHECK(clock.run_until(92).to_say == Findings{{2, false}});
}

TEST_CASE("another rank than rank 0 tells rank 0, which says it once") {
  Watchdog inner(10, 2, 4);
  Clock clock{inner};
  inner.wait_for(0, 0);
  const auto verdict = clock.run_until(11);
  CHECK(verdict.to_say.empty());
  CHECK(verdict.to_tell_main == Findings{{3, false}});
  Watchdog main(10, 0, 4);
  CHECK(main.hear_of({3, false}));
  CHECK_FALSE(main.hear_of({3, false}));
  CHECK(main.hear_of({3, true}));
  CHECK_FALSE(main.hear_of({3, true}));
  CHECK(main.hear_of({3, false}));
}

TEST_CASE("what rank 0 found itself it does not say again when it is told") {
  Watchdog main(10, 0, 4);
  Clock clock{main};
  main.wait_for(1, 0);
  CHECK(clock.run_until(11).to_say == Findings{{2, false}});
  CHECK_FALSE(main.hear_of({2, false}));
}

TEST_CASE("that rank 0 is missing is said by the lowest of its children, and by it alone") {
  Watchdog lowest(10, 1, 8);
  Watchdog higher(10, 4, 8);
  Clock lowest_clock{lowest};
  Clock higher_clock{higher};
  lowest.wait_for(0, 0);
  higher.wait_for(2, 0);  // after its children 5 and 6
  // The higher one finds out a little earlier.
  higher_clock.run_until(10.2);
  const auto verdict = lowest_clock.run_until(10.6);
  CHECK(verdict.to_say == Findings{{0, false}});
  CHECK(verdict.to_tell_siblings == Findings{{0, false}});
  CHECK_FALSE(higher.hear_of({0, false}));
  CHECK(higher_clock.run_until(100).to_say.empty());
  lowest.heard(0, 11);
  CHECK(lowest_clock.run_until(12).to_say == Findings{{0, true}});
  higher.heard(2, 100);
  CHECK(higher_clock.run_until(101).to_say.empty());
}

TEST_CASE("a rank that is told of rank 0 before it finds out itself says nothing") {
  Watchdog dog(10, 2, 4);
  Clock clock{dog};
  dog.wait_for(1, 1);
  CHECK_FALSE(dog.hear_of({0, false}));
  CHECK(clock.run_until(100).to_say.empty());
  dog.heard(1, 100);
  dog.wait_for(1, 100);
  CHECK(clock.run_until(350).to_say == Findings{{0, false}});
}

TEST_CASE(
    "when the lowest children of rank 0 do not wait, a higher one says it within two seconds") {
  Watchdog dog(10, 4, 8);
  Clock clock{dog};
  dog.wait_for(2, 0);
  CHECK(clock.run_until(11).to_say.empty());
  const auto verdict = clock.run_until(12);
  CHECK(verdict.to_say == Findings{{0, false}});
  CHECK(verdict.to_tell_siblings == Findings{{0, false}});
}

TEST_CASE("rank 0 that comes back before anybody spoke is not spoken of") {
  Watchdog dog(10, 2, 4);
  Clock clock{dog};
  dog.wait_for(1, 0);
  CHECK(clock.run_until(10.5).to_say.empty());
  dog.heard(1, 10.5);
  CHECK(clock.run_until(100).to_say.empty());
}

TEST_CASE("below the second level a missing parent is told to rank 0") {
  Watchdog dog(10, 3, 4);
  Clock clock{dog};
  dog.wait_for(0, 0);
  const auto verdict = clock.run_until(11);
  CHECK(verdict.to_say.empty());
  CHECK(verdict.to_tell_main == Findings{{2, false}});
}
