#include "trackers/hdf5/output_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include "core/text.hpp"
#include "hdf5/file_driver.hpp"
#include "hdf5/layout.hpp"
#include "hdf5/library.hpp"
#include "ranklog/error.hpp"
#include "ranklog/version.hpp"
#include "trackers/hdf5/attributes.hpp"
#include "trackers/hdf5/column.hpp"
#include "trackers/hdf5/dimension_scales.hpp"

namespace ranklog::trackers::hdf5 {
namespace {

using h5::checked;

// A metric's group has up to 15 links; up to here HDF5 keeps them in the group's own header, which
// takes a tenth of the space of its index structures.
constexpr unsigned max_compact_links = 16;
// Children of a node of a chunk index are twice this. HDF5's default of 32 costs 2 kB for every
// dataset, however short; with 10,000 keys that is 200 MB.
constexpr unsigned chunk_index_half_width = 4;
// As counts differ between metrics, so do their fill values.
constexpr std::size_t max_cached_lists = 32;
// What writing a metric needs of the file's structure: headers, and the last nodes of the chunk
// indices. HDF5 counts the bytes in the file; in memory they are up to ten times as many. When
// there are more metrics, reading them again from the system's cache takes no longer.
constexpr std::size_t metadata_bytes_per_series = 16u << 10;
constexpr std::size_t min_metadata_bytes = 128u << 10;
constexpr std::size_t max_metadata_bytes = 1u << 20;
// Stands in /ranks for a rank that the newest attempt does not have.
constexpr std::int32_t no_rank = -1;

h5::PropertyList make_group_creation() {
  h5::PropertyList list(checked(H5Pcreate(H5P_GROUP_CREATE), "make", "a group creation list"));
  constexpr unsigned in_order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
  checked(H5Pset_link_creation_order(list.get(), in_order), "set", "creation order");
  checked(H5Pset_attr_creation_order(list.get(), in_order), "set", "creation order");
  checked(H5Pset_link_phase_change(list.get(), max_compact_links, max_compact_links - 2), "set",
          "group storage");
  return list;
}

[[noreturn]] void throw_exists(const std::filesystem::path& path) {
  throw RunExistsError(fmt::format(
      "hdf5: {} exists already and is not overwritten; choose another run name or move the file",
      escape_unprintable(path.string())));
}

h5::PropertyList make_dataset_creation(Cell cell, const std::vector<hsize_t>& chunk,
                                       const std::vector<std::byte>& fill) {
  h5::PropertyList list(checked(H5Pcreate(H5P_DATASET_CREATE), "make", "a dataset creation list"));
  checked(H5Pset_chunk(list.get(), static_cast<int>(chunk.size()), chunk.data()), "set",
          "the chunk shape");
  checked(H5Pset_obj_track_times(list.get(), false), "set", "object times");
  if (cell == Cell::text) return list;
  const hid_t type = memory_type(cell, H5I_INVALID_HID);
  if (!fill.empty()) {
    checked(H5Pset_fill_value(list.get(), type, fill.data()), "set", "the fill value");
  } else if (chunk.size() == 1) {
    // Every cell is written before the dataset covers it.
    checked(H5Pset_fill_time(list.get(), H5D_FILL_TIME_NEVER), "set", "the fill time");
  } else {
    checked(H5Pset_fill_value(list.get(), type, fill_value(cell)), "set", "the fill value");
  }
  return list;
}

std::int32_t count_ranks(const TrackerContext& context) {
  const std::size_t n_described = context.provenance ? context.provenance->ranks.size() : 0;
  return std::max(context.n_ranks, static_cast<std::int32_t>(n_described));
}

}  // namespace

h5::Group make_group(hid_t parent, const std::string& path) {
  h5::PropertyList links(checked(H5Pcreate(H5P_LINK_CREATE), "create group", path));
  checked(H5Pset_char_encoding(links.get(), H5T_CSET_UTF8), "create group", path);
  const h5::PropertyList creation = make_group_creation();
  h5::Group group;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    const hid_t above = group ? group.get() : parent;
    const bool is_there =
        checked(H5Lexists(above, part.c_str(), H5P_DEFAULT), "look for group", path) > 0;
    const hid_t id =
        is_there ? H5Gopen2(above, part.c_str(), H5P_DEFAULT)
                 : H5Gcreate2(above, part.c_str(), links.get(), creation.get(), H5P_DEFAULT);
    group = h5::Group(checked(id, is_there ? "open group" : "create group", path));
    begin = end + 1;
  }
  return group;
}

OutputFile::OutputFile(std::filesystem::path path, const TrackerContext& context)
    : path_(std::move(path)), run_id_(context.run_id), n_ranks_(count_ranks(context)) {}

void OutputFile::make_lists() {
  dataset_access_ = h5::PropertyList(checked(H5Pcreate(H5P_DATASET_ACCESS), "make", "a list"));
  checked(H5Pset_chunk_cache(dataset_access_.get(), 0, 0, 0.75), "set", "the chunk cache");
  text_type_ = h5::utf8_type();
}

