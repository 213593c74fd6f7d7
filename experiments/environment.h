#pragma once
// The machine and the libraries that a result was made with, and the checks behind `totum doctor`.

#include <cstdint>
#include <string>
#include <vector>

namespace totum {

struct Environment {
  std::string libtorch_version;
  std::string itk_version;
  std::string cpu_capability;  // the instruction set LibTorch uses, e.g. "AVX512"
  std::int64_t cores = 0;
  std::int64_t threads = 0;               // LibTorch's intra-operation threads
  std::vector<std::string> cuda_devices;  // names; empty in a CPU build or without a GPU
  bool cuda_build = false;
};

Environment describe_environment();
/// SHA-256 of the running program's file.
std::string binary_sha256();

struct HealthCheck {
  std::string name;
  bool passed = false;
  std::string detail;  // what was seen, and what to do if it failed
};

/// Runs every check of `totum doctor`: the LibTorch canary (a small convolution and its gradient against
/// stored values), devices, ITK reading, free disk at `folder`, free memory.
std::vector<HealthCheck> run_health_checks(const std::string& folder);

}  // namespace totum
