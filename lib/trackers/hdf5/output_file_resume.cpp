// How a run file is opened again for another attempt at its run.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <system_error>
#include <utility>

#include "core/text.hpp"
#include "hdf5/committed_file.hpp"
#include "hdf5/file_driver.hpp"
#include "hdf5/layout.hpp"
#include "hdf5/library.hpp"
#include "ranklog/error.hpp"
#include "ranklog/version.hpp"
#include "trackers/hdf5/attributes.hpp"
#include "trackers/hdf5/output_file.hpp"
#include "trackers/hdf5/row_copy.hpp"
#include "trackers/hdf5/set_aside.hpp"
#include "trackers/hdf5/stored_metrics.hpp"

namespace ranklog::trackers::hdf5 {
namespace {

using h5::checked;

bool is_there(hid_t file, const std::string& path) {
  return checked(H5Lexists(file, path.c_str(), H5P_DEFAULT), "look for", path) > 0;
}

void move_link(hid_t file, const std::string& from, const std::string& to) {
  checked(H5Lmove(file, from.c_str(), file, to.c_str(), H5P_DEFAULT, H5P_DEFAULT), "move", from);
}

// How the attempt before ended: as it said itself, unless it never got to that.
void keep_outcome(hid_t file, std::int32_t attempt) {
  const std::string path = run_group(attempt);
  if (read_text(file, path, "status")) return;
  const h5::Group group(checked(H5Gopen2(file, path.c_str(), H5P_DEFAULT), "open group", path));
  const std::string status = read_text(file, "/", "status").value_or("running");
  write_attribute(group.get(), "status", status == "running" ? "interrupted" : status);
  if (const auto reason = read_text(file, "/", "status_reason")) {
    write_attribute(group.get(), "status_reason", *reason);
    checked(H5Adelete(file, "status_reason"), "remove", "status_reason");
  }
}

void widen_ranks(hid_t group, const char* name, hsize_t n_ranks) {
  const h5::Dataset narrow(checked(H5Dopen2(group, name, H5P_DEFAULT), "open dataset", name));
  std::vector<hsize_t> extents = extents_of(narrow.get());
  if (extents.size() < 2 || extents[1] >= n_ranks) return;
  extents[1] = n_ranks;
  checked(H5Ldelete(group, name, H5P_DEFAULT), "replace dataset", name);
  const h5::Dataset wide = create_like(narrow.get(), group, name, extents);
  copy_attributes(narrow.get(), wide.get());
  copy_rows(narrow.get(), 0, extents.front(), wide.get(), 0);
}

}  // namespace

std::string run_group(std::int32_t attempt) { return fmt::format("/run/{}", attempt); }

std::unique_ptr<OutputFile> OutputFile::reopen(std::filesystem::path path,
                                               const TrackerContext& context, double now_s) {
  std::unique_ptr<OutputFile> file(new OutputFile(std::move(path), context));
  file->open_existing();
  try {
    file->begin_attempt(context, now_s);
  } catch (...) {
    file->give_up();
    throw;
  }
  return file;
}

void OutputFile::open_existing() {
  make_lists();
  try {
    (void)h5::recover(path_);
    file_ = h5::AtomicFile::open(path_, run_id_);
  } catch (const std::system_error& error) {
    throw h5::CallFailed(error.code().message());
  } catch (const h5::WrongFile&) {
    throw h5::CallFailed(
        "the journal beside it is not its own; remove that if the file is the right one");
  }
  const h5::PropertyList access = h5::access_through(*file_, false);
  set_layout(access.get());
  opened_ =
      h5::File(checked(H5Fopen(path_.c_str(), H5F_ACC_RDWR, access.get()), "open", "the file"));
  native_id_ = opened_.get();
}

void OutputFile::begin_attempt(const TrackerContext& context, double now_s) {
  const auto format = read_integer(id(), "/", "ranklog_format");
  if (format != run_file_format) {
    throw h5::CallFailed(fmt::format("it is not a run file of format {}", run_file_format));
  }
  const std::vector<AttemptStart> attempts = find_attempts(id());
  previous_attempt_ = attempts.empty() ? 0 : attempts.back().attempt;
  const std::int32_t attempt = std::max(context.attempt, previous_attempt_ + 1);
  set_rows_aside(id(), attempts, {attempt, context.from_step});
  keep_outcome(id(), previous_attempt_);
  replace_attribute(id(), "status", to_string(RunStatus::running));
  replace_attribute(id(), "n_ranks", n_ranks_);
  replace_attribute(id(), "ranklog_version", version);
  if (is_there(id(), h5::summary_group)) {
    checked(H5Ldelete(id(), h5::summary_group, H5P_DEFAULT), "remove", h5::summary_group);
  }
  write_attempt(context, attempt, now_s);
  replace_ranks(context);
}

// The attempt before keeps its own ranks. Gathered metrics are as wide as the widest attempt.
void OutputFile::replace_ranks(const TrackerContext& context) {
  const std::string kept = run_group(previous_attempt_) + h5::ranks_group;
  move_link(id(), h5::ranks_group, kept);
  const std::string scale = kept + "/rank";
  const h5::Dataset old_scale(
      checked(H5Dopen2(id(), scale.c_str(), H5P_DEFAULT), "open dataset", scale));
  const auto n_before = static_cast<std::int32_t>(extents_of(old_scale.get()).front());
  n_ranks_ = std::max(n_ranks_, n_before);
  write_ranks(context);
  for (const StoredMetric& metric : find_metrics(id())) {
    if (!is_there(id(), metric.path + "/per_rank")) continue;
    const h5::Group group(
        checked(H5Gopen2(id(), metric.path.c_str(), H5P_DEFAULT), "open group", metric.path));
    checked(H5Ldelete(group.get(), "rank", H5P_DEFAULT), "replace", "rank");
    checked(H5Lcreate_hard(id(), "/ranks/rank", group.get(), "rank", H5P_DEFAULT, H5P_DEFAULT),
            "link /ranks/rank into", metric.path);
    for (const char* const name : {"per_rank", "per_rank_count"}) {
      widen_ranks(group.get(), name, static_cast<hsize_t>(n_ranks_));
      tie_to_scales(group.get(), name);
    }
  }
}

void OutputFile::put_config_aside() {
  if (!is_there(id(), h5::config_group)) return;
  move_link(id(), h5::config_group, run_group(previous_attempt_) + h5::config_group);
}

}  // namespace ranklog::trackers::hdf5