OutputFile::OutputFile(std::filesystem::path path, const TrackerContext& context, double created_s)
    : OutputFile(std::move(path), context) {
  try {
    file_ = h5::AtomicFile::create(path_, run_id_);
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::file_exists) throw_exists(path_);
    throw h5::CallFailed(error.code().message());
  }
  try {
    create_file();
    write_start(context, created_s);
  } catch (...) {
    file_->give_up();
    opened_.close();
    file_->remove();
    throw;
  }
}

void OutputFile::set_layout(hid_t access) {
  // 1.8 is the newest layout that opens plainly when its writer was killed after a flush, and the
  // oldest that keeps creation order and attributes above 64 kB.
  checked(H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18), "set", "the file version");
  // In blocks of HDF5's own size small chunks leave a fifth empty.
  checked(H5Pset_small_data_block_size(access, 0), "set", "the file's blocks");
}

void OutputFile::create_file() {
  make_lists();
  const h5::PropertyList access = h5::access_through(*file_, true);
  set_layout(access.get());
  h5::PropertyList creation(checked(H5Pcreate(H5P_FILE_CREATE), "make", "a file creation list"));
  constexpr unsigned in_order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
  checked(H5Pset_link_creation_order(creation.get(), in_order), "set", "creation order");
  checked(H5Pset_attr_creation_order(creation.get(), in_order), "set", "creation order");
  checked(H5Pset_istore_k(creation.get(), chunk_index_half_width), "set", "chunk index size");
  opened_ = h5::File(checked(H5Fcreate(path_.c_str(), H5F_ACC_EXCL, creation.get(), access.get()),
                             "create", "the file"));
  native_id_ = opened_.get();
}

void OutputFile::write_start(const TrackerContext& context, double created_s) {
  write_identity(context, created_s);
  write_ranks(context);
  for (const char* const group : {h5::metrics_group, h5::text_group}) {
    (void)make_group(opened_.get(), group + 1);
  }
  const h5::CommitFailure failure = flush(h5::Durability::process);
  if (failure) throw h5::CallFailed(std::strerror(failure.error));
}

void OutputFile::write_identity(const TrackerContext& context, double created_s) const {
  const Config root{{"ranklog_format", run_file_format},
                    {"ranklog_version", version},
                    {"project", context.project_name},
                    {"run_name", context.run_name},
                    {"run_id", context.run_id},
                    {"status", to_string(RunStatus::running)},
                    {"n_ranks", n_ranks_},
                    {"created", iso8601_utc(created_s)},
                    {"created_time", created_s}};
  write_config(opened_.get(), root);
  write_attempt(context, context.attempt, created_s);
}

void OutputFile::write_attempt(const TrackerContext& context, std::int32_t attempt,
                               double now_s) const {
  const h5::Group run = make_group(opened_.get(), run_group(attempt).substr(1));
  write_attribute(run.get(), "started", iso8601_utc(now_s));
  if (context.is_resumed) write_attribute(run.get(), "from_step", context.from_step);
  if (context.provenance) {
    for (const ConfigItem& fact : context.provenance->facts.items()) {
      write_attribute(run.get(), storable(fact.key), fact.value);
    }
  }
}

// One dataset for each property, with the rank in the run's communicator as their scale.
void OutputFile::write_ranks(const TrackerContext& context) {
  const h5::Group group = make_group(opened_.get(), h5::ranks_group + 1);
  const std::vector<RankInfo> none;
  const std::vector<RankInfo>& ranks = context.provenance ? context.provenance->ranks : none;
  Column rank("rank", Cell::rank);
  for (std::int32_t r = 0; r < n_ranks_; ++r) rank.add(r);
  Column world_rank("world_rank", Cell::rank), node_rank("node_rank", Cell::rank);
  Column host("host", Cell::text), pid("pid", Cell::integer), device("device", Cell::text);
  Column gpu_name("gpu_name", Cell::text), gpu_uuid("gpu_uuid", Cell::text);
  Column gpu_memory("gpu_memory", Cell::integer), cuda_driver("cuda_driver", Cell::text);
  Column cuda_runtime("cuda_runtime", Cell::text);
  for (const RankInfo& info : ranks) {
    world_rank.add(info.world_rank);
    node_rank.add(info.node_rank);
    host.add(info.host);
    pid.add(info.pid);
    device.add(info.device);
    gpu_name.add(info.gpu.name);
    gpu_uuid.add(info.gpu.uuid);
    gpu_memory.add(info.gpu.memory_bytes);
    cuda_driver.add(info.gpu.driver_version);
    cuda_runtime.add(info.gpu.runtime_version);
  }
  const std::string path = h5::ranks_group;
  rank.write_new(*this, path, {});
  make_scale(rank.dataset(), "rank");
  rank_scale_ = rank.reference();
  if (ranks.empty() || ranks.size() > static_cast<std::size_t>(n_ranks_)) return;
  // An earlier attempt had more ranks.
  for (auto r = ranks.size(); r < static_cast<std::size_t>(n_ranks_); ++r) {
    world_rank.add(no_rank);
    node_rank.add(no_rank);
    host.add(std::string_view());
    pid.add(std::int64_t{no_rank});
    for (Column* const text : {&device, &gpu_name, &gpu_uuid, &cuda_driver, &cuda_runtime}) {
      text->add(std::string_view());
    }
    gpu_memory.add(std::int64_t{0});
  }
  std::vector<Column*> columns{&world_rank, &node_rank, &host, &pid, &device};
  if (std::any_of(ranks.begin(), ranks.end(),
                  [](const auto& one) { return !one.gpu.uuid.empty(); })) {
    columns.insert(columns.end(), {&gpu_name, &gpu_uuid, &gpu_memory, &cuda_driver, &cuda_runtime});
  }
  for (Column* const column : columns) {
    column->write_new(*this, path, {rank_scale_});
    add_rank_use({column->reference(), 0});
  }
}

