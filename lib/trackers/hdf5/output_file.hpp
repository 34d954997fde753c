// The open run file with what every dataset in it needs: how groups and datasets are created, the
// shared rank scale, and a check for free space before a block is written.
#pragma once

#include <hdf5.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "hdf5/handle.hpp"
#include "ranklog/tracker.hpp"
#include "trackers/hdf5/cell.hpp"
#include "trackers/hdf5/dimension_scales.hpp"

namespace ranklog::trackers::hdf5 {

// Creates a group in `parent`, with the groups on the way to it; opens it if it is there.
[[nodiscard]] h5::Group make_group(hid_t parent, const std::string& path);

class OutputFile {
 public:
  // Creates the file with its root attributes, /run/0 and /ranks, and flushes it.
  // Errors: RunExistsError if there is such a file; h5::CallFailed.
  OutputFile(std::filesystem::path path, const TrackerContext& context, double created_s);

  [[nodiscard]] hid_t id() const noexcept { return file_.get(); }
  [[nodiscard]] hid_t& native_id() noexcept { return native_id_; }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] std::int32_t n_ranks() const noexcept { return n_ranks_; }
  // How datasets are opened: without a chunk cache, as blocks are written whole.
  [[nodiscard]] hid_t dataset_access() const noexcept { return dataset_access_.get(); }
  [[nodiscard]] hid_t text_type() const noexcept { return text_type_.get(); }

  // How a dataset is created; the same list for the same chunks as in the last call with this cell.
  [[nodiscard]] hid_t dataset_creation(Cell cell, const std::vector<hsize_t>& chunk) const;

  // The scale of all datasets with a rank dimension: /ranks/rank.
  [[nodiscard]] hobj_ref_t rank_scale() const noexcept { return rank_scale_; }
  void add_rank_use(ScaleUse use);
  void remove_rank_use(hobj_ref_t dataset);

  // Returns the system's word for why `n_bytes` more cannot be written, or an empty string.
  // Asking first keeps a full disk from tearing HDF5's own structures, which cannot be undone.
  [[nodiscard]] std::string why_no_space(std::size_t n_bytes) const;
  // Hands what has been written to the operating system.
  void flush();
  // After a failed write: what HDF5 still holds goes to memory instead of the file, which stays as
  // it is. HDF5 1.10 keeps a file that it cannot close, and crashes on it at exit.
  void abandon() noexcept;
  // Closes the file and gives unused reserved space back. Every other handle must be closed.
  void close();

 private:
  void write_start(const TrackerContext& context, double created_s);
  void write_identity(const TrackerContext& context, double created_s) const;
  void write_ranks(const TrackerContext& context);

  std::filesystem::path path_;
  h5::File file_;
  h5::PropertyList dataset_access_;
  h5::Type text_type_;
  struct CachedList {
    std::vector<hsize_t> chunk;
    h5::PropertyList list;
  };
  mutable std::map<Cell, CachedList> dataset_creation_;
  hid_t native_id_ = H5I_INVALID_HID;
  std::int32_t n_ranks_ = 1;
  hobj_ref_t rank_scale_ = 0;
  std::vector<ScaleUse> rank_uses_;
  bool has_new_rank_uses_ = false;
  bool is_abandoned_ = false;
};

}  // namespace ranklog::trackers::hdf5
