// Puts a run file in order whose job was killed in the middle of a flush. Needs HDF5, not MPI.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>

namespace ranklog {

struct RunRecovery {
  enum class Action : std::uint8_t {
    none,       // there was nothing to do
    completed,  // the job was killed while it changed the file; the flush is in the file now
    cleaned,    // the file was in order, and a journal beside it that nobody needs was removed
  };
  std::filesystem::path file;
  Action action = Action::none;
  std::size_t n_bytes = 0;  // that were changed in the file
};

// `path` is a run file or a run directory that holds run.h5. Afterwards the file holds all flushed
// rows, and every program that reads HDF5 can open it. May be called again, also after a failure.
// RunReader reads such a file without this. Not needed for a run that ended or that was killed
// between flushes; does no harm there. Complexity: O(bytes of the journal).
// Errors: RunInUseError when a job is still recording to the run, naming it as far as it is known;
// FileFormatError when journal and file do not belong together, and then changes nothing; IoError
// when the system refuses. Thread safety: one thread at a time (HDF5).
RunRecovery recover_run(const std::filesystem::path& path);

}  // namespace ranklog
