// What becomes of our keys, values and settings on the way to ClearML.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "support/error_of.hpp"
#include "support/fake_environment.hpp"
#include "trackers/clearml/clearml_events.hpp"
#include "trackers/clearml/clearml_settings.hpp"

using namespace ranklog;
using namespace ranklog::trackers::clearml;
using nlohmann::json;
using test_support::error_of;
using test_support::FakeEnvironment;

namespace {

std::string shown(std::string_view key, SeriesRule rule = SeriesRule::prefix) {
  const auto place = place_of(key, rule);
  return json::parse(place.title).get<std::string>() + " | " +
         json::parse(place.series).get<std::string>();
}

Settings settings_of(const FakeEnvironment& environment, Config options = {}) {
  TrackerContext context;
  context.project_name = "digits";
  context.run_name = "baseline";
  context.run_dir = "/run";
  context.options = std::move(options);
  return read_settings(context, environment);
}

}  // namespace

TEST_CASE("T6: test_, eval_ and train_ in front of a key are its series, else it is train") {
  CHECK(shown("test_acc") == "acc | test");
  CHECK(shown("eval_acc/top5") == "acc/top5 | eval");
  CHECK(shown("train_loss") == "loss | train");
  CHECK(shown("train/loss") == "train/loss | train");
  CHECK(shown("train_") == "train_ | train");
  CHECK(shown("testing") == "testing | train");
}

TEST_CASE("with the rule slash the last part of a key is its series") {
  CHECK(shown("train/layer1/loss", SeriesRule::slash) == "train/layer1 | loss");
  CHECK(shown("loss", SeriesRule::slash) == "loss | loss");
  CHECK(shown("loss/", SeriesRule::slash) == "loss/ | loss/");
}

TEST_CASE("an event is one line of strict JSON whatever the key") {
  const auto text = scalar_event("t1", place_of("a\n\"b\"\\ \xFF", SeriesRule::prefix),
                                 {-5, 1700000000000}, "9007199254740993");
  CHECK(text.find('\n') == std::string::npos);
  const auto event = json::parse(text);
  CHECK(event["value"] == 9007199254740993);
  CHECK(event["iter"] == -5);
  CHECK(event["metric"] == "a\n\"b\"\\ \uFFFD");
}

TEST_CASE("hyper-parameters are texts as Python writes them") {
  const auto parameters =
      hyper_parameters({{"flag", true}, {"none", nullptr}, {"o", {{"lr", 0.5}}}}, "General");
  CHECK(json::parse(parameters.at("flag"))["value"] == "True");
  CHECK(json::parse(parameters.at("none"))["value"] == "");
  CHECK(json::parse(parameters.at("o/lr"))["type"] == "float");
}

TEST_CASE("a part of a path has no character that leaves the folder or ends an address") {
  CHECK(path_part("a/b?c#d%") == "a0x2fb0x3fc0x23d0x25");
  CHECK(path_part("..") == ".._");
  CHECK(path_part("späße") == "späße");
  CHECK(path_part(std::string(1000, 'x')).size() < 150);
}

TEST_CASE("clearml.conf is read with comments, quotes, dotted names and lists passed over") {
  const auto values = parse_hocon(
      "// top\napi {\n  web_server: http://w:8080 # note\n  api_server = \"http://a:8008\"\n"
      "  credentials { \"access_key\" = \"A B\", secret_key: s//x }\n  hosts: [\"}\", {a: 1}]\n"
      "}\nsdk.cache { default_base_dir: \"~/.clearml\" }\nother: ${HOME}\n");
  CHECK(values.at("api.web_server") == "http://w:8080");
  CHECK(values.at("api.api_server") == "http://a:8008");
  CHECK(values.at("api.credentials.access_key") == "A B");
  CHECK(values.at("api.credentials.secret_key") == "s//x");
  CHECK(values.at("sdk.cache.default_base_dir") == "~/.clearml");
  CHECK(values.find("other") == values.end());
}

TEST_CASE("a file of settings that is damaged, or deep, or anything, is read to its end") {
  static_cast<void>(parse_hocon(std::string(60000, '{')));
  static_cast<void>(parse_hocon(std::string(60000, '[')));
  static_cast<void>(parse_hocon("a { b = \""));
  std::mt19937 random(1);
  const std::string letters = "ab{}[]:=,\"'#/ \n\\$";
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (int j = 0; j < 40; ++j) text += letters[random() % letters.size()];
    static_cast<void>(parse_hocon(text));
  }
}

TEST_CASE("without keys, or on request, a task is kept offline; with keys it goes to the server") {
  const FakeEnvironment keys{{"CLEARML_API_ACCESS_KEY", "k"},
                             {"CLEARML_API_SECRET_KEY", "s3cret"},
                             {"CLEARML_API_HOST", "http://h:8008"}};
  const FakeEnvironment offline{{"CLEARML_API_ACCESS_KEY", "k"},
                                {"CLEARML_API_SECRET_KEY", "s"},
                                {"CLEARML_OFFLINE_MODE", "1"}};
  CHECK(settings_of(keys).is_online);
  CHECK(settings_of(keys).files_server.text == "http://h:8081");
  CHECK_FALSE(settings_of(keys, {{"mode", "offline"}}).is_online);
  CHECK_FALSE(settings_of(offline).is_online);
  const auto without = settings_of(FakeEnvironment{});
  CHECK_FALSE(without.is_online);
  CHECK(without.notes.size() == 1);
  CHECK(without.directory == "/run/clearml");
  CHECK(error_of([] {
          settings_of(FakeEnvironment{}, {{"mode", "online"}});
        }).says("CLEARML_API_ACCESS_KEY"));
  CHECK(error_of([] {
          settings_of(FakeEnvironment{}, {{"series", "dots"}});
        }).says("prefix or slash"));
}
