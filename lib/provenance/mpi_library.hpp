// Takes vendor and version out of the text of MPI_Get_library_version.
#pragma once

#include <string>
#include <string_view>

namespace ranklog::provenance {

// Empty where the text does not tell.
struct MpiLibrary {
  std::string vendor;   // "Open MPI"
  std::string version;  // "4.1.4"
};

[[nodiscard]] MpiLibrary parse_mpi_library(std::string_view library_version);

}  // namespace ranklog::provenance
