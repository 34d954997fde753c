// The journal beside a run file, as bytes that nobody vouches for.
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "hdf5/committed_file.hpp"
#include "hdf5/journal.hpp"
#include "scratch.hpp"

namespace {

namespace fs = std::filesystem;
using ranklog::h5::JournalRecord;

const fs::path& run_file() {
  static const fs::path path = ranklog::fuzz::scratch() / "run.h5";
  return path;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t n_bytes) {
  const auto* const bytes = reinterpret_cast<const std::byte*>(data);
  if (const auto record = JournalRecord::decode(std::vector<std::byte>(bytes, bytes + n_bytes))) {
    std::size_t n = 0;
    for (std::size_t i = 0; i < record->n_extents(); ++i) n += record->bytes(i).size();
    if (n > n_bytes) std::abort();
  }
  const std::string zeros(4096, '\0');
  ranklog::fuzz::write_file(run_file(), zeros);
  const std::string_view journal(reinterpret_cast<const char*>(data), n_bytes);
  ranklog::fuzz::write_file(ranklog::h5::journal_path(run_file()), journal);
  try {
    const ranklog::h5::CommittedFile committed(run_file());
    (void)committed.is_current();
    (void)ranklog::h5::recover(run_file());
  } catch (const std::system_error&) {
  } catch (const ranklog::h5::WrongFile&) {
  }
  return 0;
}
