// An HDF5 file driver that hands all reads and writes of one file to an object of ours.
#pragma once

#include "hdf5/driven_file.hpp"
#include "hdf5/handle.hpp"

namespace ranklog::h5 {

// A file access list with which H5Fcreate or H5Fopen gets `file`, whatever name it is given. Each
// list is for one file, opened once; `file` must outlive it. `is_new`: H5Fcreate comes next. HDF5
// takes no file locks through it. Errors: CallFailed.
[[nodiscard]] PropertyList access_through(DrivenFile& file, bool is_new);

}  // namespace ranklog::h5
