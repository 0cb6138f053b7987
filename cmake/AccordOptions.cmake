# Options a user sets, and the flags every target of the project is compiled with.
set(ACCORD_CUDA AUTO CACHE STRING "Build the CUDA backend: AUTO (if nvcc is found), ON, OFF")
set_property(CACHE ACCORD_CUDA PROPERTY STRINGS AUTO ON OFF)
option(ACCORD_TESTS "Build the tests" ON)
option(ACCORD_FUZZ "Build the fuzz targets of tests/fuzz as libFuzzer programs (clang; the preset fuzz)" OFF)
option(ACCORD_NATIVE "Compile for this machine's instruction set (the binary then runs only on machines like it)" ON)
set(ACCORD_REFERENCE_DIR "" CACHE PATH "Folder of reference results for the verify tests; the environment variable of the same name wins")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release or RelWithDebInfo" FORCE)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O3")  # ACCORD_ASSERT is switched by ACCORD_DEBUG, checks of user input never are

find_program(ACCORD_CCACHE ccache)
if(ACCORD_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${ACCORD_CCACHE})
endif()

add_library(accord_flags INTERFACE)
target_compile_options(accord_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wconversion -Wno-sign-conversion -fno-math-errno -fno-trapping-math -ffp-contract=fast>
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${ACCORD_NATIVE}>>:-march=native>)
target_compile_definitions(accord_flags INTERFACE $<$<CONFIG:Debug>:ACCORD_DEBUG=1>)
target_include_directories(accord_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_link_options(accord_flags INTERFACE -Wl,--as-needed)
