#include "comm/mpi_standard.hpp"

#include <fmt/format.h>
#include <mpi.h>

namespace ranklog::comm {

std::string mpi_standard_version() {
  int version = 0;
  int subversion = 0;
  MPI_Get_version(&version, &subversion);
  return fmt::format("{}.{}", version, subversion);
}

}  // namespace ranklog::comm
