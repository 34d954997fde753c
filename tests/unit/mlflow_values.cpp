// What becomes of our keys, values and the server's answers on the way to and from MLflow.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <regex>
#include <string>
#include <vector>

#include "http/json_answer.hpp"
#include "trackers/mlflow/mlflow_answers.hpp"
#include "trackers/mlflow/mlflow_artifacts.hpp"
#include "trackers/mlflow/mlflow_batch.hpp"
#include "trackers/mlflow/mlflow_keys.hpp"
#include "trackers/mlflow/mlflow_service.hpp"

using namespace ranklog::trackers::mlflow;
using nlohmann::json;
using ranklog::http::BadAnswerError;

namespace {

void append_utf8(std::string& text, std::uint32_t c) {
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += static_cast<char>(0xC0 | c >> 6);
    text += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    text += static_cast<char>(0xE0 | c >> 12);
    text += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    text += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    text += static_cast<char>(0xF0 | c >> 18);
    text += static_cast<char>(0x80 | (c >> 12 & 0x3F));
    text += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    text += static_cast<char>(0x80 | (c & 0x3F));
  }
}

// As docs/trackers.md tells users to read a key back.
std::string unmapped(const std::string& mapped) {
  static const std::regex escape("_x([0-9a-f]{2,6})_");
  std::string text;
  auto at = mapped.cbegin();
  for (std::smatch found; std::regex_search(at, mapped.cend(), found, escape);) {
    text.append(at, found[0].first);
    append_utf8(text, static_cast<std::uint32_t>(std::stoul(found[1], nullptr, 16)));
    at = found[0].second;
  }
  return text.append(at, mapped.cend());
}

bool refuses(void (*parse)(std::string_view), const std::string& body) {
  try {
    parse(body);
  } catch (const BadAnswerError&) {
    return true;
  }
  return false;
}

const std::string good_run =
    R"({"run":{"info":{"run_id":"abc123","experiment_id":"7","lifecycle_stage":"active",)"
    R"("artifact_uri":"mlflow-artifacts:/7/abc123/artifacts"},"data":{"metrics":[)"
    R"({"key":"loss","value":"NaN","timestamp":5,"step":42},)"
    R"({"key":"n","value":1,"timestamp":"6","step":"9007199254740993"},)"
    R"({"key":"first","value":1,"timestamp":6}]}}})";

}  // namespace

TEST_CASE("allowed keys stay as they are") {
  for (const std::string key : {"loss", "train/loss", "a-b.c_d 1", "späße/日本語", "потеря", "_x",
                                "_x41", "a/.b", "...", "__"}) {
    CHECK(map_key(key).text == key);
    CHECK(map_key(key).digest.empty());
  }
}

TEST_CASE("other characters become their code points, and can be read back") {
  CHECK(map_key("acc@5 (%)").text == "acc_x40_5 _x28__x25__x29_");
  CHECK(map_key("a:b").text == "a_x3a_b");
  CHECK(map_key("🙂").text == "_x1f642_");
  CHECK(map_key("a/../b/.").text == "a/_x2e__x2e_/b/_x2e_");
  CHECK(map_key("/a//b/").text == "_x2f_a/_x2f_b_x2f_");
  CHECK(map_key("_x41_").text == "_x5f_x41_");
  CHECK(map_file_name("späße/b") == "sp_xe4__xdf_e_x2f_b");
}

TEST_CASE("mapping is reversible for random keys, so no two keys become one") {
  std::mt19937 random(7);
  const std::vector<std::uint32_t> alphabet{'_', 'x',  '4',   '1',    '_',     'a', '/', '.',
                                            '%', 0xE4, 0x301, 0x65E5, 0x1F642, ' ', ':', '\n'};
  for (int i = 0; i < 5000; ++i) {
    std::string key;
    for (auto n = random() % 12 + 1; n > 0; --n) {
      append_utf8(key, alphabet[random() % alphabet.size()]);
    }
    CAPTURE(key);
    REQUIRE(unmapped(map_key(key).text) == key);
    REQUIRE(unmapped(map_file_name(key)) == key);
  }
}

TEST_CASE("a key that becomes too long ends in a digest of the whole") {
  const std::string a = std::string(100, '%') + "a";
  const std::string b = std::string(100, '%') + "b";
  CHECK(map_key(a).text.size() <= max_key_characters);
  CHECK(map_key(a).digest.size() == 16);
  CHECK(map_key(a).text.ends_with("_h" + map_key(a).digest));
  CHECK(map_key(a).text != map_key(b).text);
  CHECK(map_key(std::string(250, 'k')).digest.empty());
}

TEST_CASE("invalid UTF-8 in a key cannot reach the server") {
  for (const std::string key : {"\xff", "a\xc3", "\xe6\x97", "\xc0\xaf", "\xf4\x90\x80\x80"}) {
    CHECK(map_key(key).text.find("_xfffd_") != std::string::npos);
  }
}

TEST_CASE("a batch is strict JSON with NaN and infinities as strings and doubles exact") {
  Batch batch;
  batch.add_metric("\"a\"", 0.1, 12, 3);
  batch.add_metric("\"a\"", std::nan(""), 12, 4);
  batch.add_metric("\"a\"", std::numeric_limits<double>::infinity(), 12, 5);
  batch.add_metric("\"a\"", -std::numeric_limits<double>::infinity(), 12, 6);
  batch.add_metric("\"a\"", 5e-324, 12, -7);
  batch.set_tag("t", "one\n\"two\"");
  batch.set_tag("t", "last");
  const auto request = json::parse(batch.request("r1"));
  CHECK(request["run_id"] == "r1");
  REQUIRE(request["metrics"].size() == 5);
  CHECK(request["metrics"][0] ==
        json{{"key", "a"}, {"value", 0.1}, {"timestamp", 12}, {"step", 3}});
  CHECK(request["metrics"][1]["value"] == "NaN");
  CHECK(request["metrics"][2]["value"] == "Infinity");
  CHECK(request["metrics"][3]["value"] == "-Infinity");
  CHECK(request["metrics"][4]["value"] == 5e-324);
  CHECK(request["tags"] == json::array({{{"key", "t"}, {"value", "last"}}}));
}

