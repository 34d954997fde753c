// Accelerator's process helpers: who am I, who runs what, who waits for whom.
#include <cstdio>
#include <exception>

#include "accelerator/accelerator_impl.hpp"
#include "accelerator/logger_state.hpp"

namespace ranklog {

int Accelerator::process_index() const noexcept { return impl_->helpers.rank(); }
int Accelerator::local_process_index() const noexcept { return impl_->node.rank(); }
int Accelerator::num_processes() const noexcept { return impl_->helpers.size(); }
const Communicator& Accelerator::helpers() const noexcept { return impl_->helpers; }

namespace {

// The barrier is passed in any case, so that an exception of one rank leaves nobody waiting.
void run_first(const Communicator& comm, const std::function<void()>& body) {
  std::exception_ptr failure;
  if (comm.rank() == 0) {
    try {
      body();
    } catch (...) {
      failure = std::current_exception();
    }
  }
  comm.barrier();
  if (failure) std::rethrow_exception(failure);
  if (comm.rank() != 0) body();
}

}  // namespace

void Accelerator::main_process_first(const std::function<void()>& body) const {
  run_first(impl_->helpers, body);
}
void Accelerator::local_main_process_first(const std::function<void()>& body) const {
  run_first(impl_->node, body);
}

void Accelerator::wait_for_everyone() const { impl_->helpers.barrier(); }

void Accelerator::print_line(std::string_view line) const {
  std::string text(line);
  text += '\n';
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

Logger Accelerator::get_logger(std::string name) const {
  auto state = make_logger_state(std::move(name), impl_->helpers);
  impl_->loggers.push_back(state);
  return Logger(std::move(state));
}

std::unique_ptr<ProgressBar> Accelerator::progress_bar(std::int64_t total,
                                                       std::string label) const {
  return std::make_unique<ProgressBar>(total, std::move(label), is_main_process());
}

void Accelerator::set_trigger() noexcept { impl_->has_trigger = true; }
bool Accelerator::check_trigger() {
  const bool is_set = collectives::any_rank(impl_->helpers, impl_->has_trigger);
  impl_->has_trigger = false;
  return is_set;
}

void Accelerator::request_stop() noexcept { impl_->is_stop_requested = true; }
bool Accelerator::should_stop() {
  if (impl_->is_stop_agreed) return true;
  const bool has_signal = impl_->stop_signals && impl_->stop_signals->is_requested();
  impl_->is_stop_agreed =
      collectives::any_rank(impl_->helpers, has_signal || impl_->is_stop_requested);
  if (impl_->is_stop_agreed) {
    impl_->is_stopped_by_signal = collectives::any_rank(impl_->helpers, has_signal);
  }
  return impl_->is_stop_agreed;
}

}  // namespace ranklog
