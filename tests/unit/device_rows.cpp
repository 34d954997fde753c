#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "accelerator/device_rows.hpp"
#include "accelerator/recorder.hpp"
#include "unit/fake_device.hpp"

using ranklog::device;
using ranklog::DeviceError;
using ranklog::DeviceRows;
using ranklog::HeldRow;
using ranklog::Values;
using ranklog::testing::FakeDevice;
using ranklog::testing::FakeDriver;

namespace {

struct Line {
  std::optional<std::int64_t> step;
  std::vector<std::string> keys;
  ranklog::Record record;
};

// What would be logged, in order, and what was reported.
struct Bench {
  std::shared_ptr<FakeDevice> gpu = std::make_shared<FakeDevice>();
  DeviceRows rows{3, [this] { return std::make_unique<FakeDriver>(gpu); }};
  ranklog::reduce::KeyTable keys;
  ranklog::Recorder recorder{keys, 3};
  std::vector<Line> logged;
  std::vector<std::string> reports;

  void hold(const Values& values, std::optional<std::int64_t> step = {}) {
    rows.hold(values, step, {}, ranklog::SourceLocation::current());
  }
  void release(bool wait = false) {
    rows.release(
        wait,
        [this](const HeldRow& row) {
          Line line{row.step(), {}, {}};
          for (const auto& item : row.values()) line.keys.emplace_back(item.key);
          const auto made =
              recorder.make_row(row.values(), row.step(), ranklog::RowKind::reduced, row.where());
          line.record = recorder.to_record(made, 4);
          logged.push_back(std::move(line));
        },
        [this](const std::string& text) { reports.push_back(text); });
  }
};

}  // namespace

TEST_CASE("a row with a device tensor is logged with the statistics of its elements") {
  Bench b;
  const std::vector<float> loss{1, 2, 6};
  const std::vector<std::int64_t> tokens{5, 7};
  REQUIRE(b.rows.must_hold({{"loss", device(loss.data(), 3)}}));
  b.hold({{"loss", device(loss.data(), 3)},
          {"tokens", ranklog::sum(device(tokens.data(), 2))},
          {"host", 1.5},
          {"note", "text"}},
         4);
  b.release();
  REQUIRE(b.logged.size() == 1);
  const auto& record = b.logged[0].record;
  CHECK(record.row_step == 4);
  const auto* metric = record.find("loss");
  REQUIRE(metric != nullptr);
  CHECK(metric->value == 3);
  CHECK(metric->statistics.count == 3);
  CHECK(metric->statistics.min == 1);
  CHECK(metric->statistics.max == 6);
  CHECK(metric->statistics.max_rank == 3);
  CHECK(metric->statistics.std == doctest::Approx(std::sqrt(14.0 / 3)));
  CHECK(record.find("tokens")->integer_value == 12);
  CHECK(record.find("host")->value == 1.5);
  CHECK(record.find("note")->text == "text");
}

TEST_CASE("a row without tensors waits behind one with, and no longer") {
  Bench b;
  b.gpu->is_slow = true;
  const std::vector<double> x{2};
  CHECK_FALSE(b.rows.must_hold({{"a", 1.0}}));
  b.hold({{"a", device(x.data(), 1)}}, 1);
  REQUIRE(b.rows.must_hold({{"a", 1.0}}));
  {
    std::string key = "nested";
    std::string text = "gone after the call";
    std::vector<double> span{1, 2};
    b.hold({{key, {{"a", 7.0}, {"t", text}, {"s", std::span<const double>(span)}}}}, 2);
  }
  b.release();
  CHECK(b.logged.empty());
  CHECK(b.gpu->n_waits == 0);
  b.gpu->is_slow = false;
  b.release();
  REQUIRE(b.logged.size() == 2);
  CHECK(b.logged[0].step == 1);
  CHECK(b.logged[1].keys == std::vector<std::string>{"nested/a", "nested/t", "nested/s"});
  CHECK(b.logged[1].record.find("nested/t")->text == "gone after the call");
  CHECK(b.logged[1].record.find("nested/s")->value == 1.5);
  CHECK_FALSE(b.rows.must_hold({{"a", 1.0}}));
}

TEST_CASE("waiting for the device happens at a flush alone, or when 1,024 rows wait") {
  Bench b;
  b.gpu->is_slow = true;
  const std::vector<double> x{2};
  for (std::size_t i = 0; i < DeviceRows::max_rows; ++i) b.hold({{"a", device(x.data(), 1)}});
  b.release();
  CHECK(b.gpu->n_waits == 0);
  b.hold({{"a", device(x.data(), 1)}});
  b.release();
  CHECK(b.gpu->n_waits == 1);
  CHECK(b.rows.n_waiting() == DeviceRows::max_rows);
  b.release(true);
  CHECK(b.rows.n_waiting() == 0);
}

