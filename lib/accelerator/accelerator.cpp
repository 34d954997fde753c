#include "ranklog/accelerator.hpp"

#include <exception>

#include "accelerator/accelerator_impl.hpp"

namespace ranklog {

Accelerator::Accelerator(AcceleratorOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}

Accelerator::~Accelerator() = default;

void Accelerator::init_trackers(std::string_view project_name) {
  impl_->init_trackers(project_name, nullptr, {});
}
void Accelerator::init_trackers(std::string_view project_name, const Config& config,
                                const InitOptions& options) {
  impl_->init_trackers(project_name, &config, options);
}
void Accelerator::init_trackers(std::string_view project_name, std::nullopt_t,
                                const InitOptions& options) {
  impl_->init_trackers(project_name, nullptr, options);
}

void Accelerator::log(const Values& values, std::optional<std::int64_t> step,
                      const LogOptions& options, SourceLocation where) {
  if (!impl_->own_cost) {
    impl_->log(values, step, options, where);
    return;
  }
  impl_->own_cost->time([&] { impl_->log(values, step, options, where); });
  if (impl_->own_cost->is_full_after_row()) impl_->log_own_cost();
}
void Accelerator::flush() {
  if (impl_->own_cost) {
    impl_->own_cost->time([this] { impl_->flush(); });
  } else {
    impl_->flush();
  }
}
void Accelerator::define_metric(std::string_view key, const MetricOptions& options) {
  impl_->define_metric(key, options);
}
TrackerHandle Accelerator::get_tracker(std::string_view name) { return impl_->get_tracker(name); }
void Accelerator::end_training() { impl_->end_training(std::nullopt); }

std::vector<std::string> Accelerator::log_with() const {
  std::vector<std::string> names;
  for (const auto& selected : impl_->selection.trackers) names.push_back(selected.name);
  return names;
}

std::vector<std::string> Accelerator::trackers() const {
  std::vector<std::string> names;
  if (impl_->phase != Impl::Phase::running) return names;
  for (const auto& selected : impl_->selection.trackers) {
    if (is_main_process() || !selected.tracker->main_process_only()) names.push_back(selected.name);
  }
  return names;
}

std::optional<std::string> Accelerator::project_dir() const { return impl_->project.project_dir; }
std::optional<std::string> Accelerator::logging_dir() const { return impl_->project.logging_dir; }
int Accelerator::save_iteration() const noexcept { return impl_->project.iteration; }
const std::string& Accelerator::run_name() const noexcept { return impl_->run.run_name; }
int Accelerator::attempt() const noexcept { return impl_->attempt; }
std::int64_t Accelerator::first_step() const noexcept { return impl_->first_step; }
std::string Accelerator::run_directory() const { return impl_->run.path.string(); }

}  // namespace ranklog
