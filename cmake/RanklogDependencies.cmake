# Finds what we build on; every message names the Debian package that is missing.
find_package(Threads REQUIRED)

find_package(fmt 9 QUIET)
if(NOT fmt_FOUND)
  message(FATAL_ERROR "ranklog needs fmt 9 or newer (Debian: apt-get install libfmt-dev)")
endif()
find_package(HDF5 1.10 COMPONENTS C QUIET)
if(NOT HDF5_FOUND)
  message(FATAL_ERROR "ranklog needs HDF5 1.10 or newer (Debian: apt-get install libhdf5-dev)")
endif()
set(MPI_CXX_SKIP_MPICXX ON) # the C++ bindings that MPI dropped in 3.0
find_package(MPI COMPONENTS CXX QUIET)
if(NOT MPI_CXX_FOUND)
  message(FATAL_ERROR "ranklog needs MPI (Debian: apt-get install libopenmpi-dev openmpi-bin, "
                      "or libmpich-dev mpich); if it is there, "
                      "CMakeFiles/CMakeError.log in the build directory says why it failed")
endif()

# ranklog_optional(PART found debian_package): sets RANKLOG_HAS_<PART> by RANKLOG_WITH_<PART>.
macro(ranklog_optional part found debian_package)
  set(RANKLOG_HAS_${part} OFF)
  if(NOT RANKLOG_WITH_${part} STREQUAL "OFF")
    if(${found})
      set(RANKLOG_HAS_${part} ON)
    elseif(RANKLOG_WITH_${part} STREQUAL "ON")
      message(FATAL_ERROR "RANKLOG_WITH_${part}=ON needs ${debian_package}")
    endif()
  endif()
  message(STATUS "ranklog: ${part}: ${RANKLOG_HAS_${part}}")
endmacro()

find_package(Protobuf QUIET)
ranklog_optional(TENSORBOARD Protobuf_FOUND "libprotobuf-dev and protobuf-compiler")
find_package(ZLIB QUIET)
set(ranklog_wandb_found FALSE)
if(Protobuf_FOUND AND ZLIB_FOUND)
  set(ranklog_wandb_found TRUE)
endif()
ranklog_optional(WANDB ranklog_wandb_found "libprotobuf-dev, protobuf-compiler and zlib1g-dev")
ranklog_optional(JSONL TRUE "no library")
ranklog_optional(DVCLIVE TRUE "no library")
find_package(PNG QUIET) # pixels for trackers whose vendors know image files only
ranklog_optional(PNG PNG_FOUND "libpng-dev")
find_package(nlohmann_json 3 QUIET) # the REST trackers, the tool, the benchmarks and the tests
find_package(CURL 7.85 QUIET)
set(ranklog_has_http OFF)
if(CURL_FOUND AND nlohmann_json_FOUND)
  set(ranklog_has_http ON)
endif()
ranklog_optional(MLFLOW ranklog_has_http "libcurl4-openssl-dev and nlohmann-json3-dev")
find_package(OpenSSL QUIET) # SHA-1 of a WebSocket's handshake
find_package(PkgConfig QUIET)
if(PKG_CONFIG_FOUND)
  pkg_check_modules(SODIUM QUIET IMPORTED_TARGET libsodium) # BLAKE2b with a salt
endif()
set(ranklog_aim_found OFF)
if(ranklog_has_http AND OpenSSL_FOUND AND SODIUM_FOUND)
  set(ranklog_aim_found ON)
endif()
ranklog_optional(AIM ranklog_aim_found
                 "libcurl4-openssl-dev, nlohmann-json3-dev, libssl-dev, libsodium-dev and pkg-config")
