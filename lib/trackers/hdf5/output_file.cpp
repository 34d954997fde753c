#include "trackers/hdf5/output_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include "core/text.hpp"
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
// More than a file without metrics takes, some thousand ranks aside.
constexpr std::size_t bytes_of_empty_run = 65536;

h5::PropertyList make_group_creation() {
  h5::PropertyList list(checked(H5Pcreate(H5P_GROUP_CREATE), "make", "a group creation list"));
  constexpr unsigned in_order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
  checked(H5Pset_link_creation_order(list.get(), in_order), "set", "creation order");
  checked(H5Pset_attr_creation_order(list.get(), in_order), "set", "creation order");
  checked(H5Pset_link_phase_change(list.get(), max_compact_links, max_compact_links - 2), "set",
          "group storage");
  return list;
}

// Makes, fills and removes a file of that name. HDF5 1.10 cannot give up a file of which it could
// not write the beginning, and then fails at exit; so it is not asked to.
void try_to_write(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0 && errno == EEXIST) {
    throw RunExistsError(fmt::format(
        "hdf5: {} exists already and is not overwritten; choose another run name or move the file",
        escape_unprintable(path.string())));
  }
  if (descriptor < 0) throw h5::CallFailed(std::strerror(errno));
  const std::vector<char> zeros(bytes_of_empty_run);
  const ssize_t n_written = ::write(descriptor, zeros.data(), zeros.size());
  int error = n_written < 0 ? errno : 0;
  if (n_written >= 0 && static_cast<std::size_t>(n_written) < zeros.size()) error = ENOSPC;
  if (::close(descriptor) != 0 && error == 0) error = errno;
  ::unlink(path.c_str());
  if (error != 0) throw h5::CallFailed(std::strerror(error));
}

h5::File create_file(const std::filesystem::path& path) {
  // 1.8 is the newest layout that opens plainly when its writer was killed after a flush, and the
  // oldest that keeps creation order and attributes above 64 kB.
  const h5::PropertyList access = h5::unlocked_access();
  checked(H5Pset_libver_bounds(access.get(), H5F_LIBVER_V18, H5F_LIBVER_V18), "set",
          "the file version");
  h5::PropertyList creation(checked(H5Pcreate(H5P_FILE_CREATE), "make", "a file creation list"));
  constexpr unsigned in_order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
  checked(H5Pset_link_creation_order(creation.get(), in_order), "set", "creation order");
  checked(H5Pset_attr_creation_order(creation.get(), in_order), "set", "creation order");
  checked(H5Pset_istore_k(creation.get(), chunk_index_half_width), "set", "chunk index size");
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_EXCL, creation.get(), access.get());
  return h5::File(checked(file, "create", "the file"));
}

