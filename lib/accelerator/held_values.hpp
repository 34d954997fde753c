// A dictionary that was copied to be logged later, flattened, in memory that is used again.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/statistics.hpp"
#include "device/engine.hpp"
#include "ranklog/accelerator.hpp"
#include "ranklog/source_location.hpp"
#include "ranklog/value.hpp"

namespace ranklog {

// The arguments of one log() call.
class HeldRow {
 public:
  // Copies what the arguments borrow. Device tensors stay where they are: their statistics come by
  // ticket. Allocates only while the row is larger than any before it.
  void hold(const Values& values, std::optional<std::int64_t> step, const LogOptions& options,
            const SourceLocation& where);
  [[nodiscard]] std::span<const DeviceSpan> tensors() const noexcept { return tensors_; }
  void set_ticket(gpu::Ticket ticket) { ticket_ = std::move(ticket); }
  [[nodiscard]] gpu::Ticket& ticket() { return *ticket_; }
  [[nodiscard]] bool has_ticket() const noexcept { return ticket_.has_value(); }

  // Puts the statistics of the tensors in their places, as values of `rank`.
  void fill_in(std::int32_t rank);
  // Takes the values that were tensors out; the others can still be logged.
  void drop_tensors();
  void clear() noexcept;

  [[nodiscard]] const std::vector<Item>& values() const noexcept { return items_; }
  [[nodiscard]] std::optional<std::int64_t> step() const noexcept { return step_; }
  [[nodiscard]] const LogOptions& options() const noexcept { return options_; }
  [[nodiscard]] const SourceLocation& where() const noexcept { return where_; }

 private:
  void measure(std::span<const Item> items, std::size_t n_prefix);
  void copy(std::span<const Item> items);
  [[nodiscard]] std::string_view keep(std::string_view text);
  [[nodiscard]] Value owned(const Value& value);

  std::size_t n_chars_ = 0;
  std::size_t n_reals_ = 0;
  std::size_t n_integers_ = 0;
  std::string prefix_;
  std::string chars_;
  std::vector<double> reals_;
  std::vector<std::int64_t> integers_;
  std::vector<Item> items_;
  struct TensorPlace {
    std::size_t item;
    double weight;
  };
  std::vector<TensorPlace> tensor_places_;
  std::vector<DeviceSpan> tensors_;
  std::vector<Accumulator> accumulators_;
  std::optional<gpu::Ticket> ticket_;
  std::optional<std::int64_t> step_;
  LogOptions options_;
  SourceLocation where_;
};

// The statistics of a device tensor as numbers of `rank`, each of that weight.
[[nodiscard]] Accumulator to_accumulator(const gpu::TensorStatistics& tensor,
                                         const DeviceSpan& span, double weight, std::int32_t rank);

}  // namespace ranklog
