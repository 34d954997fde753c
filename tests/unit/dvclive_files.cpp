// The files of the dvclive tracker, part by part; tests/interop reads them with DVC.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "ranklog/error.hpp"
#include "support/error_of.hpp"
#include "support/scratch_directory.hpp"
#include "support/tracker_records.hpp"
#include "trackers/dvclive/dvc_yaml.hpp"
#include "trackers/dvclive/key_path.hpp"
#include "trackers/dvclive/summary.hpp"
#include "trackers/dvclive/tsv.hpp"

using namespace ranklog;
using namespace ranklog::test_support;
using namespace ranklog::trackers::dvclive;

namespace {

using Path = std::vector<std::string>;

std::filesystem::path write(const ScratchDirectory& directory, const std::string& text) {
  const auto path = directory.path() / "loss.tsv";
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

}  // namespace

TEST_CASE("a key's path is that of DVCLive, but for names that its files cannot hold") {
  CHECK(path_of("loss") == Path{"loss"});
  CHECK(path_of("train/loss.mean") == Path{"train", "loss.mean"});
  CHECK(path_of("step") == Path{"step_"});
  CHECK(path_of("step_") == Path{"step__"});
  CHECK(path_of("step/x") == Path{"step_", "x"});
  CHECK(path_of("a.tsv/b.tsv") == Path{"a.tsv_", "b.tsv"});
}

TEST_CASE("no two keys have one path, and the path gives the key back") {
  std::set<Path> seen;
  for (const std::string key : {"step", "step_", "step__", "a/step", "a/step_", "step/step", "_",
                                "a.tsv/b", "a.tsv_/b", "a.tsv", "a.tsv_", "steps", "x_/y"}) {
    CHECK(key_of(path_of(key)) == key);
    CHECK(seen.insert(path_of(key)).second);
  }
}

TEST_CASE("numbers are written as Python writes them") {
  CHECK(python_real(1) == "1.0");
  CHECK(python_real(0.1) == "0.1");
  CHECK(python_real(1e-5) == "1e-05");
  CHECK(python_real(1e22) == "1e+22");
  CHECK(python_real(std::nan("")) == "nan");
  CHECK(python_real(-INFINITY) == "-inf");
}

TEST_CASE("fields with separators are quoted") {
  CHECK(tsv_field("plain, text") == "plain, text");
  CHECK(tsv_field("a\tb") == "\"a\tb\"");
  CHECK(tsv_field("say \"x\"\n") == "\"say \"\"x\"\"\n\"");
  CHECK(tsv_row(7, "0.5") == "7\t0.5\n");
}

TEST_CASE("resuming cuts a table before its first row from that step on") {
  const ScratchDirectory directory;
  const auto path = write(directory, "step\tloss\n0\t1.0\n1\t\"a\nb\"\n2\t3.0\n3\t4.0\n");
  CHECK(cut_tsv(path, "loss", 2) == "a\nb");
  CHECK(contents_of(path) == "step\tloss\n0\t1.0\n1\t\"a\nb\"\n");
  CHECK(cut_tsv(path, "loss", 9) == "a\nb");
  CHECK_FALSE(cut_tsv(path, "loss", 0));
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("resuming drops a torn last row, at whatever byte it was torn") {
  const std::string whole = "step\tloss\n0\t1.0\n1\t";
  for (const std::string torn : {"", "2", "2.", "\"a", "\"a\n", "\"a\"\"\n2\t5\n"}) {
    const ScratchDirectory directory;
    const auto path = write(directory, whole + torn);
    CHECK(cut_tsv(path, "loss", 100) == "1.0");
    CHECK(contents_of(path) == "step\tloss\n0\t1.0\n");
  }
  for (const std::string torn : {"", "st", "step\tloss", "step\tloss\n", "step\tloss\nx\t1\n"}) {
    const ScratchDirectory directory;
    const auto path = write(directory, torn);
    CHECK_FALSE(cut_tsv(path, "loss", 100));
    CHECK_FALSE(std::filesystem::exists(path));
  }
}

TEST_CASE("a table with other columns is not touched, and named") {
  const ScratchDirectory directory;
  const auto path = write(directory, "timestamp\tstep\tloss\n1\t0\t1.0\n");
  const auto caught = error_of([&] { static_cast<void>(cut_tsv(path, "loss", 1)); });
  CHECK(caught.code == ErrorCode::file_format);
  CHECK(caught.says("loss.tsv"));
  CHECK(std::filesystem::file_size(path) > 0);
}

TEST_CASE("the summary nests its metrics and counts the step") {
  CHECK(
      summary_json({{{"train", "loss"}, "0.5"}, {{"acc"}, "1"}}, 7) ==
      "{\n    \"acc\": 1,\n    \"step\": 7,\n    \"train\": {\n        \"loss\": 0.5\n    }\n}\n");
  CHECK(summary_json({}, {}) == "{}\n");
}

TEST_CASE("a metric that is also a folder of others stands in it under the empty name") {
  CHECK(summary_json({{{"loss"}, "1"}, {{"loss", "aux"}, "2"}}, {}) ==
        "{\n    \"loss\": {\n        \"\": 1,\n        \"aux\": 2\n    }\n}\n");
}

TEST_CASE("values that were read back are numbers only where JSON has them") {
  for (const std::string number : {"0", "-0.0", "1e-05", "9007199254740993", "1.5E+3", "-12"})
    CHECK(json_of_field(number) == number);
  for (const std::string text : {"", "nan", "inf", "-inf", "01", ".5", "1.", "1e", "0x1", "1 ", "-",
                                 "+1", "--1", "1.e5", "1e+"})
    CHECK(json_of_field(text) == "\"" + text + "\"");
}

TEST_CASE("dvc.yaml names what there is, relative to its own folder") {
  const std::string text =
      dvc_yaml({true, true, true}, "/a/run/dvclive", "/a/run/dvclive/dvc.yaml");
  CHECK(text.find("\"params\": [\"params.yaml\"]") != text.npos);
  CHECK(text.find("{\"plots/metrics\" : {\"x\" : \"step\"}}") != text.npos);
  CHECK(text.find("\"plots/images\"") != text.npos);
  const std::string above = dvc_yaml({false, true, false}, "/a/run/dvclive", "/a/dvc.yaml");
  CHECK(above.find("[\"run/dvclive/metrics.json\"]") != above.npos);
  CHECK(above.find("params") == above.npos);
}
