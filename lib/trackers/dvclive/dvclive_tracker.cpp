#include "trackers/dvclive/dvclive_tracker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <system_error>

#include "core/text.hpp"
#include "ranklog/error.hpp"
#include "trackers/dvclive/tsv.hpp"
#include "trackers/support/image_file.hpp"
#include "trackers/support/replace_file.hpp"
#include "trackers/support/run_output.hpp"
#include "trackers/support/yaml_text.hpp"

namespace ranklog::trackers {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view tracker_name = "dvclive";
constexpr std::size_t flush_bytes = std::size_t{1} << 20;

std::string shown(const fs::path& path) { return escape_unprintable(path.string(), 1000); }

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw IoError(fmt::format("cannot make '{}': {}", shown(folder), error.message()));
}

// What DVCLive itself removes when it starts.
void remove_old_files(const fs::path& dir) {
  for (const char* const name : {"plots", "metrics.json", "params.yaml", "artifacts"}) {
    std::error_code error;
    fs::remove_all(dir / name, error);
    if (error) throw IoError(fmt::format("cannot empty '{}': {}", shown(dir), error.message()));
  }
}

// The file types that DVC shows as images (dvc-render, ImageRenderer.EXTENSIONS).
bool is_image_of_dvc(const fs::path& name) {
  constexpr std::array<std::string_view, 5> known{".png", ".jpg", ".jpeg", ".gif", ".svg"};
  return std::find(known.begin(), known.end(), name.extension().string()) != known.end();
}

}  // namespace

DvcliveTracker::~DvcliveTracker() {
  try {
    if (metrics_) write_all();
  } catch (const std::exception&) {
    // finish() reports errors; without it there is nobody to tell.
  }
}

void DvcliveTracker::start(const TrackerContext& context) {
  tracking::OptionReader options(tracker_name, context.options);
  const fs::path dir = options.text("dir", "");
  constexpr const char* beside_the_metrics = "\n";
  const std::string yaml = options.text("dvcyaml", beside_the_metrics);
  const bool may_overwrite = options.flag("overwrite", false);
  expansion_ = support::read_expansion(tracker_name, options);
  flush_interval_ = support::read_flush_interval(tracker_name, options);
  options.reject_unknown();

  const fs::path own_dir = support::require_run_dir(tracker_name, context) / "dvclive";
  dir_ = fs::absolute(dir.empty() ? own_dir : dir).lexically_normal();
  yaml_path_ = yaml == beside_the_metrics ? dir_ / "dvc.yaml" : fs::path(yaml);
  if (!yaml_path_.empty()) yaml_path_ = fs::absolute(yaml_path_).lexically_normal();
  take_folder(context, may_overwrite);
  metrics_ = std::make_unique<dvclive::MetricFiles>(dir_);
  if (context.is_resumed) {
    support::remove_interrupted(dir_);
    metrics_->resume(context.from_step);
  }
  std::error_code error;
  contents_ = {fs::exists(dir_ / "params.yaml", error), metrics_->has_rows(),
               fs::exists(dir_ / "plots" / "images", error)};
  last_write_ = Clock::now();
}

void DvcliveTracker::take_folder(const TrackerContext& context, bool may_overwrite) {
  if (!yaml_path_.empty() && !dvclive::is_ours_to_write(yaml_path_)) {
    throw RunExistsError(fmt::format(
        "'{}' was not written by ranklog and is left alone; set the option 'dvcyaml' of tracker "
        "'dvclive' to another path, or to \"\" and list '{}' in it yourself",
        shown(yaml_path_), shown(dir_)));
  }
  make_folder(dir_);
  if (context.is_resumed) return;
  std::error_code error;
  if (fs::exists(dir_ / "metrics.json", error) || fs::exists(dir_ / "plots", error)) {
    if (!may_overwrite) {
      throw RunExistsError(fmt::format(
          "'{}' holds the files of another run; resume that run, choose another 'dir', or set the "
          "option 'overwrite' of tracker 'dvclive' to replace them",
          shown(dir_)));
    }
    remove_old_files(dir_);
  }
}

