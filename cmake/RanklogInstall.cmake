# Install rules: headers, libraries, the tool, a CMake package and a pkg-config file.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(ranklog_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/ranklog)

install(DIRECTORY include/ranklog DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.hpp)
install(TARGETS ranklog ranklog_offline EXPORT ranklogTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(RANKLOG_BUILD_TOOLS)
  install(TARGETS ranklog_tool RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

# A shared build finds its own libraries wherever the prefix is moved to.
file(RELATIVE_PATH lib_from_bin /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
set_target_properties(ranklog PROPERTIES INSTALL_RPATH "$ORIGIN")
if(RANKLOG_BUILD_TOOLS)
  set_target_properties(ranklog_tool PROPERTIES INSTALL_RPATH "$ORIGIN/${lib_from_bin}")
endif()

install(EXPORT ranklogTargets NAMESPACE ranklog:: DESTINATION ${ranklog_cmake_dir})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/ranklogConfig.cmake.in
  ${PROJECT_BINARY_DIR}/ranklogConfig.cmake INSTALL_DESTINATION ${ranklog_cmake_dir})
# Before 1.0 a minor version may break source compatibility.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/ranklogConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/ranklogConfig.cmake ${PROJECT_BINARY_DIR}/ranklogConfigVersion.cmake
        DESTINATION ${ranklog_cmake_dir})

# The pkg-config files. A static library takes all that it needs along; a shared one knows itself.
file(RELATIVE_PATH RANKLOG_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" RANKLOG_PC_PREFIX "${RANKLOG_PC_PREFIX}")
list(TRANSFORM MPI_CXX_INCLUDE_DIRS PREPEND "-I" OUTPUT_VARIABLE mpi_includes)
string(JOIN " " RANKLOG_PC_MPI_CFLAGS ${mpi_includes} ${MPI_CXX_COMPILE_OPTIONS})
string(JOIN " " RANKLOG_PC_MPI_LIBS ${MPI_CXX_LINK_FLAGS} ${MPI_CXX_LIBRARIES})
set(requires fmt)
set(requires_own "")
if(RANKLOG_HAS_TENSORBOARD OR RANKLOG_HAS_WANDB)
  list(APPEND requires_own protobuf)
endif()
if(RANKLOG_HAS_PNG)
  list(APPEND requires_own libpng)
endif()
if(RANKLOG_HAS_WANDB)
  list(APPEND requires_own zlib)
endif()
if(RANKLOG_HAS_MLFLOW OR RANKLOG_HAS_AIM)
  list(APPEND requires_own libcurl)
endif()
if(RANKLOG_HAS_AIM)
  list(APPEND requires_own libcrypto libsodium)
endif()
string(JOIN " " links_own ${HDF5_C_LIBRARIES} -pthread)
if(BUILD_SHARED_LIBS)
  set(RANKLOG_PC_REQUIRES_PRIVATE "${requires_own}")
  set(RANKLOG_PC_LIBS "")
  set(RANKLOG_PC_LIBS_PRIVATE "${links_own}")
else()
  list(APPEND requires ${requires_own})
  set(RANKLOG_PC_REQUIRES_PRIVATE "")
  set(RANKLOG_PC_LIBS "${links_own}")
  set(RANKLOG_PC_LIBS_PRIVATE "")
endif()
string(JOIN ", " RANKLOG_PC_REQUIRES ${requires})
foreach(package ranklog ranklog-offline)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/${package}.pc.in ${PROJECT_BINARY_DIR}/${package}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${package}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
