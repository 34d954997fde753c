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

# CUDA 12 or newer; the code then holds kernels for compute capability 8.0 and 9.0, and PTX for what
# comes after.
set(ranklog_cuda_found FALSE)
if(NOT RANKLOG_WITH_CUDA STREQUAL "OFF")
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    find_package(CUDAToolkit 12 QUIET) # before it is used: an older nvcc does not know 9.0
    set(ranklog_cuda_found ${CUDAToolkit_FOUND})
  endif()
  if(ranklog_cuda_found)
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
      set(CMAKE_CUDA_ARCHITECTURES 80-real 90)
    endif()
    enable_language(CUDA)
  endif()
endif()
ranklog_optional(CUDA ranklog_cuda_found "nvcc 12 or newer on the PATH, or CMAKE_CUDA_COMPILER")