h5::PropertyList make_dataset_creation(Cell cell, const std::vector<hsize_t>& chunk) {
  h5::PropertyList list(checked(H5Pcreate(H5P_DATASET_CREATE), "make", "a dataset creation list"));
  checked(H5Pset_chunk(list.get(), static_cast<int>(chunk.size()), chunk.data()), "set",
          "the chunk shape");
  checked(H5Pset_obj_track_times(list.get(), false), "set", "object times");
  if (cell == Cell::text) return list;
  if (chunk.size() == 1) {
    // Every cell is written before the dataset covers it.
    checked(H5Pset_fill_time(list.get(), H5D_FILL_TIME_NEVER), "set", "the fill time");
  } else {
    checked(H5Pset_fill_value(list.get(), memory_type(cell, H5I_INVALID_HID), fill_value(cell)),
            "set", "the fill value");
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

OutputFile::OutputFile(std::filesystem::path path, const TrackerContext& context, double created_s)
    : path_(std::move(path)), n_ranks_(count_ranks(context)) {
  try_to_write(path_);
  dataset_access_ = h5::PropertyList(checked(H5Pcreate(H5P_DATASET_ACCESS), "make", "a list"));
  checked(H5Pset_chunk_cache(dataset_access_.get(), 0, 0, 0.75), "set", "the chunk cache");
  text_type_ = h5::utf8_type();
  file_ = create_file(path_);
  native_id_ = file_.get();
  try {
    write_start(context, created_s);
  } catch (...) {
    abandon();
    std::error_code unknown;
    std::filesystem::remove(path_, unknown);
    throw;
  }
}

void OutputFile::write_start(const TrackerContext& context, double created_s) {
  write_identity(context, created_s);
  write_ranks(context);
  for (const char* const group : {h5::metrics_group, h5::text_group}) {
    (void)make_group(file_.get(), group + 1);
  }
  flush();
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
  write_config(file_.get(), root);
  const h5::Group run = make_group(file_.get(), h5::run_group + 1);
  if (context.provenance) {
    for (const ConfigItem& fact : context.provenance->facts.items()) {
      write_attribute(run.get(), storable(fact.key), fact.value);
    }
  }
}

// One dataset for each property, with the rank in the run's communicator as their scale.
void OutputFile::write_ranks(const TrackerContext& context) {
  const h5::Group group = make_group(file_.get(), h5::ranks_group + 1);
  const std::vector<RankInfo> none;
  const std::vector<RankInfo>& ranks = context.provenance ? context.provenance->ranks : none;
  Column rank("rank", Cell::rank);
  for (std::int32_t r = 0; r < n_ranks_; ++r) rank.add(r);
  Column world_rank("world_rank", Cell::rank), node_rank("node_rank", Cell::rank);
  Column host("host", Cell::text), pid("pid", Cell::integer), device("device", Cell::text);
  for (const RankInfo& info : ranks) {
    world_rank.add(info.world_rank);
    node_rank.add(info.node_rank);
    host.add(info.host);
    pid.add(info.pid);
    device.add(info.device);
  }
  const std::string path = h5::ranks_group;
  rank.write_new(*this, path, {});
  make_scale(rank.dataset(), "rank");
  rank_scale_ = rank.reference();
  if (ranks.size() != static_cast<std::size_t>(n_ranks_)) return;
  for (Column* const column : {&world_rank, &node_rank, &host, &pid, &device}) {
    column->write_new(*this, path, {rank_scale_});
    add_rank_use({column->reference(), 0});
  }
}

std::string OutputFile::why_no_space(std::size_t n_bytes) const {
  hsize_t n_file_bytes = 0;
  void* descriptor = nullptr;
  if (H5Fget_filesize(file_.get(), &n_file_bytes) < 0 ||
      H5Fget_vfd_handle(file_.get(), H5P_DEFAULT, &descriptor) < 0 || descriptor == nullptr) {
    return {};
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
      n_file_bytes + n_bytes > limit.rlim_cur) {
    return std::strerror(EFBIG);
  }
  // Not supported by every file system; then a full disk shows when HDF5 writes.
  if (fallocate(*static_cast<int*>(descriptor), FALLOC_FL_KEEP_SIZE,
                static_cast<off_t>(n_file_bytes), static_cast<off_t>(n_bytes)) != 0 &&
      (errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == EIO)) {
    return std::strerror(errno);
  }
  return {};
}

hid_t OutputFile::dataset_creation(Cell cell, const std::vector<hsize_t>& chunk) const {
  CachedList& cached = dataset_creation_[cell];
  if (cached.chunk == chunk) return cached.list.get();
  cached.list = make_dataset_creation(cell, chunk);
  cached.chunk = chunk;
  return cached.list.get();
}

void OutputFile::add_rank_use(ScaleUse use) {
  rank_uses_.push_back(use);
  has_new_rank_uses_ = true;
}

void OutputFile::remove_rank_use(hobj_ref_t dataset) {
  std::erase_if(rank_uses_, [&](const ScaleUse& use) { return use.dataset == dataset; });
}

void OutputFile::flush() {
  if (std::exchange(has_new_rank_uses_, false)) {
    const h5::Dataset scale(
        checked(H5Dopen2(file_.get(), "/ranks/rank", H5P_DEFAULT), "open", "/ranks/rank"));
    list_uses(scale.get(), rank_uses_);
  }
  checked(H5Fflush(file_.get(), H5F_SCOPE_LOCAL), "flush", "the file");
}

void OutputFile::abandon() noexcept {
  void* descriptor = nullptr;
  if (H5Fget_vfd_handle(file_.get(), H5P_DEFAULT, &descriptor) < 0 || descriptor == nullptr) return;
  const int memory = memfd_create("ranklog", MFD_CLOEXEC);
  if (memory < 0) return;
  (void)dup3(memory, *static_cast<int*>(descriptor), O_CLOEXEC);
  ::close(memory);
  is_abandoned_ = true;
}

void OutputFile::close() {
  text_type_.close();
  dataset_creation_.clear();
  dataset_access_.close();
  native_id_ = H5I_INVALID_HID;
  checked(file_.close(), "close", "the file");
  if (is_abandoned_) return;
  std::error_code unknown;
  const auto n_bytes = std::filesystem::file_size(path_, unknown);
  if (!unknown) std::filesystem::resize_file(path_, n_bytes, unknown);
}

}  // namespace ranklog::trackers::hdf5
