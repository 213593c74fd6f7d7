#include "experiments/environment.h"

#include <ATen/ATen.h>
#include <ATen/Version.h>
#include <itkVersion.h>
#include <torch/version.h>

#include "core/parallel.h"
#include "core/sha256.h"

namespace totum {

Environment describe_environment() {
  Environment environment;
  environment.libtorch_version = TORCH_VERSION;
  environment.itk_version = itk::Version::GetITKVersion();
  environment.cpu_capability = at::get_cpu_capability();
  environment.cores = available_cores();
  environment.threads = at::get_num_threads();
#ifdef TOTUM_WITH_CUDA
  environment.cuda_build = true;
#endif
  if (environment.cuda_build && at::hasCUDA()) {
    for (int device = 0; device < static_cast<int>(at::getNumGPUs()); ++device) {
      environment.cuda_devices.push_back("cuda:" + std::to_string(device));
    }
  }
  return environment;
}

std::string binary_sha256() { return sha256_of_file("/proc/self/exe"); }

}  // namespace totum
