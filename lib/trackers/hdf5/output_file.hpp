// The open run file with what every dataset in it needs: how groups and datasets are created, the
// shared rank scale, and flushes that take place as a whole or not at all.
#pragma once

#include <hdf5.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "hdf5/atomic_file.hpp"
#include "hdf5/handle.hpp"
#include "ranklog/tracker.hpp"
#include "trackers/hdf5/cell.hpp"
#include "trackers/hdf5/dimension_scales.hpp"

namespace ranklog::trackers::hdf5 {

// "/run/<attempt>".
[[nodiscard]] std::string run_group(std::int32_t attempt);

// Creates a group in `parent`, with the groups on the way to it; opens it if it is there.
[[nodiscard]] h5::Group make_group(hid_t parent, const std::string& path);

class OutputFile {
 public:
  // Creates the file with its root attributes, /run/0 and /ranks, and flushes it.
  // Errors: RunExistsError if there is such a file; h5::CallFailed.
  OutputFile(std::filesystem::path path, const TrackerContext& context, double created_s);
  // Opens what an earlier attempt left, for the next one: rows at context.from_step and later are
  // set aside, and /run, /ranks and the root attributes are made this attempt's. Nothing of that is
  // in the file before the first flush. Errors: h5::CallFailed.
  [[nodiscard]] static std::unique_ptr<OutputFile> reopen(std::filesystem::path path,
                                                          const TrackerContext& context,
                                                          double now_s);

  [[nodiscard]] hid_t id() const noexcept { return opened_.get(); }
  [[nodiscard]] hid_t& native_id() noexcept { return native_id_; }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] std::int32_t n_ranks() const noexcept { return n_ranks_; }
  // How datasets are opened: without a chunk cache, as blocks are written whole.
  [[nodiscard]] hid_t dataset_access() const noexcept { return dataset_access_.get(); }
  [[nodiscard]] hid_t text_type() const noexcept { return text_type_.get(); }

  // How a dataset is created, with what it gives for rows that are not written, if there can be
  // any; mostly the same list for the same arguments.
  [[nodiscard]] hid_t dataset_creation(Cell cell, const std::vector<hsize_t>& chunk,
                                       const std::vector<std::byte>& fill) const;

  // The scale of all datasets with a rank dimension: /ranks/rank.
  // Makes room in memory for the structure of as many metrics as there are. Older parts of it are
  // dropped, so that it does not grow with the rows; they are in the file.
  void fit_metadata_cache(std::size_t n_series);

  [[nodiscard]] hobj_ref_t rank_scale() const noexcept { return rank_scale_; }
  void add_rank_use(ScaleUse use);
  void remove_rank_use(hobj_ref_t dataset);
  // Keeps the configuration of an earlier attempt under that attempt.
  void put_config_aside();

  // Makes all that was written part of the file, or nothing of it; then it waits in memory and the
  // next flush tries again. Errors: h5::CallFailed from HDF5 itself, which the system's refusals
  // never are.
  h5::CommitFailure flush(h5::Durability durability);
  [[nodiscard]] std::size_t n_bytes_waiting() const noexcept { return file_->n_bytes_waiting(); }
  // After a failed HDF5 call: the file stays as the last flush left it.
  void give_up() noexcept { file_->give_up(); }
  // What happened to the file's name, in words for an error; empty if nothing did.
  [[nodiscard]] std::string trouble_with_path() const;
  // Flushes and closes. Every other handle must be closed. A file that was removed is put back, or,
  // where there is another of its name, beside that. Errors: h5::CallFailed, IoError.
  h5::CommitFailure close(h5::Durability durability);

 private:
  OutputFile(std::filesystem::path path, const TrackerContext& context);
  void create_file();
  static void set_layout(hid_t access);
  void make_lists();
  void open_existing();
  void begin_attempt(const TrackerContext& context, double now_s);
  void write_attempt(const TrackerContext& context, std::int32_t attempt, double now_s) const;
  void replace_ranks(const TrackerContext& context);
  void write_start(const TrackerContext& context, double created_s);
  void write_identity(const TrackerContext& context, double created_s) const;
  void write_ranks(const TrackerContext& context);
  [[nodiscard]] std::filesystem::path place_for_copy() const;
  void save_copy() const;

  std::filesystem::path path_;
  std::string run_id_;
  std::unique_ptr<h5::AtomicFile> file_;  // outlives what HDF5 opened on it
  h5::File opened_;
  h5::PropertyList dataset_access_;
  h5::Type text_type_;
  struct CachedList {
    std::vector<hsize_t> chunk;
    h5::PropertyList list;
  };
  mutable std::map<std::pair<Cell, std::vector<std::byte>>, CachedList> dataset_creation_;
  hid_t native_id_ = H5I_INVALID_HID;
  std::int32_t n_ranks_ = 1;
  std::int32_t previous_attempt_ = 0;  // of a file that was there
  hobj_ref_t rank_scale_ = 0;
  std::vector<ScaleUse> rank_uses_;
  bool has_new_rank_uses_ = false;
  std::size_t metadata_bytes_ = 0;  // that HDF5 may keep in memory
};

}  // namespace ranklog::trackers::hdf5
