// What becomes of settings and of the limit on requests on the way to Comet.
#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include "support/error_of.hpp"
#include "support/fake_environment.hpp"
#include "trackers/comet/comet_service.hpp"
#include "trackers/comet/comet_settings.hpp"

using namespace ranklog;
using namespace ranklog::trackers::comet;
using test_support::error_of;
using test_support::FakeEnvironment;

namespace {

Settings settings_of(const FakeEnvironment& environment, Config options = {}) {
  TrackerContext context;
  context.project_name = "digits";
  context.run_dir = "/run";
  context.options = std::move(options);
  return read_settings(context, environment);
}

}  // namespace

TEST_CASE("in any hour fewer requests are made than Comet takes of one key") {
  auto now = RequestBudget::Clock::now();
  RequestBudget budget(4);
  int n_made = 0;
  for (int second = 0; second < 3600; ++second) {
    while (budget.take(now)) ++n_made;
    now += std::chrono::seconds(1);
  }
  CHECK(n_made > 14'000);
  CHECK(n_made < 15'000);
  CHECK(budget.wait() <= std::chrono::milliseconds(251));
}

TEST_CASE("a budget does not grow while nothing is sent") {
  auto now = RequestBudget::Clock::now();
  RequestBudget budget(2);
  now += std::chrono::hours(10);
  int n_made = 0;
  while (budget.take(now)) ++n_made;
  CHECK(n_made == 250);
}

TEST_CASE("without a key, or on request, an experiment is kept offline") {
  const FakeEnvironment key{{"COMET_API_KEY", "s3cret"},
                            {"COMET_URL_OVERRIDE", "https://comet.example.org/clientlib/"}};
  CHECK(settings_of(key).is_online);
  CHECK(settings_of(key).client.server.text == "https://comet.example.org");
  CHECK_FALSE(settings_of(key, {{"mode", "offline"}}).is_online);
  CHECK_FALSE(settings_of({{"COMET_API_KEY", "k"}, {"COMET_MODE", "OFFLINE"}}).is_online);
  const auto without = settings_of(FakeEnvironment{});
  CHECK_FALSE(without.is_online);
  CHECK(without.notes.size() == 1);
  CHECK(without.directory == "/run/comet_ml");
  CHECK(error_of([] {
          settings_of(FakeEnvironment{}, {{"mode", "online"}});
        }).says("COMET_API_KEY"));
}

TEST_CASE("an experiment key or a rate that Comet would not take is an error that says so") {
  const FakeEnvironment none{};
  CHECK(error_of([&] {
          settings_of(none, {{"experiment_key", "../x"}});
        }).says("32 to 50 letters"));
  CHECK(error_of([&] {
          settings_of(none, {{"max_requests_per_s", 0}});
        }).says("max_requests_per_s"));
}
