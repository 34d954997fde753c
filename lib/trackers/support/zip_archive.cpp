#include "trackers/support/zip_archive.hpp"

#include <fmt/format.h>
#include <zip.h>

#include <memory>
#include <string>

#include "core/text.hpp"
#include "ranklog/error.hpp"

namespace ranklog::trackers::support {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& archive, const std::string& why) {
  throw IoError(fmt::format("cannot write '{}': {}; the folder beside it holds the same files",
                            archive.string(), escape_unprintable(why)));
}

struct Discard {
  void operator()(zip_t* archive) const noexcept { zip_discard(archive); }
};

void add_file(zip_t* zip, const fs::path& file, const std::string& name, const fs::path& archive) {
  zip_source_t* const source = zip_source_file(zip, file.c_str(), 0, -1);  // the whole file
  if (source == nullptr) fail(archive, zip_strerror(zip));
  if (zip_file_add(zip, name.c_str(), source, ZIP_FL_ENC_UTF_8) < 0) {
    const std::string why = zip_strerror(zip);
    zip_source_free(source);
    fail(archive, why);
  }
}

}  // namespace

void zip_folder(const fs::path& folder, const fs::path& archive) {
  int code = 0;
  std::unique_ptr<zip_t, Discard> zip(zip_open(archive.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code));
  if (!zip) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string why = zip_error_strerror(&error);
    zip_error_fini(&error);
    fail(archive, why);
  }
  try {
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (!entry.is_regular_file() || entry.is_symlink()) continue;
      add_file(zip.get(), entry.path(), entry.path().lexically_relative(folder).generic_string(),
               archive);
    }
  } catch (const fs::filesystem_error& error) {
    fail(archive, error.what());
  }
  // Writes under another name in the same folder and renames.
  if (zip_close(zip.get()) != 0) fail(archive, zip_strerror(zip.get()));
  static_cast<void>(zip.release());
}

}  // namespace ranklog::trackers::support
