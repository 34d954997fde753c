// A folder as a zip archive.
#pragma once

#include <filesystem>

namespace ranklog::trackers::support {

// Packs all regular files below `folder`, under their paths relative to it, into `archive`, which
// appears or is replaced when it is complete. Does not follow links.
// Errors: IoError naming the archive; an archive that was there stays.
void zip_folder(const std::filesystem::path& folder, const std::filesystem::path& archive);

}  // namespace ranklog::trackers::support
