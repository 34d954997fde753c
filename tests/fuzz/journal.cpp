// The journal beside a run file, as bytes that nobody vouches for.
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include "hdf5/committed_file.hpp"
#include "hdf5/journal.hpp"

namespace {

namespace fs = std::filesystem;
using ranklog::h5::JournalRecord;

const fs::path& run_file() {
  static const fs::path path = [] {
    const bool has_memory = fs::is_directory("/dev/shm");
    const fs::path directory = (has_memory ? fs::path("/dev/shm") : fs::temp_directory_path()) /
                               ("ranklog-fuzz-" + std::to_string(getpid()));
    fs::create_directories(directory);
    std::atexit([] {
      std::error_code ignored;
      fs::remove_all(run_file().parent_path(), ignored);
    });
    return directory / "run.h5";
  }();
  return path;
}

void write_file(const fs::path& path, const void* data, std::size_t n_bytes) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (file < 0 || write(file, data, n_bytes) != static_cast<ssize_t>(n_bytes)) std::abort();
  close(file);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t n_bytes) {
  const auto* const bytes = reinterpret_cast<const std::byte*>(data);
  if (const auto record = JournalRecord::decode(std::vector<std::byte>(bytes, bytes + n_bytes))) {
    std::size_t n = 0;
    for (std::size_t i = 0; i < record->n_extents(); ++i) n += record->bytes(i).size();
    if (n > n_bytes) std::abort();
  }
  const std::vector<char> zeros(4096);
  write_file(run_file(), zeros.data(), zeros.size());
  write_file(ranklog::h5::journal_path(run_file()), data, n_bytes);
  try {
    const ranklog::h5::CommittedFile committed(run_file());
    (void)committed.is_current();
    (void)ranklog::h5::recover(run_file());
  } catch (const std::system_error&) {
  } catch (const ranklog::h5::WrongFile&) {
  }
  return 0;
}
