# Makes the target totum::torch. CPU build: two shared libraries of the wheel as imported targets, since
# find_package(Torch) on a CUDA wheel demands the CUDA toolkit. CUDA build: find_package(Torch).
option(TOTUM_CUDA "Build the CUDA kernels (needs the CUDA toolkit and a CUDA LibTorch)" OFF)

if(Torch_DIR)
  get_filename_component(totum_torch_root "${Torch_DIR}/../../.." ABSOLUTE)
else()
  find_path(totum_torch_root_found NAMES share/cmake/Torch/TorchConfig.cmake
            HINTS ${CMAKE_PREFIX_PATH} PATH_SUFFIXES torch NO_CACHE)
  if(totum_torch_root_found)
    set(totum_torch_root "${totum_torch_root_found}")
  else()
    file(GLOB totum_torch_candidates "${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch")
    list(POP_BACK totum_torch_candidates totum_torch_root)
  endif()
endif()
if(NOT EXISTS "${totum_torch_root}/lib/libtorch_cpu.so")
  message(FATAL_ERROR "LibTorch was not found. Run ./totum build (it installs a pinned wheel in .venv), or give "
                      "-DTorch_DIR=<libtorch>/share/cmake/Torch.")
endif()
message(STATUS "LibTorch: ${totum_torch_root}")

add_library(totum_torch INTERFACE)
add_library(totum::torch ALIAS totum_torch)
# libstdc++ before LibTorch: the wheel's libtorch.so exports a std::filesystem of its own, which crashes in remove_all.
target_link_libraries(totum_torch INTERFACE stdc++)
# LibTorch is a release build, and some of its classes have more members without NDEBUG (at::RecordFunction).
target_compile_definitions(totum_torch INTERFACE $<$<CONFIG:Debug>:NDEBUG>)
if(TOTUM_CUDA)
  if(NOT DEFINED TORCH_CUDA_ARCH_LIST)
    set(TORCH_CUDA_ARCH_LIST "8.0 9.0+PTX") # before find_package: its probe fails with CMake 3.25 and CUDA 13
  endif()
  enable_language(CUDA)
  find_package(Torch REQUIRED HINTS "${totum_torch_root}/share/cmake/Torch")
  target_link_libraries(totum_torch INTERFACE ${TORCH_LIBRARIES})
  target_compile_definitions(totum_torch INTERFACE TOTUM_WITH_CUDA=1)
else()
  foreach(library c10 torch_cpu)
    add_library(totum_lib${library} SHARED IMPORTED)
    set_target_properties(totum_lib${library} PROPERTIES IMPORTED_LOCATION "${totum_torch_root}/lib/lib${library}.so")
    target_link_libraries(totum_torch INTERFACE totum_lib${library})
  endforeach()
  target_include_directories(totum_torch SYSTEM INTERFACE "${totum_torch_root}/include"
                             "${totum_torch_root}/include/torch/csrc/api/include")
  # libtorch_cpu of the CUDA wheel names CUDA profiler libraries that a CPU build never calls.
  target_link_options(totum_torch INTERFACE -Wl,--allow-shlib-undefined)
endif()

# The compiled part of the {fmt} headers that LibTorch ships (torch_fmt.cpp says why).
if(EXISTS "${totum_torch_root}/include/fmt/format-inl.h")
  add_library(totum_torch_fmt STATIC "${CMAKE_SOURCE_DIR}/cmake/torch_fmt.cpp")
  target_include_directories(totum_torch_fmt SYSTEM PRIVATE "${totum_torch_root}/include")
  target_link_libraries(totum_torch INTERFACE totum_torch_fmt)
endif()
