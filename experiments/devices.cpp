#include "experiments/devices.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "core/error.h"
#include "experiments/environment.h"

namespace totum {

std::string choose_device(const std::string& wanted, bool elsewhere) {
  if (wanted == "cpu") return wanted;
  if (elsewhere && wanted != "cuda")
    throw ConfigError(
        fmt::format("--device {}: must be cpu or cuda where the runs are done on other machines", wanted));
  const Environment environment = describe_environment();
  const bool has_gpu = !environment.cuda_devices.empty();
  if (wanted == "auto") return has_gpu ? "cuda" : "cpu";
  const std::string number = wanted.starts_with("cuda:") ? wanted.substr(5) : "";
  const bool numbered =
      !number.empty() && number.size() < 4 &&
      std::all_of(number.begin(), number.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
  if (wanted != "cuda" && !numbered) {
    throw ConfigError(fmt::format("--device {}: must be auto, cpu, cuda or cuda:N", wanted));
  }
  if (!environment.cuda_build)
    throw ConfigError(
        fmt::format("--device {}: this is a CPU build; build where there is a CUDA toolkit", wanted));
  if (elsewhere) return wanted;
  if (!has_gpu || (numbered && std::stoul(number) >= environment.cuda_devices.size())) {
    throw ConfigError(fmt::format("--device {}: LibTorch sees {} GPU(s): {}", wanted,
                                  environment.cuda_devices.size(),
                                  fmt::join(environment.cuda_devices, ", ")));
  }
  return wanted;
}

}  // namespace totum
