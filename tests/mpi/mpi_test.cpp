// Helpers of mpi_test.hpp.
#include "mpi/mpi_test.hpp"

#include <unistd.h>

#include <string>
#include <system_error>
#include <vector>

namespace ranklog::mpi_test {

int world_rank() {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

int world_size() {
  int size = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  return size;
}

bool all_ranks(bool condition) {
  int here = condition ? 1 : 0;
  int everywhere = 0;
  MPI_Allreduce(&here, &everywhere, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  return everywhere == 1;
}

namespace {

std::string make_directory(std::string_view name) {
  std::string pattern =
      std::filesystem::temp_directory_path() / ("ranklog_" + std::string(name) + "_XXXXXX");
  if (mkdtemp(pattern.data()) == nullptr) return {};
  return pattern;
}

}  // namespace

SharedDirectory::SharedDirectory(std::string_view name) {
  std::string made = world_rank() == 0 ? make_directory(name) : std::string();
  int n_bytes = static_cast<int>(made.size());
  MPI_Bcast(&n_bytes, 1, MPI_INT, 0, MPI_COMM_WORLD);
  made.resize(static_cast<std::size_t>(n_bytes));
  MPI_Bcast(made.data(), n_bytes, MPI_CHAR, 0, MPI_COMM_WORLD);
  if (made.empty()) {
    throw std::filesystem::filesystem_error("cannot make a directory for the test",
                                            std::filesystem::temp_directory_path(),
                                            std::make_error_code(std::errc::io_error));
  }
  path_ = made;
}

SharedDirectory::~SharedDirectory() {
  MPI_Barrier(MPI_COMM_WORLD);
  if (world_rank() != 0) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace ranklog::mpi_test
