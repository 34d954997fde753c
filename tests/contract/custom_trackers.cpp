// Rows X1 to X8 of docs/tracking_contract.md: trackers that users write.
#include <doctest/doctest.h>
#include <hdf5.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "contract/contract_test.hpp"
#include "mpi/mpi_test.hpp"
#include "ranklog/ranklog.hpp"
#include "ranklog/tensorboard_writer.hpp"

using namespace ranklog;
using namespace ranklog::contract;
using ranklog::mpi_test::world_rank;
using ranklog::mpi_test::world_size;

namespace {

// The least that a tracker must say.
struct Smallest : GeneralTracker {
  [[nodiscard]] std::string name() const override { return "smallest"; }
  [[nodiscard]] bool requires_logging_directory() const override { return false; }
  void log(const Record& record, const Config&) override { n_metrics += record.metrics.size(); }
  std::size_t n_metrics = 0;
};
struct WithoutName : GeneralTracker {
  [[nodiscard]] bool requires_logging_directory() const override { return false; }
  void log(const Record&, const Config&) override {}
};
struct WithoutDirectoryAnswer : GeneralTracker {
  [[nodiscard]] std::string name() const override { return "x"; }
  void log(const Record&, const Config&) override {}
};
struct WithoutLog : GeneralTracker {
  [[nodiscard]] std::string name() const override { return "x"; }
  [[nodiscard]] bool requires_logging_directory() const override { return false; }
};
struct NeedsArgument : Smallest {
  explicit NeedsArgument(int) {}
};

template <class T>
concept CanBeRegistered = requires {
  register_tracker_class<T>();
};

template <int Version>
struct Versioned : RecordingTracker {
  Versioned() : RecordingTracker({.name = "x8_versioned"}) { ++n_made; }
  static inline int n_made = 0;
};

bool is_available(std::string_view name) {
  const auto names = get_available_trackers();
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

TEST_CASE("X1: a subclass with name, directory question and log is a whole tracker") {
  const auto tracker = std::make_shared<Smallest>();
  CHECK(tracker->main_process_only());
  CHECK(tracker->thread_affinity() == ThreadAffinity::writer);
  CHECK(tracker->native().object == nullptr);
  Accelerator accelerator({.log_with = tracker});
  accelerator.init_trackers("project", {{"n", 1}});
  accelerator.log({{"a", 1.0}, {"b", 2.0}}, 0);
  accelerator.flush();
  accelerator.end_training();
  CHECK(tracker->n_metrics == (world_rank() == 0 ? 2 : 0));
}

TEST_CASE("X2, X3: a subclass that leaves out what is required cannot be made") {
  CHECK_FALSE(std::is_abstract_v<Smallest>);
  CHECK(std::is_abstract_v<WithoutName>);
  CHECK(std::is_abstract_v<WithoutDirectoryAnswer>);
  CHECK(std::is_abstract_v<WithoutLog>);
}

TEST_CASE("X4: a tracker with main_process_only gets reduced values, on the main process only") {
  const auto tracker = recording({.is_main_only = true});
  Accelerator accelerator({.log_with = tracker});
  accelerator.init_trackers("project", {{"n", 1}});
  accelerator.log({{"ranks", sum(1)}}, 0);
  accelerator.end_training();
  if (world_rank() == 0) {
    REQUIRE(tracker->n_records() == 1);
    CHECK(tracker->kept().series("ranks")[0].integer_value == world_size());
    CHECK(tracker->kept().records()[0].n_ranks == world_size());
  } else {
    CHECK(tracker->n_records() == 0);
    CHECK_FALSE(tracker->kept().outcome().has_value());
  }
}

TEST_CASE("X4: a tracker without main_process_only gets each rank's own values, as logged") {
  const auto tracker = recording({.is_main_only = false, .affinity = ThreadAffinity::caller});
  Accelerator accelerator({.log_with = tracker});
  accelerator.init_trackers("project", {{"n", 1}});
  accelerator.log({{"loss", 1.0 + world_rank()}}, 0,
                  {.tracker_options = {{"recording", {{"a", 1}}}}});
  // Not reduced and not waited for: the record is here before any exchange.
  REQUIRE_ALL_RANKS(tracker->n_records() == 1);
  const Record record = tracker->kept().records()[0];
  CHECK(record.n_ranks == 1);
  CHECK(record.metrics[0].value == 1.0 + world_rank());
  CHECK(record.metrics[0].statistics.count == 1);
  CHECK(tracker->kept().log_options()[0] == Config{{"a", 1}});
  CHECK(tracker->kept().configurations().size() == 1);
  accelerator.end_training();
  CHECK(tracker->n_records() == 1);
}

TEST_CASE("X4: both kinds side by side each get what is theirs") {
  const auto reduced = recording({.name = "reduced"});
  const auto own = recording({.name = "own", .is_main_only = false});
  Accelerator accelerator({.log_with = {reduced, own}});
  accelerator.init_trackers("project");
  for (int step = 0; step < 20; ++step) accelerator.log({{"one", sum(1)}}, step);
  accelerator.end_training();
  REQUIRE_ALL_RANKS(own->n_records() == 20);
  CHECK(own->kept().series("one")[19].integer_value == 1);
  REQUIRE(reduced->n_records() == (world_rank() == 0 ? 20 : 0));
  if (world_rank() == 0) CHECK(reduced->kept().series("one")[19].integer_value == world_size());
}

TEST_CASE("X5: a tracker is built before any run exists and works from start() on") {
  const auto journal = std::make_shared<Journal>();
  const auto tracker = recording({.name = "a", .journal = journal});
  CHECK(journal->entries().empty());
  {
    Accelerator accelerator({.log_with = tracker});
    CHECK(journal->entries().empty());
  }
  // A run that never began is not ended either.
  CHECK(journal->entries().empty());
}

TEST_CASE("X6: a tracker without main_process_only is built, started and finished on every rank") {
  const auto tracker = recording({.is_main_only = false});
  Accelerator accelerator({.log_with = tracker});
  CHECK(accelerator.trackers().empty());
  accelerator.init_trackers("project");
  CHECK(accelerator.trackers() == std::vector<std::string>{"recording"});
  CHECK(tracker->kept().context().rank == world_rank());
  CHECK(is_same_on_all_ranks(tracker->kept().context().run_id));
  accelerator.end_training();
  CHECK(tracker->kept().outcome().has_value());
}

TEST_CASE("X7: the object behind each tracker that has one is reached by its type") {
  const mpi_test::SharedDirectory shared("x7");
  const bool is_main = world_rank() == 0;
  std::vector<std::string> names{"hdf5", "memory"};
  if (is_available("tensorboard")) names.push_back("tensorboard");
  Accelerator accelerator({.log_with = names, .project_dir = shared.path().string()});
  accelerator.init_trackers("project", std::nullopt, {.run_name = "x7"});
  const hid_t* file = accelerator.get_tracker("hdf5").unwrap<hid_t>();
  CHECK((file != nullptr) == is_main);
  if (file != nullptr) CHECK(H5Iis_valid(*file) > 0);
  CHECK((accelerator.get_tracker("memory").unwrap<MemoryTracker>() != nullptr) == is_main);
  if (is_available("tensorboard")) {
    auto* writer = accelerator.get_tracker("tensorboard").unwrap<TensorBoardWriter>();
    CHECK((writer != nullptr) == is_main);
  }
  accelerator.end_training();
}

TEST_CASE("X8: a registered class is selected by the name of its instances") {
  const std::string text = printed(STDERR_FILENO, [] { register_tracker_class<Versioned<1>>(); });
  CHECK(text.empty());
  CHECK(is_available("x8_versioned"));
  Accelerator accelerator({.log_with = "x8_versioned"});
  accelerator.init_trackers("project");
  CHECK(accelerator.get_tracker("x8_versioned").is_null() == (world_rank() != 0));
  accelerator.end_training();
}

TEST_CASE("X8: registering a name again replaces it with a warning") {
  std::string text = printed(STDERR_FILENO, [] {
    register_tracker_class<Versioned<2>>();
    register_tracker_class<Versioned<3>>();
  });
  CHECK(text.find("'x8_versioned' was registered before") != std::string::npos);
  const int n_second = Versioned<2>::n_made;
  const int n_third = Versioned<3>::n_made;
  const Accelerator accelerator({.log_with = "x8_versioned"});
  CHECK(Versioned<2>::n_made == n_second);
  CHECK(Versioned<3>::n_made == n_third + 1);
  const auto names = get_available_trackers();
  CHECK(std::count(names.begin(), names.end(), "x8_versioned") == 1);
}

TEST_CASE("X8: what is no tracker, or has no usable name, cannot be registered") {
  CHECK(CanBeRegistered<Smallest>);
  CHECK_FALSE(CanBeRegistered<WithoutName>);
  CHECK_FALSE(CanBeRegistered<std::string>);
  CHECK_FALSE(CanBeRegistered<NeedsArgument>);

  struct Nameless : RecordingTracker {
    Nameless() : RecordingTracker({.name = ""}) {}
  };
  struct NamedAll : RecordingTracker {
    NamedAll() : RecordingTracker({.name = "all"}) {}
  };
  const Failure nameless = failure_of([] { register_tracker_class<Nameless>(); });
  CHECK(nameless.code == ErrorCode::usage);
  CHECK(nameless.says("name"));
  CHECK(failure_of([] { register_tracker_class<NamedAll>(); }).code == ErrorCode::usage);
  CHECK(failure_of([] { register_tracker({}); }).code == ErrorCode::usage);
  CHECK(failure_of([] { register_tracker([] { return nullptr; }); }).code == ErrorCode::usage);
}
