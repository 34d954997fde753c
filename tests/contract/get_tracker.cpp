// Rows L16 to L20 of docs/tracking_contract.md: speaking to one tracker.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "contract/contract_test.hpp"
#include "mpi/mpi_test.hpp"
#include "ranklog/ranklog.hpp"

using namespace ranklog;
using namespace ranklog::contract;
using ranklog::mpi_test::world_rank;

namespace {

bool is_main() { return world_rank() == 0; }

struct WithoutObject final : GeneralTracker {
  [[nodiscard]] std::string name() const override { return "without_object"; }
  [[nodiscard]] bool requires_logging_directory() const override { return false; }
  void log(const Record&, const Config&) override {}
};

}  // namespace

TEST_CASE("L16: get_tracker gives the first tracker of that name") {
  const auto one = recording({.name = "twin"});
  const auto two = recording({.name = "twin"});
  Accelerator accelerator({.log_with = {"memory", one, two}});
  accelerator.init_trackers("project");
  const TrackerHandle handle = accelerator.get_tracker("twin");
  CHECK(handle.name() == "twin");
  CHECK(handle.is_null() == !is_main());
  handle.store_init_configuration({{"late", 1}});
  handle.log({{"own", 2.5}}, 4, {{"commit", true}});
  handle.flush();
  if (is_main()) {
    REQUIRE(one->n_records() == 1);
    CHECK(one->kept().records()[0].step == 4);
    CHECK(one->kept().series("own")[0].value == 2.5);
    CHECK(one->kept().log_options()[0] == Config{{"commit", true}});
    CHECK(one->kept().configurations() == std::vector<Config>{{{"late", 1}}});
  }
  accelerator.end_training();
  CHECK(two->n_records() == 0);
}

TEST_CASE("L16: unwrap gives the tracker's own object by its type") {
  const auto tracker = recording();
  Accelerator accelerator({.log_with = {tracker, std::make_shared<WithoutObject>()}});
  accelerator.init_trackers("project");
  accelerator.log({{"loss", 1.0}}, 0, {.scope = Scope::main_process});
  const TrackerHandle handle = accelerator.get_tracker("recording");
  auto* object = handle.unwrap<MemoryTracker>();
  CHECK(object == (is_main() ? &tracker->kept() : nullptr));
  // What was logged before is delivered first.
  if (is_main()) CHECK(object->records().size() == 1);

  const Failure wrong = failure_of([&] { (void)handle.unwrap<std::string>(); });
  CHECK(wrong.code == (is_main() ? ErrorCode::usage : ErrorCode::none));
  if (is_main()) CHECK(wrong.says("MemoryTracker"));
  const auto nothing = [&] { (void)accelerator.get_tracker("without_object").unwrap<int>(); };
  CHECK(failure_of(nothing).code == (is_main() ? ErrorCode::usage : ErrorCode::none));
  accelerator.end_training();
}

TEST_CASE("L16: what is logged through a handle leaves the steps of log alone") {
  const auto tracker = recording();
  Accelerator accelerator({.log_with = tracker});
  accelerator.init_trackers("project");
  accelerator.get_tracker("recording").log({{"loss", 9.0}}, 100);
  const auto scoped = [&] { accelerator.log({{"loss", 1.0}}, 0, {.scope = Scope::main_process}); };
  CHECK(failure_of(scoped).text == "");
  CHECK(failure_of([&] { accelerator.log({{"loss", 1.0}}, 0); }).text == "");
  accelerator.end_training();
  CHECK(tracker->n_records() == (is_main() ? 3 : 0));
}

TEST_CASE("L17: a name that was not selected throws on every rank, at any time") {
  const auto asks_wrongly = [](Accelerator& accelerator) {
    const Failure failure = failure_of([&] { (void)accelerator.get_tracker("zz"); });
    CHECK(failure.code == ErrorCode::unknown_tracker);
    CHECK(failure.says("'zz'"));
    CHECK(is_same_on_all_ranks(failure.text));
  };
  Accelerator accelerator({.log_with = {"memory"}});
  asks_wrongly(accelerator);
  accelerator.init_trackers("project");
  asks_wrongly(accelerator);
  accelerator.end_training();
  asks_wrongly(accelerator);
}

TEST_CASE("L18: before init, after the end and on other ranks the handle is null") {
  Accelerator accelerator({.log_with = "memory"});
  CHECK(accelerator.get_tracker("memory").is_null());
  accelerator.init_trackers("project");
  const TrackerHandle handle = accelerator.get_tracker("memory");
  CHECK(handle.is_null() == !is_main());
  accelerator.end_training();
  CHECK(handle.is_null());
  CHECK(accelerator.get_tracker("memory").is_null());
  CHECK(handle.unwrap<MemoryTracker>() == nullptr);
}

TEST_CASE("L18: without any tracker every name gives a null handle") {
  Accelerator accelerator;
  CHECK(accelerator.get_tracker("whatever").is_null());
  accelerator.init_trackers("project");
  CHECK(accelerator.get_tracker("whatever").is_null());
  CHECK(accelerator.get_tracker("whatever").unwrap<MemoryTracker>() == nullptr);
}

TEST_CASE("L18: a tracker that runs on every rank has a handle on every rank") {
  const auto tracker = recording({.is_main_only = false});
  Accelerator accelerator({.log_with = tracker});
  accelerator.init_trackers("project");
  const TrackerHandle handle = accelerator.get_tracker("recording");
  CHECK_FALSE(handle.is_null());
  handle.log({{"mine", 1.0 * world_rank()}}, 0);
  CHECK(handle.unwrap<MemoryTracker>() == &tracker->kept());
  const auto rows = tracker->kept().series("mine");
  REQUIRE_ALL_RANKS(rows.size() == 1);
  CHECK(rows[0].value == world_rank());
  accelerator.end_training();
}

TEST_CASE("L19: every method of a null handle does nothing, so that no guard is needed") {
  const TrackerHandle null;
  CHECK(null.is_null());
  CHECK(null.name().empty());
  null.store_init_configuration({{"a", 1}});
  null.log({{"loss", 1.0}}, 0, {{"a", 1}});
  null.flush();
  CHECK(null.unwrap<MemoryTracker>() == nullptr);

  const auto tracker = recording();
  Accelerator accelerator({.log_with = tracker});
  const TrackerHandle early = accelerator.get_tracker("recording");
  CHECK(early.name() == "recording");
  early.log({{"loss", 1.0}}, 0);
  accelerator.init_trackers("project");
  accelerator.end_training();
  CHECK(tracker->n_records() == 0);
}

TEST_CASE("L20: a handle logs without a step, null or not") {
  const auto tracker = recording();
  Accelerator accelerator({.log_with = tracker});
  accelerator.get_tracker("recording").log({{"loss", 0.0}});
  accelerator.init_trackers("project");
  const TrackerHandle handle = accelerator.get_tracker("recording");
  handle.log({{"loss", 1.0}});
  handle.log({{"loss", 2.0}});
  accelerator.end_training();
  if (!is_main()) return;
  REQUIRE(tracker->n_records() == 2);
  CHECK_FALSE(tracker->kept().records()[1].step.has_value());
  CHECK(tracker->kept().records()[1].row_step == 1);
}
