#include "ranklog/error.hpp"

namespace ranklog {

std::string_view to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::none:
      return "none";
    case ErrorCode::usage:
      return "usage";
    case ErrorCode::invalid_key:
      return "invalid_key";
    case ErrorCode::invalid_value:
      return "invalid_value";
    case ErrorCode::invalid_name:
      return "invalid_name";
    case ErrorCode::invalid_step:
      return "invalid_step";
    case ErrorCode::conflict:
      return "conflict";
    case ErrorCode::unknown_tracker:
      return "unknown_tracker";
    case ErrorCode::tracker_unavailable:
      return "tracker_unavailable";
    case ErrorCode::tracker_failed:
      return "tracker_failed";
    case ErrorCode::missing_logging_dir:
      return "missing_logging_dir";
    case ErrorCode::directory:
      return "directory";
    case ErrorCode::run_exists:
      return "run_exists";
    case ErrorCode::run_in_use:
      return "run_in_use";
    case ErrorCode::launch_mismatch:
      return "launch_mismatch";
    case ErrorCode::shape_mismatch:
      return "shape_mismatch";
    case ErrorCode::file_format:
      return "file_format";
    case ErrorCode::io:
      return "io";
    case ErrorCode::communication:
      return "communication";
    case ErrorCode::device:
      return "device";
    case ErrorCode::foreign:
      return "foreign";
  }
  return "foreign";
}

void throw_error(ErrorCode code, const std::string& message) {
  switch (code) {
    case ErrorCode::usage:
      throw UsageError(message);
    case ErrorCode::invalid_key:
      throw InvalidKeyError(message);
    case ErrorCode::invalid_value:
      throw InvalidValueError(message);
    case ErrorCode::invalid_name:
      throw InvalidNameError(message);
    case ErrorCode::invalid_step:
      throw InvalidStepError(message);
    case ErrorCode::conflict:
      throw ConflictError(message);
    case ErrorCode::unknown_tracker:
      throw UnknownTrackerError(message);
    case ErrorCode::tracker_unavailable:
      throw TrackerUnavailableError(message);
    case ErrorCode::tracker_failed:
      throw TrackerFailedError(message);
    case ErrorCode::missing_logging_dir:
      throw MissingLoggingDirError(message);
    case ErrorCode::directory:
      throw DirectoryError(message);
    case ErrorCode::run_exists:
      throw RunExistsError(message);
    case ErrorCode::run_in_use:
      throw RunInUseError(message);
    case ErrorCode::launch_mismatch:
      throw LaunchMismatchError(message);
    case ErrorCode::shape_mismatch:
      throw ShapeMismatchError(message);
    case ErrorCode::file_format:
      throw FileFormatError(message);
    case ErrorCode::io:
      throw IoError(message);
    case ErrorCode::communication:
      throw CommunicationError(message);
    case ErrorCode::device:
      throw DeviceError(message);
    case ErrorCode::none:
    case ErrorCode::foreign:
      break;
  }
  throw ForeignError(message);
}

}  // namespace ranklog
