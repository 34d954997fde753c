// Media go from the main process straight to its trackers; no other rank takes part.
#include <memory>

#include "accelerator/accelerator_impl.hpp"
#include "tracking/media_tasks.hpp"

namespace ranklog {
namespace {

std::shared_ptr<const tracking::TrackerOptions> shared_options(const MediaOptions& options) {
  if (options.tracker_options.empty()) return nullptr;
  return std::make_shared<const tracking::TrackerOptions>(options.tracker_options);
}

}  // namespace

void Accelerator::log_images(const std::vector<ImageItem>& images, std::optional<std::int64_t> step,
                             const MediaOptions& options) {
  if (auto* dispatch = impl_->dispatch_of_media("log_images()")) {
    dispatch->submit_media(tracking::images_task(*dispatch, images, step), shared_options(options));
  }
}

void Accelerator::log_table(std::string_view key, const Table& table,
                            std::optional<std::int64_t> step, const MediaOptions& options) {
  if (auto* dispatch = impl_->dispatch_of_media("log_table()")) {
    dispatch->submit_media(tracking::table_task(*dispatch, key, table, step),
                           shared_options(options));
  }
}

void Accelerator::log_histogram(std::string_view key, const Histogram& histogram,
                                std::optional<std::int64_t> step, const MediaOptions& options) {
  if (auto* dispatch = impl_->dispatch_of_media("log_histogram()")) {
    dispatch->submit_media(tracking::histogram_task(*dispatch, key, histogram, step),
                           shared_options(options));
  }
}

void Accelerator::log_figure(const Figure& figure, std::optional<std::int64_t> step,
                             const MediaOptions& options) {
  if (auto* dispatch = impl_->dispatch_of_media("log_figure()")) {
    dispatch->submit_media(tracking::figure_task(*dispatch, figure, step), shared_options(options));
  }
}

void Accelerator::log_artifact(const std::filesystem::path& path, std::string_view artifact_path,
                               const MediaOptions& options) {
  if (auto* dispatch = impl_->dispatch_of_media("log_artifact()")) {
    dispatch->submit_media(tracking::artifact_task(*dispatch, path, artifact_path),
                           shared_options(options));
  }
}

}  // namespace ranklog
