// The fused kernels against plain ATen, forward and gradient, at the sizes of the quick preset: 13 maps of
// two crops of 32x48x64.

#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <torch/torch.h>

#include "kernels/dice.h"
#include "kernels/trilinear.h"

namespace totum {
namespace {

at::Tensor wave(at::IntArrayRef shape) {
  return at::arange(c10::multiply_integers(shape), at::kFloat)
      .mul(0.01F)
      .sin()
      .mul(0.5F)
      .add(0.5F)
      .view(shape);
}

void check(const at::Tensor& ours, const at::Tensor& theirs) {
  TORCH_CHECK((ours - theirs).abs().max().item<double>() < 1e-5, "kernel and ATen disagree");
}

using Upsample = at::Tensor (*)(const at::Tensor&, at::IntArrayRef);
at::Tensor by_aten(const at::Tensor& x, at::IntArrayRef size) {
  return at::upsample_trilinear3d(x, size, false);
}

void upsample(benchmark::State& state, Upsample function) {
  at::set_num_threads(1);
  const std::int64_t scale = state.range(0);
  at::Tensor x = wave({2, 13, 32 / scale, 48 / scale, 64 / scale}).requires_grad_();
  const std::vector<std::int64_t> size{32, 48, 64};
  const at::Tensor gradient = wave({2, 13, 32, 48, 64});
  check(upsample_trilinear(x, size), by_aten(x, size));
  for (auto _ : state) {
    benchmark::DoNotOptimize(torch::autograd::grad({function(x, size)}, {x}, {gradient}));
  }
  state.SetItemsProcessed(state.iterations() * gradient.numel());
}
BENCHMARK_CAPTURE(upsample, fused, upsample_trilinear)
    ->ArgName("scale")
    ->Arg(2)
    ->Arg(4)
    ->Arg(8)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(upsample, aten, by_aten)
    ->ArgName("scale")
    ->Arg(2)
    ->Arg(4)
    ->Arg(8)
    ->Unit(benchmark::kMillisecond);

using Dice = at::Tensor (*)(const at::Tensor&, const at::Tensor&, const at::Tensor&, double);

void dice(benchmark::State& state, Dice function) {
  at::set_num_threads(1);
  at::Tensor p = wave({18, 32 * 48 * 64}).requires_grad_();
  const at::Tensor y = wave({18, 32 * 48 * 64}).flip(1).contiguous();
  const at::Tensor mask = (y > 0.2F).to(at::kFloat);
  check(masked_dice(p, y, mask, 1e-5), masked_dice_by_aten(p, y, mask, 1e-5));
  for (auto _ : state) {
    benchmark::DoNotOptimize(torch::autograd::grad({function(p, y, mask, 1e-5).sum()}, {p}));
  }
  state.SetItemsProcessed(state.iterations() * p.numel());
}
BENCHMARK_CAPTURE(dice, fused, masked_dice)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(dice, aten, masked_dice_by_aten)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace totum

BENCHMARK_MAIN();
