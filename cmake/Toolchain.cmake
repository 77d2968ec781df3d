# Compiler, warnings, sanitizers and linker: one place for everything that is not a dependency.

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  message(FATAL_ERROR
    "g++ ${CMAKE_CXX_COMPILER_VERSION} miscompiles C++20 coroutines; use clang 16 (cmake --preset release)")
endif()

option(OPENEFS_TESTS "Build the tests" ON)
option(OPENEFS_FUZZ "Build the libFuzzer targets" OFF)
option(OPENEFS_COVERAGE "Instrument for source coverage" OFF)
set(OPENEFS_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -gline-tables-only")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -gline-tables-only")

add_compile_options(-fno-omit-frame-pointer -march=x86-64-v2)
add_compile_definitions(BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_SEPARATE_COMPILATION)

if(OPENEFS_SANITIZE)
  add_compile_options(-O1 -fsanitize=${OPENEFS_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${OPENEFS_SANITIZE})
endif()
if(OPENEFS_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(OPENEFS_COVERAGE)
  add_compile_options(-fprofile-instr-generate -fcoverage-mapping)
  add_link_options(-fprofile-instr-generate -fcoverage-mapping)
endif()

find_program(OPENEFS_MOLD mold)
if(OPENEFS_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
find_program(OPENEFS_CCACHE ccache)
if(OPENEFS_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${OPENEFS_CCACHE})
endif()