TEST_CASE("weights and NaN of a device tensor count as those of host values do") {
  Bench b;
  const std::vector<double> x{1, std::numeric_limits<double>::quiet_NaN(), 4};
  b.hold({{"device", ranklog::mean(device(x.data(), 3), 2.5)},
          {"host", ranklog::mean(std::span<const double>(x), 2.5)}});
  b.release();
  const auto* on_device = b.logged.at(0).record.find("device");
  const auto* on_host = b.logged.at(0).record.find("host");
  CHECK(std::isnan(on_device->value));
  CHECK(on_device->statistics.nan_count == 1);
  CHECK(on_device->statistics.first_nan_rank == 3);
  CHECK(on_device->statistics.weight == on_host->statistics.weight);
  CHECK(on_device->statistics.mean == on_host->statistics.mean);
  CHECK(on_device->statistics.std == on_host->statistics.std);
}

TEST_CASE("a device tensor of weight zero is left out, and a negative weight is reported") {
  Bench b;
  const std::vector<double> x{1, 2};
  b.hold({{"none", ranklog::mean(device(x.data(), 2), 0.0)}, {"a", 1.0}}, 1);
  b.hold({{"wrong", ranklog::mean(device(x.data(), 2), -1.0)}}, 2);
  b.release();
  REQUIRE(b.logged.size() == 1);
  CHECK(b.logged[0].record.find("none") == nullptr);
  CHECK(b.logged[0].record.find("a") != nullptr);
  REQUIRE(b.reports.size() == 1);
  CHECK(b.reports[0].find("the weight of metric 'wrong' is -1") != std::string::npos);
}

TEST_CASE("a tensor without elements is as if it had not been logged") {
  Bench b;
  b.hold({{"none", device(static_cast<const float*>(nullptr), 0)}, {"a", 1.0}});
  b.release();
  CHECK(b.logged.at(0).record.find("none") == nullptr);
  CHECK(b.logged.at(0).record.find("a") != nullptr);
}

TEST_CASE("what the device cannot give is refused by the call that asks for it") {
  Bench b;
  const std::vector<double> x{1, 2};
  CHECK_THROWS_AS(b.hold({{"a", ranklog::gather(device(x.data(), 2))}}),
                  ranklog::InvalidValueError);
  CHECK_THROWS_AS(b.hold({{"a", ranklog::last(device(x.data(), 2))}}), ranklog::InvalidValueError);
  b.gpu->check_error = "0x10 is not device memory";
  try {
    b.hold({{"a", device(x.data(), 2)}});
    FAIL("a bad pointer was taken");
  } catch (const DeviceError& error) {
    const std::string text = error.what();
    CHECK(text.find("rank 3") != std::string::npos);
    CHECK(text.find("0x10 is not device memory") != std::string::npos);
    CHECK(text.find("device_rows.cpp:") != std::string::npos);
  }
  CHECK(b.rows.n_waiting() == 0);
}

TEST_CASE("one number on the device may be first or last, as it is both") {
  Bench b;
  const std::vector<double> x{7};
  b.hold({{"first", ranklog::first(device(x.data(), 1))},
          {"last", ranklog::last(device(x.data(), 1))}});
  b.release();
  CHECK(b.logged.at(0).record.find("first")->value == 7);
  CHECK(b.logged.at(0).record.find("last")->value == 7);
}

TEST_CASE("an error of the device loses the device values of the row and is reported") {
  Bench b;
  const std::vector<double> x{1};
  b.hold({{"a", device(x.data(), 1)}, {"b", 5.0}}, 9);
  b.gpu->asynchronous_error = "an illegal memory access was encountered";
  b.release();
  REQUIRE(b.reports.size() == 1);
  CHECK(b.reports[0].find("rank 3") != std::string::npos);
  CHECK(b.reports[0].find("illegal memory access") != std::string::npos);
  REQUIRE(b.logged.size() == 1);
  CHECK(b.logged[0].record.find("a") == nullptr);
  CHECK(b.logged[0].record.find("b")->value == 5);
}

TEST_CASE("a row that cannot be logged any more is reported, and the next one follows") {
  Bench b;
  const std::vector<double> x{1};
  b.hold({{"a", device(x.data(), 1)}}, 5);
  b.hold({{"a", device(x.data(), 1)}}, 4);
  b.hold({{"a", device(x.data(), 1)}}, 6);
  b.release();
  REQUIRE(b.reports.size() == 1);
  CHECK(b.reports[0].find("step 4 after step 5") != std::string::npos);
  CHECK(b.logged.size() == 2);
}
