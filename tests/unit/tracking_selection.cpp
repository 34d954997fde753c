// Which trackers log_with stands for.
#include "tracking/selection.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "ranklog/error.hpp"
#include "ranklog/memory_tracker.hpp"
#include "support/captured_stderr.hpp"
#include "support/error_of.hpp"
#include "support/scripted_tracker.hpp"
#include "tracking/registry.hpp"

using ranklog::ErrorCode;
using ranklog::LoggerType;
using ranklog::MemoryTracker;
using ranklog::TrackerSelection;
using ranklog::test_support::CapturedStderr;
using ranklog::test_support::error_of;
using ranklog::test_support::Script;
using ranklog::test_support::ScriptedTracker;
using ranklog::tracking::resolve;
using Names = std::vector<std::string>;

namespace {

Names names_of(const TrackerSelection& selection) {
  Names names;
  for (const auto& entry : resolve(selection, true).trackers) names.push_back(entry.name);
  return names;
}

ErrorCode error_for(const TrackerSelection& selection, bool has_logging_dir = true) {
  return error_of([&] { (void)resolve(selection, has_logging_dir); }).code;
}

}  // namespace

TEST_CASE("log_with may be a name, a type, an instance or a list of them") {
  const auto instance = std::make_shared<MemoryTracker>();
  CHECK(names_of({}).empty());
  CHECK(names_of("memory") == Names{"memory"});
  CHECK(names_of(std::string("memory")) == Names{"memory"});
  CHECK(names_of(LoggerType::memory) == Names{"memory"});
  CHECK(names_of(instance) == Names{"memory"});
  CHECK(names_of({"memory", instance}) == Names{"memory", "memory"});
  CHECK(names_of(Names{"memory"}) == Names{"memory"});
  CHECK(resolve(instance, true).trackers[0].tracker == instance);
  CHECK(resolve(instance, true).trackers[0].is_instance);
  CHECK_FALSE(resolve("memory", true).trackers[0].is_instance);
}

TEST_CASE("a name given twice counts once, an instance twice counts twice") {
  const auto instance = std::make_shared<MemoryTracker>();
  CHECK(names_of({"memory", "memory", LoggerType::memory}) == Names{"memory"});
  CHECK(names_of({instance, instance}) == Names{"memory", "memory"});
}

TEST_CASE("an unknown name is refused with the names that there are") {
  const auto thrown = error_of([] { (void)resolve("tensorbord\n", true); });
  CHECK(thrown.code == ErrorCode::unknown_tracker);
  CHECK(thrown.says("'tensorbord\\x0a'"));
  CHECK(thrown.says("memory"));
  CHECK(error_for("") == ErrorCode::unknown_tracker);
  CHECK(error_for("Memory") == ErrorCode::unknown_tracker);
}

TEST_CASE("a known tracker that this build lacks is told apart from an unknown one") {
  const auto available = ranklog::get_available_trackers();
  for (const auto type : ranklog::logger_types()) {
    const auto name = std::string(to_string(type));
    if (type == LoggerType::all) continue;
    const bool is_available =
        std::find(available.begin(), available.end(), name) != available.end();
    CAPTURE(name);
    CHECK(error_for(type) == (is_available ? ErrorCode::none : ErrorCode::tracker_unavailable));
  }
}

TEST_CASE("a tracker that needs a directory is refused without one") {
  const auto needy = std::make_shared<ScriptedTracker>(Script{.needs_directory = true});
  CHECK(error_for(needy, false) == ErrorCode::missing_logging_dir);
  CHECK(error_for(needy, true) == ErrorCode::none);
  CHECK(error_of([&] { (void)resolve(needy, false); }).says("pass project_dir"));
}

TEST_CASE("a null instance is refused") {
  CHECK(error_for(std::shared_ptr<MemoryTracker>()) == ErrorCode::usage);
}

TEST_CASE("all puts instances first, then the built-in trackers, then other names") {
  const auto instance = std::make_shared<ScriptedTracker>(Script{.name = "mine"});
  auto expected = ranklog::tracking::trackers_of_all();
  expected.insert(expected.begin(), "mine");
  expected.push_back("memory");
  CHECK(names_of({"memory", "all", instance}) == expected);
}

TEST_CASE("a registered tracker is found by the name of its instances") {
  class Registered final : public ranklog::GeneralTracker {
   public:
    [[nodiscard]] std::string name() const override { return "test-registered"; }
    [[nodiscard]] bool requires_logging_directory() const override { return false; }
    void log(const ranklog::Record&, const ranklog::Config&) override {}
  };
  CHECK(error_for("test-registered") == ErrorCode::unknown_tracker);
  ranklog::register_tracker_class<Registered>();
  CHECK(names_of("test-registered") == Names{"test-registered"});
  const auto available = ranklog::get_available_trackers();
  CHECK(available.back() == "test-registered");
  const auto of_all = ranklog::tracking::trackers_of_all();
  CHECK(std::find(of_all.begin(), of_all.end(), "test-registered") == of_all.end());

  const CapturedStderr captured;
  ranklog::register_tracker_class<Registered>();
  CHECK(captured.text().find("'test-registered' was registered before") != std::string::npos);
  CHECK(ranklog::get_available_trackers().size() == available.size());
}

TEST_CASE("registrations that could not be selected are refused") {
  const auto register_named = [](std::string name) {
    ranklog::register_tracker(
        [name] { return std::make_unique<ScriptedTracker>(Script{.name = name}); });
  };
  CHECK(error_of([] { ranklog::register_tracker(nullptr); }).code == ErrorCode::usage);
  CHECK(error_of([] { ranklog::register_tracker([] { return nullptr; }); }).code ==
        ErrorCode::usage);
  CHECK(error_of([&] { register_named(""); }).code == ErrorCode::usage);
  CHECK(error_of([&] { register_named("all"); }).code == ErrorCode::usage);
}