TEST_CASE("a batch is full before any limit of the server is reached") {
  Batch metrics;
  while (!metrics.is_full()) metrics.add_metric("\"k\"", 1, 1, 1);
  CHECK(json::parse(metrics.request("r"))["metrics"].size() <= 900);
  Batch large;
  const std::string quoted = '"' + std::string(5000, 'k') + '"';
  while (!large.is_full()) large.add_metric(quoted, 1, 1, 1);
  CHECK(large.request("r").size() < 1'000'000);
  Batch tags;
  for (int i = 0; !tags.is_full(); ++i) tags.set_tag("k" + std::to_string(i), "v");
  CHECK(json::parse(tags.request("r"))["tags"].size() == 100);
  CHECK(tags.has_content());
  tags.clear();
  CHECK_FALSE(tags.has_content());
}

TEST_CASE("long tags are cut between two characters") {
  const auto tags = json::parse(tags_json({{"t", "a" + std::string(3000, '\xc3')}}));
  CHECK(tags[0]["value"].get<std::string>().size() <= 3 * max_tag_bytes);
  std::string text = "a";
  while (text.size() < 6000) text += "ä";
  const auto cut = json::parse(tags_json({{"t", text}}))[0]["value"].get<std::string>();
  CHECK(cut == text.substr(0, 4999));
}

TEST_CASE("answers are read, whole numbers also as text") {
  const auto run = parse_run(good_run);
  CHECK(run.id == "abc123");
  CHECK(run.experiment_id == "7");
  CHECK(run.artifact_uri == "mlflow-artifacts:/7/abc123/artifacts");
  CHECK(run.is_active);
  CHECK(run.last_steps.at("loss") == 42);
  CHECK(run.last_steps.at("n") == 9007199254740993);
  CHECK(run.last_steps.at("first") == 0);
  const auto inner = json::parse(good_run)["run"].dump();
  CHECK(parse_first_run("{\"runs\":[" + inner + "]}")->id == "abc123");
  CHECK_FALSE(parse_first_run("{}"));
  CHECK(parse_experiment_id("{\"experiment_id\":\"7\"}") == "7");
  const auto deleted =
      parse_experiment(R"({"experiment":{"experiment_id":"7","lifecycle_stage":"deleted"}})");
  CHECK_FALSE(deleted.is_active);
}

TEST_CASE(
    "answers that lack what is needed, or have ids that could change an address, are refused") {
  const auto run = +[](std::string_view body) { static_cast<void>(parse_run(body)); };
  const auto experiment = +[](std::string_view body) { static_cast<void>(parse_experiment(body)); };
  const auto first = +[](std::string_view body) { static_cast<void>(parse_first_run(body)); };
  for (const std::string body : {"", "{}", "<html>", "[]", "{\"run\":1}", "{\"run\":{\"info\":{}}}",
                                 R"({"run":{"info":{"run_id":"../x","experiment_id":"7"}}})",
                                 R"({"run":{"info":{"run_id":"a?b","experiment_id":"7"}}})",
                                 R"({"run":{"info":{"run_id":7,"experiment_id":"7"}}})"}) {
    CAPTURE(body);
    CHECK(refuses(run, body));
    CHECK(refuses(experiment, body));
  }
  CHECK(refuses(first, "{\"runs\":{}}"));
  CHECK(refuses(first, "{\"runs\":[1]}"));
}

TEST_CASE("mutated and truncated answers are read or refused, never more") {
  std::mt19937 random(11);
  for (int i = 0; i < 20000; ++i) {
    std::string body = good_run;
    for (auto n = random() % 4; n > 0; --n) {
      body[random() % body.size()] = static_cast<char>(random() % 256);
    }
    if (random() % 3 == 0) body.resize(random() % body.size());
    try {
      static_cast<void>(parse_run(body));
      static_cast<void>(parse_first_run(body));
    } catch (const BadAnswerError&) {
    }
  }
}

TEST_CASE("tables are what mlflow.load_table reads") {
  const ranklog::Table table({"a", "b"}, {{1, "x\""}, {0.5, nullptr}, {std::nan(""), true}});
  CHECK(json::parse(table_json(table)) ==
        json::parse(R"({"columns":["a","b"],"data":[[1,"x\""],[0.5,null],[null,true]]})"));
}

TEST_CASE("texts are kept with their steps, up to a bound that is counted") {
  TextTables texts;
  texts.add("note", 1, 2.5, "a");
  texts.add("note", 2, 3.5, "b");
  auto files = texts.changed();
  REQUIRE(files.size() == 1);
  CHECK(files[0].path == "text/note.json");
  CHECK(json::parse(files[0].bytes)["data"] == json::parse(R"([[1,2.5,"a"],[2,3.5,"b"]])"));
  texts.confirm("note");
  CHECK(texts.changed().empty());
  for (int i = 0; i < 5; ++i) texts.add("big", i, 0, std::string(1 << 20, 'x'));
  CHECK(texts.n_left_out() == 2);
}
