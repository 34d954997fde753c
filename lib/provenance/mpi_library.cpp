#include "provenance/mpi_library.hpp"

#include <array>

namespace ranklog::provenance {

MpiLibrary parse_mpi_library(std::string_view library_version) {
  // Longer names first: "CRAY MPICH" and "MVAPICH2" are not "MPICH".
  constexpr std::array<std::string_view, 8> vendors = {
      "IBM Spectrum MPI", "Open MPI",     "CRAY MPICH", "MVAPICH2",
      "MVAPICH",          "Intel(R) MPI", "MPICH",      "MPItrampoline"};
  constexpr std::string_view digits = "0123456789";
  for (const std::string_view vendor : vendors) {
    const std::size_t begin = library_version.find(vendor);
    if (begin == library_version.npos) continue;
    const auto rest = library_version.substr(begin + vendor.size());
    const std::size_t number = rest.find_first_of(digits);
    if (number == rest.npos) return {std::string(vendor), ""};
    const std::size_t end = rest.find_first_not_of("0123456789.abrc", number);
    std::string version(rest.substr(number, end == rest.npos ? rest.npos : end - number));
    while (version.ends_with('.')) version.pop_back();
    return {std::string(vendor), version};
  }
  return {};
}

}  // namespace ranklog::provenance