hid_t OutputFile::dataset_creation(Cell cell, const std::vector<hsize_t>& chunk,
                                   const std::vector<std::byte>& fill) const {
  if (dataset_creation_.size() > max_cached_lists) dataset_creation_.clear();
  CachedList& cached = dataset_creation_[{cell, fill}];
  if (cached.chunk == chunk) return cached.list.get();
  cached.list = make_dataset_creation(cell, chunk, fill);
  cached.chunk = chunk;
  return cached.list.get();
}

void OutputFile::fit_metadata_cache(std::size_t n_series) {
  const std::size_t n_bytes = std::bit_ceil(
      std::clamp(n_series * metadata_bytes_per_series, min_metadata_bytes, max_metadata_bytes));
  if (n_bytes == std::exchange(metadata_bytes_, n_bytes)) return;
  H5AC_cache_config_t config{};
  config.version = H5AC__CURR_CACHE_CONFIG_VERSION;
  checked(H5Fget_mdc_config(opened_.get(), &config), "read", "the metadata cache's size");
  config.set_initial_size = true;
  config.initial_size = config.min_size = config.max_size = n_bytes;
  config.incr_mode = H5C_incr__off;
  config.flash_incr_mode = H5C_flash_incr__off;
  config.decr_mode = H5C_decr__off;
  checked(H5Fset_mdc_config(opened_.get(), &config), "set", "the metadata cache's size");
}

void OutputFile::add_rank_use(ScaleUse use) {
  rank_uses_.push_back(use);
  has_new_rank_uses_ = true;
}

void OutputFile::remove_rank_use(hobj_ref_t dataset) {
  std::erase_if(rank_uses_, [&](const ScaleUse& use) { return use.dataset == dataset; });
}

h5::CommitFailure OutputFile::flush(h5::Durability durability) {
  if (std::exchange(has_new_rank_uses_, false)) {
    const h5::Dataset scale(
        checked(H5Dopen2(opened_.get(), "/ranks/rank", H5P_DEFAULT), "open", "/ranks/rank"));
    list_uses(scale.get(), rank_uses_);
  }
  file_->set_durability(durability);
  checked(H5Fflush(opened_.get(), H5F_SCOPE_LOCAL), "flush", "the file");
  return file_->failure();
}

std::string OutputFile::trouble_with_path() const {
  using Whereabouts = h5::AtomicFile::Whereabouts;
  const char* what = nullptr;
  switch (file_->whereabouts()) {
    case Whereabouts::in_place:
      return {};
    case Whereabouts::truncated:
      return "somebody cut it short; what was cut off is lost";
    case Whereabouts::removed:
      what = "it is not there any more";
      break;
    case Whereabouts::replaced:
      what = "there is another file in its place";
      break;
  }
  if (!file_->is_unreachable())
    return fmt::format("{}; rows go on into the one that was moved", what);
  return fmt::format(
      "{}; rows go on into the removed one, and a copy of that will be put at {} when "
      "the run ends",
      what, escape_unprintable(place_for_copy().string()));
}

std::filesystem::path OutputFile::place_for_copy() const {
  if (file_->whereabouts() == h5::AtomicFile::Whereabouts::removed) return path_;
  std::filesystem::path beside = path_;
  beside += '.' + run_id_;
  return beside;
}

void OutputFile::save_copy() const {
  const std::filesystem::path target = place_for_copy();
  try {
    std::filesystem::create_directories(target.parent_path());
    file_->copy_to(target);
  } catch (const std::system_error& error) {
    throw IoError(
        fmt::format("hdf5: {} was removed while the job ran, and a copy of it could not be "
                    "put at {}: {}; all rows are lost",
                    escape_unprintable(path_.string()), escape_unprintable(target.string()),
                    error.code().message()));
  }
}

h5::CommitFailure OutputFile::close(h5::Durability durability) {
  text_type_.close();
  dataset_creation_.clear();
  dataset_access_.close();
  native_id_ = H5I_INVALID_HID;
  file_->set_durability(durability);
  checked(opened_.close(), "close", "the file");
  const h5::CommitFailure failure = file_->commit(durability);
  if (file_->is_unreachable()) save_copy();
  file_->close(durability);
  return failure;
}

}  // namespace ranklog::trackers::hdf5