void DvcliveTracker::store_init_configuration(const Config& config) {
  for (const auto& [key, value] : config.items()) config_.set(key, value);
  support::replace_file(dir_ / "params.yaml", support::to_yaml(config_));
  contents_.has_params = true;
  write_dvc_yaml();
}

void DvcliveTracker::log(const Record& record, const Config& options) {
  using Kind = support::NamedValue::Kind;
  for (const Metric& metric : record.metrics) {
    support::for_each_value(
        metric, expansion_, name_buffer_, [&](const support::NamedValue& value) {
          if (value.kind == Kind::text) {
            metrics_->add(value.name, record.row_step, dvclive::tsv_field(value.text),
                          json_quote(value.text));
            return;
          }
          const std::string text = value.kind == Kind::integer ? fmt::format("{}", value.integer)
                                                               : dvclive::python_real(value.real);
          metrics_->add(value.name, record.row_step, text,
                        std::isfinite(value.real) ? text : json_quote(text));
        });
  }
  contents_.has_metrics = contents_.has_metrics || metrics_->has_rows();
  const bool is_due = Clock::now() - last_write_ >= flush_interval_;
  if (is_due || metrics_->pending_bytes() >= flush_bytes) write_all();
  support::reject_log_options(tracker_name, options);
}

bool DvcliveTracker::log_images(const std::vector<ImageItem>& images, const MediaTime& when,
                                const Config& options) {
  for (const auto& item : images) {
    for (std::size_t i = 0; i < item.images.size(); ++i) {
      // A folder of files that are named by step is a slider in DVC's tools.
      fs::path name = item.name;
      if (item.images.size() > 1) name /= fmt::format("{}", i);
      name /= fmt::format("{}{}", when.row_step, support::image_extension(item.images[i]));
      add_image(name, support::image_file(item.images[i]));
    }
  }
  support::reject_log_options(tracker_name, options);
  return true;
}

bool DvcliveTracker::log_figure(const Figure& figure, const MediaTime&, const Config& options) {
  if (!is_image_of_dvc(figure.file_name)) return false;
  add_image(figure.file_name, figure.bytes);
  support::reject_log_options(tracker_name, options);
  return true;
}

void DvcliveTracker::add_image(const fs::path& below_images, std::string_view bytes) {
  const fs::path path = dir_ / "plots" / "images" / below_images;
  make_folder(path.parent_path());
  // DVC takes every file below plots/images for an image, so the half-written one is elsewhere.
  support::replace_file(path, bytes, dir_);
  contents_.has_images = true;
  write_dvc_yaml();
}

bool DvcliveTracker::log_artifact(const Artifact& artifact, const MediaTime&,
                                  const Config& options) {
  const fs::path folder = dir_ / "artifacts" / artifact.artifact_path;
  make_folder(folder);
  const auto how = fs::copy_options::recursive | fs::copy_options::overwrite_existing;
  // "models/" names the folder "models".
  const fs::path source =
      artifact.path.has_filename() ? artifact.path : artifact.path.parent_path();
  std::error_code error;
  fs::copy(source, folder / source.filename(), how, error);
  if (error) {
    throw IoError(
        fmt::format("cannot copy '{}' to '{}': {}", shown(source), shown(folder), error.message()));
  }
  support::reject_log_options(tracker_name, options);
  return true;
}

void DvcliveTracker::write_all() {
  last_write_ = Clock::now();
  metrics_->write();
  write_dvc_yaml();
}

void DvcliveTracker::write_dvc_yaml() {
  if (yaml_path_.empty() || contents_ == contents_in_yaml_) return;
  // DVC complains about an entry without its file, so the metrics come with their first flush.
  dvclive::Contents contents = contents_;
  std::error_code error;
  contents.has_metrics = contents.has_metrics && fs::exists(dir_ / "metrics.json", error);
  support::replace_file(yaml_path_, dvclive::dvc_yaml(contents, dir_, yaml_path_));
  contents_in_yaml_ = contents;
}

void DvcliveTracker::flush() { write_all(); }

void DvcliveTracker::finish(const RunOutcome&) { write_all(); }

std::unique_ptr<GeneralTracker> make_dvclive_tracker() {
  return std::make_unique<DvcliveTracker>();
}

}  // namespace ranklog::trackers
