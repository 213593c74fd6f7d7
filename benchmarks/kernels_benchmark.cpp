// The fused kernels against plain ATen, forward and gradient, at the sizes of the quick preset: 13 maps of
// two crops of 32x48x64. On one CPU thread, and on the GPU where there is one.

#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <torch/torch.h>

#include <string>

#include "kernels/dice.h"
#include "kernels/trilinear.h"

namespace totum {
namespace {

at::Tensor wave(at::IntArrayRef shape, const c10::Device& device) {
  return at::arange(c10::multiply_integers(shape), at::kFloat)
      .mul(0.01F)
      .sin()
      .mul(0.5F)
      .add(0.5F)
      .view(shape)
      .to(device);
}

void check(const at::Tensor& ours, const at::Tensor& theirs) {
  TORCH_CHECK((ours - theirs).abs().max().item<double>() < 1e-5, "kernel and ATen disagree");
}

void wait_for(const c10::Device& device) {
  if (device.is_cuda()) torch::cuda::synchronize();
}

using Upsample = at::Tensor (*)(const at::Tensor&, at::IntArrayRef);
at::Tensor by_aten(const at::Tensor& x, at::IntArrayRef size) {
  return at::upsample_trilinear3d(x, size, false);
}

void upsample(benchmark::State& state, Upsample function, const c10::Device& device) {
  at::set_num_threads(1);
  const std::int64_t scale = state.range(0);
  at::Tensor x = wave({2, 13, 32 / scale, 48 / scale, 64 / scale}, device).requires_grad_();
  const std::vector<std::int64_t> size{32, 48, 64};
  const at::Tensor gradient = wave({2, 13, 32, 48, 64}, device);
  check(upsample_trilinear(x, size), by_aten(x, size));
  for (auto _ : state) {
    benchmark::DoNotOptimize(torch::autograd::grad({function(x, size)}, {x}, {gradient}));
    wait_for(device);
  }
  state.SetItemsProcessed(state.iterations() * gradient.numel());
}

using Dice = at::Tensor (*)(const at::Tensor&, const at::Tensor&, const at::Tensor&, double);

void dice(benchmark::State& state, Dice function, const c10::Device& device) {
  at::set_num_threads(1);
  at::Tensor p = wave({18, 32 * 48 * 64}, device).requires_grad_();
  const at::Tensor y = wave({18, 32 * 48 * 64}, device).flip(1).contiguous();
  const at::Tensor mask = (y > 0.2F).to(at::kFloat);
  check(masked_dice(p, y, mask, 1e-5), masked_dice_by_aten(p, y, mask, 1e-5));
  for (auto _ : state) {
    benchmark::DoNotOptimize(torch::autograd::grad({function(p, y, mask, 1e-5).sum()}, {p}));
    wait_for(device);
  }
  state.SetItemsProcessed(state.iterations() * p.numel());
}

void register_for(const c10::Device& device) {
  for (const bool fused : {true, false}) {
    const std::string kind = std::string(fused ? "fused/" : "aten/") + (device.is_cuda() ? "cuda" : "cpu");
    const Upsample up = fused ? upsample_trilinear : by_aten;
    benchmark::RegisterBenchmark(("upsample/" + kind).c_str(),
                                 [=](benchmark::State& state) { upsample(state, up, device); })
        ->ArgName("scale")
        ->Arg(2)
        ->Arg(4)
        ->Arg(8)
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
    const Dice loss = fused ? masked_dice : masked_dice_by_aten;
    benchmark::RegisterBenchmark(("dice/" + kind).c_str(),
                                 [=](benchmark::State& state) { dice(state, loss, device); })
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  }
}

}  // namespace
}  // namespace totum

int main(int argc, char** argv) {
  totum::register_for(c10::Device(c10::kCPU));
  if (torch::cuda::is_available()) totum::register_for(c10::Device(c10::kCUDA, 0));
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
