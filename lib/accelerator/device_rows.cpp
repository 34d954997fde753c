#include "accelerator/device_rows.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.hpp"
#include "ranklog/error.hpp"

namespace ranklog {
namespace {

bool has_tensor(std::span<const Item> items) noexcept {
  return std::any_of(items.begin(), items.end(), [](const Item& item) {
    return item.value.tag() == Value::Tag::device ||
           (item.value.tag() == Value::Tag::nested && has_tensor(item.value.nested()));
  });
}

std::string call_site(const SourceLocation& where) {
  if (where.line() == 0) return {};
  return fmt::format(" (at {}:{})", where.file_name(), where.line());
}

// One pass over a tensor leaves its statistics, not its elements.
void check_reduction(const Item& item, std::int32_t rank, const SourceLocation& where) {
  const auto reduction = item.value.reduction();
  const bool needs_elements = reduction == Reduction::gather ||
                              (item.value.tensor().n > 1 &&
                               (reduction == Reduction::first || reduction == Reduction::last));
  if (!needs_elements) return;
  throw InvalidValueError(fmt::format(
      "log() on rank {}: metric '{}' asks for {} of a device tensor of {} elements, of which only "
      "the statistics come to the host; copy it to the host and log it as a std::span{}",
      rank, escape_unprintable(item.key), to_string(*reduction), item.value.tensor().n,
      call_site(where)));
}

}  // namespace

bool DeviceRows::must_hold(const Values& values) const noexcept {
  return !waiting_.empty() || has_tensor(values.items());
}

void DeviceRows::hold(const Values& values, std::optional<std::int64_t> step,
                      const LogOptions& options, const SourceLocation& where) {
  std::unique_ptr<HeldRow> row;
  if (free_.empty()) {
    row = std::make_unique<HeldRow>();
  } else {
    row = std::move(free_.back());
    free_.pop_back();
  }
  row->hold(values, step, options, where);
  try {
    if (!row->tensors().empty()) submit(*row);
  } catch (...) {
    row->clear();
    free_.push_back(std::move(row));
    throw;
  }
  waiting_.push_back(std::move(row));
}

void DeviceRows::submit(HeldRow& row) {
  for (const auto& item : row.values()) {
    if (item.value.tag() == Value::Tag::device) check_reduction(item, rank_, row.where());
  }
  try {
    if (!engine_) engine_ = std::make_unique<gpu::Engine>(make_driver_());
    row.set_ticket(engine_->submit(row.tensors()));
  } catch (const DeviceError& error) {
    throw DeviceError(
        fmt::format("log() on rank {}: {}{}", rank_, error.what(), call_site(row.where())));
  }
}

bool DeviceRows::prepare(HeldRow& row, bool wait, const Report& report) {
  if (!row.has_ticket()) return true;
  try {
    if (wait) {
      row.ticket().wait();
    } else if (!row.ticket().is_done()) {
      return false;
    }
    row.fill_in(rank_);
  } catch (const DeviceError& error) {
    report(fmt::format("rank {}: the device values of a row are lost: {}{}", rank_, error.what(),
                       call_site(row.where())));
    row.drop_tensors();
  }
  return true;
}

void DeviceRows::release(bool wait, const LogNow& log_now, const Report& report) {
  while (!waiting_.empty()) {
    HeldRow& row = *waiting_.front();
    if (!prepare(row, wait || waiting_.size() > max_rows, report)) return;
    try {
      log_now(row);
    } catch (const Error& error) {
      // The call that logged the row returned long ago; its place stands in the text.
      report(error.what());
    }
    row.clear();
    free_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

}  // namespace ranklog
