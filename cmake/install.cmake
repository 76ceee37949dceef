# What `cmake --install` puts where: the header, both libraries, their CMake package and pkg-config file.
# Included by src/CMakeLists.txt, which knows what the library was built with.
include(CMakePackageConfigHelpers)

set(AM_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/amanuensis)

install(FILES ${PROJECT_SOURCE_DIR}/include/amanuensis.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
# Two sets of targets: only who links the static library needs the packages behind it.
foreach(kind shared static)
  install(TARGETS amanuensis_${kind} EXPORT amanuensis_${kind}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT amanuensis_${kind} FILE amanuensis_${kind}.cmake NAMESPACE amanuensis:: DESTINATION ${AM_CMAKE_DIR})
endforeach()

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/amanuensisConfig.cmake.in
  ${PROJECT_BINARY_DIR}/amanuensisConfig.cmake INSTALL_DESTINATION ${AM_CMAKE_DIR})
# Before 1.0 a new minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/amanuensisConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/amanuensisConfig.cmake ${PROJECT_BINARY_DIR}/amanuensisConfigVersion.cmake
  DESTINATION ${AM_CMAKE_DIR})

# The .pc file finds its prefix from where it lies, so that the installed tree can be moved.
file(RELATIVE_PATH AM_PC_PREFIX ${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" AM_PC_PREFIX "${AM_PC_PREFIX}")
# Not Requires.private: that would ask everybody for the static forms of everything behind FFmpeg.
list(TRANSFORM AM_PC_LIBS_PRIVATE PREPEND "-l")
list(JOIN AM_PC_LIBS_PRIVATE " " AM_PC_LIBS_PRIVATE)
configure_file(${PROJECT_SOURCE_DIR}/cmake/amanuensis.pc.in ${PROJECT_BINARY_DIR}/amanuensis.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/amanuensis.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
