// Files that readers find whole, whenever they look.
#pragma once

#include <filesystem>
#include <string_view>

namespace ranklog::trackers::support {

// Writes `contents` under a second name in the same folder, ".<name>.part", and renames it: a
// reader, and a job that is killed, see the old file or the new one. Errors: IoError naming the
// path.
void replace_file(const std::filesystem::path& path, std::string_view contents);
// The same with the second name in another folder of the same file system.
void replace_file(const std::filesystem::path& path, std::string_view contents,
                  const std::filesystem::path& scratch_dir);
// Removes the second names that a killed job left in `scratch_dir`. Never throws for what cannot be
// removed.
void remove_interrupted(const std::filesystem::path& scratch_dir);

}  // namespace ranklog::trackers::support
