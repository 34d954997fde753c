// Accelerator::Impl: rows on their way in, and what is complete on its way to the trackers.
#include <utility>

#include "accelerator/accelerator_impl.hpp"
#include "ranklog/key.hpp"

namespace ranklog {

void Accelerator::Impl::log(const Values& values, std::optional<std::int64_t> step,
                            const LogOptions& options, const SourceLocation& where) {
  check_running("log()");
  if (!exchange_) return;  // log_with was empty
  exchange_->note_log(step.value_or(0), step.has_value(), where);
  if (device_rows_.n_waiting() > 0 || !log_short(values, step, options)) {
    if (device_rows_.must_hold(values)) {
      hold_row(values, step, options, where);
    } else {
      log_row(values, step, options, where);
    }
  }
  if (gpu_sampler_ && ++n_calls_since_gpu_metrics_ >= window_rows_) log_gpu_metrics();
  if (exchange_->has_settled()) deliver();
}

bool Accelerator::Impl::log_short(const Values& values, std::optional<std::int64_t> step,
                                  const LogOptions& options) {
  const bool is_plain = options.scope == Scope::all_ranks && options.tracker_options.empty();
  return fast_log_ && is_plain && fast_log_->log(values.items(), step);
}

void Accelerator::Impl::hold_row(const Values& values, std::optional<std::int64_t> step,
                                 const LogOptions& options, const SourceLocation& where) {
  if (options.scope == Scope::main_process && helpers.rank() != 0) return;
  device_rows_.hold(values, step, options, where);
  release_device_rows(false);
}

void Accelerator::Impl::release_device_rows(bool wait) {
  device_rows_.release(
      wait,
      [this](const HeldRow& row) {
        if (!log_short(row.values(), row.step(), row.options())) {
          log_row(row.values(), row.step(), row.options(), row.where());
        }
      },
      [this](const std::string& text) { report(text); });
}

void Accelerator::Impl::log_row(const Values& values, std::optional<std::int64_t> step,
                                const LogOptions& options, const SourceLocation& where) {
  const bool is_main_only = options.scope == Scope::main_process;
  if (is_main_only && helpers.rank() != 0) return;

  if (fast_log_) fast_log_->write_back();
  auto row =
      recorder_.make_row(values, step, is_main_only ? RowKind::main_only : RowKind::reduced, where);
  if (row.cells.empty()) return;
  std::shared_ptr<const tracking::TrackerOptions> tracker_options;
  if (!options.tracker_options.empty()) {
    tracker_options = std::make_shared<const tracking::TrackerOptions>(options.tracker_options);
  }
  using tracking::Audience;
  if (is_main_only || (dispatch_ && dispatch_->has(Audience::every_rank))) {
    const auto own = std::make_shared<const Record>(recorder_.to_record(row, 1));
    if (is_main_only) dispatch_->submit(own, tracker_options, Audience::main_process);
    dispatch_->submit(own, tracker_options, Audience::every_rank);
  }
  if (is_main_only) {
    report_warnings();
    return;
  }
  row.caller_options = tracker_options;
  if (fast_log_) fast_log_->make_way(row);
  exchange_->submit(std::move(row));
  if (fast_log_) fast_log_->learn(values.items(), step.has_value());
}

void Accelerator::Impl::deliver() {
  if (!dispatch_ || helpers.rank() != 0) return;
  exchange_->take_settled(settled_);
  for (auto& item : settled_) {
    if (item.block) {
      blocks_.push_back(finished(*item.block));
      exchange_->shapes().give_back(std::move(item.block));
      continue;
    }
    deliver_blocks();
    const auto& row = item.row;
    dispatch_->submit(std::make_shared<const Record>(recorder_.to_record(row, helpers.size())),
                      std::static_pointer_cast<const tracking::TrackerOptions>(row.caller_options),
                      tracking::Audience::main_process);
  }
  deliver_blocks();
  report_warnings();
}

void Accelerator::Impl::report_warnings() {
  for (const auto& warning : recorder_.take_warnings()) report(warning);
}

void Accelerator::Impl::log_own_cost() {
  if (!exchange_) return;
  const auto window = own_cost->take(exchange_->sent());
  exchange_->submit(recorder_.make_own_row({{overhead_key, window.overhead_s},
                                            {messages_sent_key, window.sent.n_messages},
                                            {bytes_sent_key, window.sent.n_bytes}}));
}

void Accelerator::Impl::deliver_blocks() {
  if (!blocks_.empty()) dispatch_->submit(blocks_);
}

PooledBlock Accelerator::Impl::finished(const reduce::Block& block) {
  const auto index = static_cast<std::size_t>(block.shape());
  if (index >= block_pools_.size()) block_pools_.resize(index + 1);
  if (!block_pools_[index]) block_pools_[index] = std::make_shared<RecordBlockPool>();
  auto record_block = block_pools_[index]->take();
  reduce::finish_block(exchange_->shapes(), keys_, block, helpers.size(), *record_block);
  return record_block;
}

}  // namespace ranklog
