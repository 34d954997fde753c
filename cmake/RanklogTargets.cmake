# One place for the compile settings of everything that we build.
function(ranklog_compile_settings target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
                                           -Wconversion -Wsign-conversion -Wold-style-cast)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # These three fire inside libstdc++'s inlined std::string and std::vector code with GCC 12
    # (GCC bugs 105329, 105651 and 105562, seen 2026-11).
    target_compile_options(${target} PRIVATE -Wno-restrict -Wno-stringop-overflow
                                             -Wno-maybe-uninitialized)
    if(RANKLOG_FAST_COMPILE) # bug 105651 again, in the larger units
      target_compile_options(${target} PRIVATE -Wno-array-bounds)
    endif()
  endif()
  if(RANKLOG_WARNINGS_AS_ERRORS)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(RANKLOG_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${RANKLOG_SANITIZE} -fno-omit-frame-pointer
                                             -fno-sanitize-recover=all)
    target_link_options(${target} PUBLIC -fsanitize=${RANKLOG_SANITIZE})
  endif()
endfunction()

# A module of the library: lib/<name>, compiled once, linked into ranklog or ranklog_offline.
#   ranklog_module(<name> SOURCES a.cpp b.cpp LINK fmt::fmt ALONE b.cpp)
# ALONE: sources with names of their own that another source has too, so that a fast build compiles
# them by themselves.
function(ranklog_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;ALONE" ${ARGN})
  add_library(ranklog_${name} OBJECT ${ARG_SOURCES})
  target_include_directories(ranklog_${name}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    PRIVATE ${PROJECT_SOURCE_DIR}/lib)
  target_link_libraries(ranklog_${name} PUBLIC fmt::fmt ${ARG_LINK})
  ranklog_compile_settings(ranklog_${name})
  if(RANKLOG_FAST_COMPILE)
    # Some files of a module at once: most of the time goes to the headers that they share.
    set_target_properties(ranklog_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
    set_source_files_properties(${ARG_ALONE} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    if(name STREQUAL "core")
      target_precompile_headers(ranklog_core PRIVATE
        <fmt/format.h> <algorithm> <chrono> <condition_variable> <cstdint> <deque> <filesystem>
        <fstream> <functional> <map> <memory> <mutex> <optional> <span> <string> <string_view>
        <system_error> <thread> <unordered_map> <variant> <vector>)
    else()
      target_precompile_headers(ranklog_${name} REUSE_FROM ranklog_core)
    endif()
  endif()
endfunction()

# A program of ours in build/<preset>/bin.
function(ranklog_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  ranklog_compile_settings(${name})
endfunction()
