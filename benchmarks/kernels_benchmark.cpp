// The fused kernels against plain ATen, forward and gradient, at the sizes of the quick preset: 13 maps of
// two crops of 32x48x64. On one CPU thread, and on the GPU where there is one; there also the gradients
// of convolutions against cuDNN's, deterministic and any, at sizes of the paper's networks.

#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <torch/torch.h>

#include <string>
#include <utility>

#include "kernels/convolution.h"
#include "kernels/dice.h"
#include "kernels/trilinear.h"

namespace totum {
namespace {

at::Tensor wave(at::IntArrayRef shape, const c10::Device& device) {
  return at::arange(c10::multiply_integers(shape), at::TensorOptions(at::kDouble).device(device))
      .mul_(0.01)
      .sin_()
      .mul_(0.5)
      .add_(0.5)
      .view(shape)
      .to(at::kFloat);
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

enum class By { us, cudnn_deterministic, cudnn_any };

struct Convolution {
  at::Tensor x, weight, factors;  // factors: what its output's gradient is
  std::int64_t stride, padding;
  bool of_weight;  // the gradient that is asked for: the weight's, or the input's
};

at::Tensor output_of(const Convolution& c, By by) {
  return by == By::us ? convolution_3d(c.x, c.weight, {}, c.stride, c.padding)
                      : at::conv3d(c.x, c.weight, {}, c.stride, c.padding);
}

at::Tensor gradient_of(const Convolution& c, const at::Tensor& output) {
  return torch::autograd::grad({output}, {c.of_weight ? c.weight : c.x}, {c.factors},
                               /*retain_graph=*/true)[0];
}

// Of the largest value, against double precision.
double relative_error(const Convolution& c, const at::Tensor& found) {
  at::globalContext().setDeterministicCuDNN(false);
  const Convolution exact{c.x.detach().to(at::kDouble).requires_grad_(!c.of_weight),
                          c.weight.detach().to(at::kDouble).requires_grad_(c.of_weight),
                          c.factors.to(at::kDouble),
                          c.stride,
                          c.padding,
                          c.of_weight};
  const at::Tensor expected = gradient_of(exact, output_of(exact, By::cudnn_any));
  return ((found - expected).abs().max() / expected.abs().max()).item<double>();
}

void convolution_gradient(benchmark::State& state, By by, bool of_weight, const c10::Device& device) {
  at::globalContext().setAllowTF32CuDNN(false);
  const std::int64_t in = state.range(1), out = state.range(2), kernel = state.range(3),
                     stride = state.range(4), padding = (kernel - 1) / 2;
  Convolution c{wave({state.range(0), in, state.range(5), state.range(6), state.range(7)}, device),
                wave({out, in, kernel, kernel, kernel}, device) - 0.5F,
                {},
                stride,
                padding,
                of_weight};
  c.factors = wave(at::conv3d(c.x, c.weight, {}, stride, padding).sizes(), device) - 0.5F;
  (of_weight ? c.weight : c.x).requires_grad_();
  const at::Tensor output = output_of(c, by);
  at::globalContext().setDeterministicCuDNN(by != By::cudnn_any);
  const double error = relative_error(c, gradient_of(c, output));
  TORCH_CHECK(by != By::us || error < 1e-3, "our gradient is wrong by ", error);
  at::globalContext().setDeterministicCuDNN(by != By::cudnn_any);
  wait_for(device);
  for (auto _ : state) {
    benchmark::DoNotOptimize(gradient_of(c, output));
    wait_for(device);
  }
  const auto products = static_cast<double>(c.factors.numel() * in * kernel * kernel * kernel);
  state.counters["tflops"] =
      benchmark::Counter(2e-12 * products, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["error"] = error;
}

// Convolutions of the main network (3 images), of the refiner (26 maps) and of the discriminator (39 maps).
void convolution_sizes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"B", "I", "O", "k", "stride", "D", "H", "W"});
  b->Args({3, 32, 32, 3, 1, 64, 192, 192});
  b->Args({3, 32, 14, 1, 1, 64, 192, 192});
  b->Args({3, 32, 64, 3, 2, 64, 192, 192});
  b->Args({3, 32, 64, 1, 2, 64, 192, 192});
  b->Args({3, 256, 256, 3, 1, 8, 24, 24});
  b->Args({26, 24, 48, 3, 2, 32, 96, 96});
  b->Args({39, 2, 32, 4, 2, 64, 192, 192});
  b->Args({39, 32, 64, 4, 2, 32, 96, 96});
  b->UseRealTime()->Unit(benchmark::kMillisecond);
}

void register_convolutions(const c10::Device& device) {
  for (const bool of_weight : {true, false}) {
    for (const auto& [name, by] :
         {std::pair("ours", By::us), std::pair("cudnn_deterministic", By::cudnn_deterministic),
          std::pair("cudnn_any", By::cudnn_any)}) {
      const std::string of = of_weight ? "weight_gradient/" : "input_gradient/";
      benchmark::RegisterBenchmark((of + name + "/cuda").c_str(), [=, who = by](benchmark::State& state) {
        convolution_gradient(state, who, of_weight, device);
      })->Apply(convolution_sizes);
    }
  }
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
  if (torch::cuda::is_available()) {
    totum::register_for(c10::Device(c10::kCUDA, 0));
    totum::register_convolutions(c10::Device(c10::kCUDA, 0));
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
