# How test programs are built and how their source files become ctest tests.
set(ranklog_test_rank_counts 1 2 3 4 8)

# Tests start more ranks than there are cores, also as root in a container. MPICH ignores these.
set(ranklog_mpi_environment
  OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1
  OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_btl=self,vader
  OMPI_MCA_btl_vader_single_copy_mechanism=none)

# What to put before a rank count to start a program under MPI, as one string.
set(ranklog_mpiexec ${MPIEXEC_EXECUTABLE} ${MPIEXEC_NUMPROC_FLAG})

# Test code is built once and run briefly, so it is optimised little.
function(ranklog_test_program name)
  ranklog_program(${name} SOURCES ${ARGN}
                  LINK ranklog::ranklog doctest::doctest hdf5::hdf5 Threads::Threads)
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  if(RANKLOG_SANITIZE)
    # What doctest's macros become takes three times as long to compile with these checks, which are
    # for the library's own code.
    target_compile_options(${name} PRIVATE -g1 -fno-sanitize=vptr,null,alignment,object-size)
  endif()
  if(RANKLOG_FAST_COMPILE)
    target_precompile_headers(${name} PRIVATE <doctest/doctest.h> <fmt/format.h> <ranklog/ranklog.hpp>
                              <cstdint> <filesystem> <fstream> <map> <string> <vector>)
  endif()
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/lib ${PROJECT_SOURCE_DIR}/tests)
  if(TARGET nlohmann_json::nlohmann_json)
    target_link_libraries(${name} PRIVATE nlohmann_json::nlohmann_json)
  endif()
endfunction()

# Source files with test cases, that is, all but main and helpers: stems in `result`.
function(ranklog_test_stems result)
  set(stems "")
  foreach(source ${ARGN})
    file(STRINGS ${source} cases REGEX "TEST_CASE")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
    if(cases)
      get_filename_component(stem ${source} NAME_WE)
      list(APPEND stems ${stem})
    endif()
  endforeach()
  set(${result} ${stems} PARENT_SCOPE)
endfunction()

# One test for each source file of a program that needs no MPI.
function(ranklog_unit_tests program)
  ranklog_test_stems(stems ${ARGN})
  foreach(stem ${stems})
    add_test(NAME unit.${stem} COMMAND ${program} --source-file=*/unit/${stem}.cpp)
    set_tests_properties(unit.${stem} PROPERTIES LABELS unit TIMEOUT 900)
  endforeach()
endfunction()

# One test for each source file and number of ranks.
function(ranklog_mpi_tests label program)
  ranklog_test_stems(stems ${ARGN})
  foreach(stem ${stems})
    foreach(n_ranks ${ranklog_test_rank_counts})
      set(test ${label}.${stem}.n${n_ranks})
      add_test(NAME ${test} COMMAND ${ranklog_mpiexec} ${n_ranks} $<TARGET_FILE:${program}>
                                    --source-file=*/${label}/${stem}.cpp)
      set(n_cores ${n_ranks})
      if(n_ranks GREATER 2)
        set(n_cores 2)
      endif()
      set_tests_properties(${test} PROPERTIES LABELS ${label} TIMEOUT 400 PROCESSORS ${n_cores}
                                              ENVIRONMENT "${ranklog_mpi_environment}")
    endforeach()
  endforeach()
endfunction()

# One test for each test_*.py of the current directory, run with pytest, or skipped with the reason
# printed where there is no Python for it. Further arguments are environment settings.
function(ranklog_python_tests label)
  set(unable "")
  if(NOT RANKLOG_TEST_PYTHON)
    set(unable "RANKLOG_TEST_PYTHON is not set; scripts/test makes a Python for these tests")
  elseif(NOT EXISTS ${RANKLOG_TEST_PYTHON})
    set(unable "RANKLOG_TEST_PYTHON=${RANKLOG_TEST_PYTHON} does not exist")
  endif()
  set(environment ${ranklog_mpi_environment} PYTHONDONTWRITEBYTECODE=1
      HDF5_USE_FILE_LOCKING=BEST_EFFORT "RANKLOG_BIN_DIR=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}"
      "RANKLOG_MPIEXEC=${MPIEXEC_EXECUTABLE} ${MPIEXEC_NUMPROC_FLAG}" ${ARGN})

  file(GLOB sources CONFIGURE_DEPENDS test_*.py)
  foreach(source ${sources})
    get_filename_component(stem ${source} NAME_WE)
    string(REGEX REPLACE "^test_" "${label}." test ${stem})
    if(unable)
      add_test(NAME ${test} COMMAND sh -c "echo 'skipped: ${unable}'; exit 77")
    else()
      add_test(NAME ${test}
               COMMAND ${RANKLOG_TEST_PYTHON} -m pytest -q -ra -p no:cacheprovider ${source})
    endif()
    set_tests_properties(${test} PROPERTIES LABELS ${label} TIMEOUT 600 PROCESSORS 2
                                            SKIP_RETURN_CODE 77 ENVIRONMENT "${environment}")
  endforeach()
endfunction()
