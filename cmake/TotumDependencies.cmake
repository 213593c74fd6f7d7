# Third-party libraries. LibTorch comes from Torch_DIR/CMAKE_PREFIX_PATH if set, else from the wheel in .venv.
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(ZLIB REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(Boost REQUIRED)
find_package(ITK 5.2 REQUIRED COMPONENTS ITKCommon ITKIOImageBase ITKIONIFTI ITKImageGrid ITKImageFunction ITKThresholding
             ITKConnectedComponents ITKTransform ITKSmoothing ITKIOPNG ITKMetricsv4 ITKOptimizersv4
             ITKRegistrationMethodsv4)
include(TotumTorch)
if(BUILD_TESTING OR NOT DEFINED BUILD_TESTING)
  find_package(GTest REQUIRED)
endif()
if(TOTUM_BENCHMARKS)
  find_package(benchmark REQUIRED)
endif()
