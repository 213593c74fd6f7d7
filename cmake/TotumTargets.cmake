# totum_library(NAME SOURCES a.cpp … [LINKS …] [TORCH])   one static library for each folder, alias totum::NAME
# totum_test(NAME SOURCES a_test.cpp … LINKS … [TORCH] [LABELS …])   one GoogleTest program
# totum_benchmark(NAME SOURCES … LINKS … [TORCH])   one Google Benchmark program
# TORCH: the target includes LibTorch and reuses the one precompiled header.

# The one precompiled header with LibTorch, made once and reused by every target with TORCH.
file(WRITE "${CMAKE_BINARY_DIR}/torch_pch.cpp.in" "")
configure_file("${CMAKE_BINARY_DIR}/torch_pch.cpp.in" "${CMAKE_BINARY_DIR}/torch_pch.cpp" COPYONLY)
add_library(totum_torch_pch OBJECT "${CMAKE_BINARY_DIR}/torch_pch.cpp")
target_precompile_headers(totum_torch_pch PRIVATE <torch/torch.h> <string> <vector> <map> <filesystem> <optional>)
target_link_libraries(totum_torch_pch PRIVATE totum_flags totum::torch)

function(totum_use_torch target)
  target_link_libraries(${target} PUBLIC totum::torch)
  target_precompile_headers(${target} REUSE_FROM totum_torch_pch)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "EXECUTABLE") # -fPIE, CMake's default for programs, does not go with the header's -fPIC
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE -fPIC)
  endif()
endfunction()

function(totum_library name)
  cmake_parse_arguments(ARG "TORCH" "" "SOURCES;LINKS" ${ARGN})
  add_library(totum_${name} STATIC ${ARG_SOURCES})
  add_library(totum::${name} ALIAS totum_${name})
  target_include_directories(totum_${name} PUBLIC "${CMAKE_SOURCE_DIR}")
  target_link_libraries(totum_${name} PUBLIC ${ARG_LINKS} PRIVATE totum_flags)
  if(ARG_TORCH)
    totum_use_torch(totum_${name})
  endif()
endfunction()

function(totum_test name)
  cmake_parse_arguments(ARG "TORCH" "" "SOURCES;LINKS;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINKS} totum_flags GTest::gtest GTest::gmock GTest::gtest_main)
  if(ARG_TORCH)
    totum_use_torch(${name})
  endif()
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  target_compile_definitions(${name} PRIVATE TOTUM_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  # What tests call is optimised in its library; their own code compiles a fifth faster so (-O0: no precompiled header).
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}")
  if(ARG_TORCH) # two threads that don't spin, so that tests side by side don't starve one another
    set_tests_properties(${name} PROPERTIES PROCESSORS 2 ENVIRONMENT "OMP_NUM_THREADS=2;GOMP_SPINCOUNT=10000")
  endif()
endfunction()

function(totum_benchmark name)
  cmake_parse_arguments(ARG "TORCH" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINKS} totum_flags benchmark::benchmark)
  if(ARG_TORCH)
    totum_use_torch(${name})
  endif()
endfunction()
