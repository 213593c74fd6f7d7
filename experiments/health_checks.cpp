// The checks behind `totum doctor`.

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <system_error>

#include "core/error.h"
#include "core/files.h"
#include "data/nifti.h"
#include "experiments/environment.h"

namespace totum {

namespace {

namespace fs = std::filesystem;

constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;

// Values of a 3x3x3 convolution (zero padding 1) of x[i] = sin(0.3 i), 2x3x5x5x5, with w[i] = cos(0.2 i),
// 4x3x3x3x3, and of its weight gradient for the output gradient g[i] = sin(0.1 i + 0.5). Written out with
// plain loops in another language in double precision, without any library.
struct Canary {
  double output_projection = -37.79743997813675;  // sum of y[i] sin(0.1 i + 0.5)
  double output_777 = -14.664380923340905;
  double gradient_projection = 14.253112343709743;
  double gradient_100 = 8.455424813488948;
};

at::Tensor formula(std::initializer_list<std::int64_t> shape, double step, double phase, bool cosine) {
  std::int64_t count = 1;
  for (const std::int64_t axis : shape) count *= axis;
  const at::Tensor angle = at::arange(count, at::kDouble) * step + phase;
  return (cosine ? angle.cos() : angle.sin()).view(shape);
}

double projection(const at::Tensor& values) {
  return (values.to(at::kCPU, at::kDouble).flatten() * formula({values.numel()}, 0.1, 0.5, false))
      .sum()
      .item<double>();
}

// The largest deviation, relative to the size of the values (about 40).
double canary_error(const at::Device& device, at::ScalarType type) {
  const auto options = at::TensorOptions().device(device).dtype(type);
  const at::Tensor x = formula({2, 3, 5, 5, 5}, 0.3, 0.0, false).to(options);
  const at::Tensor w = formula({4, 3, 3, 3, 3}, 0.2, 0.0, true).to(options);
  const at::Tensor g = formula({2, 4, 5, 5, 5}, 0.1, 0.5, false).to(options);
  const at::Tensor y = at::conv3d(x, w, {}, 1, 1);
  const auto gradients = at::convolution_backward(g, x, w, at::OptionalIntArrayRef{}, {1, 1, 1}, {1, 1, 1},
                                                  {1, 1, 1}, false, {0, 0, 0}, 1, {false, true, false});
  const at::Tensor& gw = std::get<1>(gradients);
  const Canary expected;
  const double errors[] = {std::abs(projection(y) - expected.output_projection),
                           std::abs(y.flatten()[777].item<double>() - expected.output_777),
                           std::abs(projection(gw) - expected.gradient_projection),
                           std::abs(gw.flatten()[100].item<double>() - expected.gradient_100)};
  double largest = 0;
  for (const double error : errors) largest = std::max(largest, std::isfinite(error) ? error / 40.0 : 1e300);
  return largest;
}

HealthCheck check_canary(const std::string& device) {
  const double in_double = canary_error(at::Device(device), at::kDouble);
  const double in_float = canary_error(at::Device(device), at::kFloat);
  // float32 has a relative precision of 6e-8 and up to 1,000 terms are summed; double has 1e-16. A
  // reduced-precision convolution (TF32, bfloat16) errs by 1e-4 or more.
  const bool passed = in_double < 1e-12 && in_float < 2e-5;
  return {
      "convolution on " + device, passed,
      fmt::format("relative error {:.1e} in float64, {:.1e} in float32{}", in_double, in_float,
                  passed ? "" : "; this machine or this LibTorch computes wrongly: do not use its results")};
}

HealthCheck check_devices() {
  const Environment environment = describe_environment();
  return {"devices", true,
          fmt::format("{} cores, LibTorch uses {} threads and {}; {}", environment.cores, environment.threads,
                      environment.cpu_capability,
                      environment.cuda_devices.empty()
                          ? (environment.cuda_build ? "no CUDA device found" : "built without CUDA")
                          : fmt::format("{}", fmt::join(environment.cuda_devices, ", ")))};
}

HealthCheck check_libraries() {
  const Environment environment = describe_environment();
  return {"libraries", true,
          fmt::format("LibTorch {}, ITK {}", environment.libtorch_version, environment.itk_version)};
}

// Writes a label map with an oblique grid and reads it again.
HealthCheck check_images(const fs::path& folder) {
  const fs::path path = folder / fmt::format(".totum-doctor-{}.nii.gz", ::getpid());
  LabelMap written;
  written.geometry.size_xyz = {4, 3, 2};
  written.geometry.affine = {{{1.2, -0.5, 0, -10}, {0.5, 1.2, 0, 20}, {0, 0, 3, 5}, {0, 0, 0, 1}}};
  for (std::uint8_t value = 0; value < 24; ++value)
    written.voxels.push_back(static_cast<std::uint8_t>(value % 14));
  write_label_map(path, written);
  const LabelMap read = read_label(path);
  std::error_code ignored;
  fs::remove(path, ignored);
  const bool passed = read.voxels == written.voxels && same_grid(read.geometry, written.geometry);
  return {
      "NIfTI images (ITK)", passed,
      passed ? "an oblique label map was written and read back" : "what was read is not what was written"};
}

HealthCheck check_disk(const fs::path& folder) {
  const double free_gib = static_cast<double>(fs::space(folder).available) / kGiB;
  constexpr double kNeeded = 2.0;  // the smoke and quick presets with all runs stay under 1 GiB
  return {"disk", free_gib >= kNeeded,
          fmt::format(
              "{:.1f} GiB free in {}{}", free_gib, folder.string(),
              free_gib >= kNeeded ? "" : "; at least 2 GiB are needed, AMOS22's cache takes about 20 GiB")};
}

HealthCheck check_memory() {
  const double total_gib =
      static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / kGiB;
  return {"memory", total_gib >= 3.5,
          fmt::format("{:.1f} GiB{}", total_gib, total_gib >= 3.5 ? "" : "; at least 4 GiB are needed")};
}

HealthCheck guarded(const std::string& name, const std::function<HealthCheck()>& check) {
  try {
    return check();
  } catch (
      const std::exception& error) {  // a check that can't even run is a failed check, and the others go on
    return {name, false, error.what()};
  }
}

}  // namespace

std::vector<HealthCheck> run_health_checks(const std::string& folder) {
  fs::path existing = fs::absolute(folder);
  while (!fs::exists(existing)) existing = existing.parent_path();
  std::vector<HealthCheck> checks{guarded("libraries", check_libraries), guarded("devices", check_devices),
                                  guarded("convolution on cpu", [] { return check_canary("cpu"); })};
  for (const std::string& device : describe_environment().cuda_devices) {
    checks.push_back(guarded("convolution on " + device, [&] { return check_canary(device); }));
  }
  checks.push_back(guarded("NIfTI images (ITK)", [&] { return check_images(existing); }));
  checks.push_back(guarded("disk", [&] { return check_disk(existing); }));
  checks.push_back(guarded("memory", check_memory));
  return checks;
}

}  // namespace totum
