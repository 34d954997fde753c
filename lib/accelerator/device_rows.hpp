// Rows with device tensors: they wait here, in order, until the device has their statistics, so
// that log() itself never does. See docs/design/0012-device-tensors.md.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "accelerator/held_values.hpp"
#include "device/engine.hpp"

namespace ranklog {

class DeviceRows {
 public:
  // More than this many rows wait for the oldest.
  static constexpr std::size_t max_rows = 1024;

  using MakeDriver = std::function<std::unique_ptr<gpu::Driver>()>;
  // The driver is made when the first device tensor is logged.
  DeviceRows(std::int32_t rank, MakeDriver make_driver)
      : rank_(rank), make_driver_(std::move(make_driver)) {}

  // True if a call with these values goes through hold(): it has a tensor, or earlier rows wait,
  // which it must not overtake.
  [[nodiscard]] bool must_hold(const Values& values) const noexcept;

  // Queues the statistics of the tensors and keeps the rest. Neither waits nor synchronises.
  // Errors: DeviceError, InvalidValueError for a reduction that needs the elements; the row is then
  // not kept.
  void hold(const Values& values, std::optional<std::int64_t> step, const LogOptions& options,
            const SourceLocation& where);

  using LogNow = std::function<void(const HeldRow&)>;
  using Report = std::function<void(const std::string&)>;
  // Hands on rows whose statistics are there, oldest first; with `wait`, all of them. What the
  // device or `log_now` refuses is reported, and the next row follows.
  void release(bool wait, const LogNow& log_now, const Report& report);

  [[nodiscard]] std::size_t n_waiting() const noexcept { return waiting_.size(); }

 private:
  void submit(HeldRow& row);
  // False while the device is busy with the row.
  [[nodiscard]] bool prepare(HeldRow& row, bool wait, const Report& report);

  std::int32_t rank_;
  MakeDriver make_driver_;
  std::unique_ptr<gpu::Engine> engine_;  // before the rows, whose tickets point to it
  std::deque<std::unique_ptr<HeldRow>> waiting_;
  std::vector<std::unique_ptr<HeldRow>> free_;
};

}  // namespace ranklog
