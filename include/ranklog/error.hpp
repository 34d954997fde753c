// Every error that ranklog throws. Each says what was tried, on which rank, with which name,
// and what the caller can do; `code()` survives the trip between ranks, so that all ranks of a
// collective call throw the same type with the same text.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace ranklog {

enum class ErrorCode : int {
  none = 0,
  usage,            // a call in the wrong order, or with arguments that contradict each other
  invalid_key,      // a metric key that breaks the naming rules
  invalid_value,    // a value that cannot be logged (unsigned beyond INT64_MAX, bad weight, ...)
  invalid_name,     // a project or run name that could leave the logging directory
  invalid_step,     // negative, or lower than an earlier step of the same key
  conflict,         // ranks or steps disagree about the type or the reduction of a key
  unknown_tracker,  // a name that is no tracker
  tracker_unavailable,  // a known tracker that cannot work in this build or here
  tracker_failed,       // a tracker threw from its constructor or from start()
  missing_logging_dir,  // a tracker needs a directory and none was given
  directory,            // a directory cannot be made, written or found
  run_exists,           // a run of that name is already there
  run_in_use,           // another job is recording to that run
  launch_mismatch,      // the launcher started N processes and MPI sees one
  shape_mismatch,       // ranks passed different shapes or types to gather or reduce
  file_format,          // a file is not a run file, is damaged, or is from a newer version
  io,                   // the operating system or HDF5 refused a read or a write
  communication,        // MPI reported an error
  device,               // a device tensor cannot be used, or the device reported an error
  foreign,              // an exception that is not ranklog's own, carried to the other ranks
};

// The name of `code` as it stands in messages and JSON, e.g. "invalid_key".
[[nodiscard]] std::string_view to_string(ErrorCode code) noexcept;

// Base class: catch this to catch all.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

// One type per code, so that a caller can catch what it can mend.
template <ErrorCode Code>
class ErrorOf final : public Error {
 public:
  explicit ErrorOf(const std::string& message) : Error(Code, message) {}
};

using UsageError = ErrorOf<ErrorCode::usage>;
using InvalidKeyError = ErrorOf<ErrorCode::invalid_key>;
using InvalidValueError = ErrorOf<ErrorCode::invalid_value>;
using InvalidNameError = ErrorOf<ErrorCode::invalid_name>;
using InvalidStepError = ErrorOf<ErrorCode::invalid_step>;
using ConflictError = ErrorOf<ErrorCode::conflict>;
using UnknownTrackerError = ErrorOf<ErrorCode::unknown_tracker>;
using TrackerUnavailableError = ErrorOf<ErrorCode::tracker_unavailable>;
using TrackerFailedError = ErrorOf<ErrorCode::tracker_failed>;
using MissingLoggingDirError = ErrorOf<ErrorCode::missing_logging_dir>;
using DirectoryError = ErrorOf<ErrorCode::directory>;
using RunExistsError = ErrorOf<ErrorCode::run_exists>;
using RunInUseError = ErrorOf<ErrorCode::run_in_use>;
using LaunchMismatchError = ErrorOf<ErrorCode::launch_mismatch>;
using ShapeMismatchError = ErrorOf<ErrorCode::shape_mismatch>;
using FileFormatError = ErrorOf<ErrorCode::file_format>;
using IoError = ErrorOf<ErrorCode::io>;
using CommunicationError = ErrorOf<ErrorCode::communication>;
using DeviceError = ErrorOf<ErrorCode::device>;
using ForeignError = ErrorOf<ErrorCode::foreign>;

// Throws the type that belongs to `code`; how an error that another rank met is thrown here.
[[noreturn]] void throw_error(ErrorCode code, const std::string& message);

}  // namespace ranklog
