// The version of the MPI standard that the library at hand implements.
#pragma once

#include <string>

namespace ranklog::comm {

// For example "3.1". Allowed before MPI is initialised and after it was finalised.
[[nodiscard]] std::string mpi_standard_version();

}  // namespace ranklog::comm
