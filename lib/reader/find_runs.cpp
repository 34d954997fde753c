#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "core/text.hpp"
#include "hdf5/layout.hpp"
#include "ranklog/error.hpp"
#include "ranklog/run_reader.hpp"

namespace ranklog {

namespace fs = std::filesystem;

std::vector<fs::path> find_runs(const fs::path& directory) {
  std::error_code error;
  const fs::file_status status = fs::status(directory, error);
  if (fs::is_regular_file(status)) return {directory};
  if (!fs::is_directory(status)) {
    throw DirectoryError(fmt::format("cannot look for runs: there is no directory {}",
                                     escape_unprintable(directory.string())));
  }
  std::vector<fs::path> runs;
  constexpr auto options = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator at(directory, options, error), end; at != end && !error;
       at.increment(error)) {
    std::error_code unreadable;
    if (at->path().filename() == h5::run_file_name && at->is_regular_file(unreadable)) {
      runs.push_back(at->path());
    }
  }
  std::sort(runs.begin(), runs.end());
  return runs;
}

}  // namespace ranklog
