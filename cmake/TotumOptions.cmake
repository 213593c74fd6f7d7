# Build options, the language standard and the warnings: all that is set for every target.
option(TOTUM_BENCHMARKS "Build the Google Benchmark programs" ON)
option(TOTUM_SANITIZE "Build with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(TOTUM_FUZZ "Build the fuzz targets with libFuzzer (Clang; with TOTUM_SANITIZE)" OFF)
option(TOTUM_WERROR "Treat warnings as errors" OFF)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

# -Wno-stringop-truncation: Fast C++ CSV Parser cuts long file names on purpose, and the optimiser warns of it in our files.
add_library(totum_flags INTERFACE)
target_compile_options(totum_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wshadow -Wconversion>
                       $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-stringop-truncation>)
if(TOTUM_WERROR)
  target_compile_options(totum_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Werror>)
endif()
if(TOTUM_SANITIZE)
  target_compile_options(totum_flags INTERFACE -fsanitize=address,undefined -fno-omit-frame-pointer)
  target_link_options(totum_flags INTERFACE -fsanitize=address,undefined)
endif()
if(TOTUM_FUZZ)
  target_compile_options(totum_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
