// One training step of the plain network, of single modules and of the full method: the smoke presets' sizes
// and 32^3 at width 32; then of every rival at smoke's size, and their prediction of a patch. The peer that
// does the same work in PyTorch is pytorch_step.py; race.sh times both in one run.
// On the CPU with two threads, or with TOTUM_BENCHMARK_DEVICE=cuda on the first GPU, there also at the sizes
// of the presets phantom and amos22-paper, with the peak of the memory that LibTorch held.

#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <torch/torch.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "experiments/registry.h"
#include "experiments/run_worker.h"
#include "methods/method.h"
#include "methods/training_data.h"

namespace totum {
namespace {

c10::Device device() {
  const char* name = std::getenv("TOTUM_BENCHMARK_DEVICE");
  return c10::Device(name == nullptr ? "cpu" : name);
}

// TOTUM_BENCHMARK_FASTEST=1: as a preset with "deterministic": false.
bool deterministic() { return std::getenv("TOTUM_BENCHMARK_FASTEST") == nullptr; }

void wait_for_device() {
  if (device().is_cuda()) torch::cuda::synchronize();
}

// Of the memory that LibTorch held on the GPU since forget_peak.
double peak_gib() {
  const auto stats = c10::getDeviceAllocator(device().type())->getDeviceStats(0);
  return static_cast<double>(stats.allocated_bytes[0].peak) / (1 << 30);
}

void forget_peak() {
  if (!device().is_cuda()) return;
  at::empty({1}, at::TensorOptions(device()));  // statistics exist after the first allocation
  c10::getDeviceAllocator(device().type())->emptyCache();
  c10::getDeviceAllocator(device().type())->resetPeakStats(0);
}

MethodSetup setup_of(const benchmark::State& state) {
  MethodSetup setup;
  setup.device = device();
  setup.patch_voxels = {state.range(0), state.range(1), state.range(2)};
  setup.backbone = {state.range(3), state.range(5)};
  setup.tasks = {{"ct_a", Modality::ct, {5, 6, 7, 8}},
                 {"ct_b", Modality::ct, {9, 11, 12, 13}},
                 {"mr", Modality::mr, {1, 2, 3, 4, 10}}};
  return setup;
}

Batch batch_of(const MethodSetup& setup, std::int64_t images) {
  const auto& patch = setup.patch_voxels;
  Batch batch;
  batch.image = (at::arange(images * patch[0] * patch[1] * patch[2], at::kFloat) * 0.01F)
                    .sin()
                    .view({images, 1, patch[0], patch[1], patch[2]});
  batch.atlas = at::full({images, kOrgans, patch[0], patch[1], patch[2]}, 0.1F);
  batch.label = (at::arange(images * patch[0] * patch[1] * patch[2], at::kLong).floor_divide(997))
                    .remainder(14)
                    .view({images, patch[0], patch[1], patch[2]});
  batch.labelled = at::zeros({images, kOrgans}, at::kBool);
  for (std::int64_t b = 0; b < images; ++b) {
    batch.task.push_back(b % 3);
    const Task& task = setup.tasks[static_cast<std::size_t>(b % 3)];
    batch.modality.push_back(task.modality);
    batch.case_id.push_back("case");
    for (const std::int64_t c : task.organs) batch.labelled[b][c - 1] = true;
  }
  for (at::Tensor* tensor : {&batch.image, &batch.atlas, &batch.label, &batch.labelled}) {
    *tensor = tensor->to(device());
  }
  return batch;
}

// Crops of one image, for what a method estimates before its first step.
class OneImage final : public TrainingData {
 public:
  explicit OneImage(const MethodSetup& setup) : batch_(batch_of(setup, 3)) {}
  [[nodiscard]] std::vector<std::string> case_ids(std::int64_t task) const override {
    return {std::to_string(task)};
  }
  [[nodiscard]] TrainingImage crop(const std::string&, std::int64_t task, std::int64_t) const override {
    const auto modality = batch_.modality[static_cast<std::size_t>(task)];
    return {batch_.image[task][0], batch_.label[task], batch_.labelled[task], modality, task,
            std::to_string(task)};
  }
  [[nodiscard]] const Geometry& geometry(const std::string&) const override { return geometry_; }
  [[nodiscard]] at::Tensor slices(const std::string& case_id, std::int64_t z,
                                  std::int64_t count) const override {
    return batch_.image[std::stoll(case_id)][0].slice(0, z, z + count);
  }
  void augment(at::Tensor&, const std::string&, std::int64_t) const override {}
  [[nodiscard]] std::filesystem::path scratch_folder() const override { return {}; }
  [[nodiscard]] std::filesystem::path gallery_folder() const override { return {}; }

 private:
  Batch batch_;
  Geometry geometry_{};
};

void training_step(benchmark::State& state, const char* options, const char* name = "proposed") {
  pin_arithmetic(2, deterministic());
  forget_peak();
  const MethodSetup setup = setup_of(state);
  const auto method = find_method(name).make(setup, JsonReader(nlohmann::json::parse(options), "options"));
  const Batch batch = batch_of(setup, state.range(4));
  const OneImage training_data(setup);
  method->begin_training(training_data);
  method->train_step(batch, {0, 0, 0, 10});  // makes oneDNN's kernels and the optimiser's state
  wait_for_device();
  for (auto _ : state) {
    benchmark::DoNotOptimize(method->train_step(batch, {0, 1, 5, 10}));
    wait_for_device();
  }
  if (device().is_cuda()) state.counters["peak_gib"] = peak_gib();
  state.counters["patches_per_s"] =
      benchmark::Counter(static_cast<double>(state.range(4)), benchmark::Counter::kIsIterationInvariantRate);
}

void prediction(benchmark::State& state, const char* options, const char* name) {
  pin_arithmetic(2, deterministic());
  const MethodSetup setup = setup_of(state);
  const auto method = find_method(name).make(setup, JsonReader(nlohmann::json::parse(options), "options"));
  const at::Tensor image = batch_of(setup, state.range(4)).image;
  method->predict(image, Modality::ct);
  wait_for_device();
  for (auto _ : state) {
    benchmark::DoNotOptimize(method->predict(image, Modality::ct));
    wait_for_device();
  }
}

void smoke_size(benchmark::internal::Benchmark* b) {
  b->ArgNames({"D", "H", "W", "width", "batch", "stem_stride"});
  b->Args({32, 32, 48, 16, 2, 2});
  b->Unit(benchmark::kMillisecond)->UseRealTime();
}

void sizes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"D", "H", "W", "width", "batch", "stem_stride"});
  b->Args({32, 32, 48, 16, 2, 2});
  b->Args({32, 56, 56, 16, 2, 2});
  b->Args({32, 32, 32, 32, 2, 1});
  if (device().is_cuda()) b->Args({32, 64, 96, 32, 2, 1});
  b->Unit(benchmark::kMillisecond)->UseRealTime();
}

// The smaller APRN and AMAN of the smoke preset, every loss at work.
#define TOTUM_MODULES(aman, aprn, micpam)                                                         \
  R"({"aprn_network": {"base": 8, "copies": 1, "stem_stride": 4}, "aman_network": {"base": 8}, )" \
  R"("ramp_epochs": 0, "aman": )" aman R"(, "aprn": )" aprn R"(, "micpam": )" micpam "}"
BENCHMARK_CAPTURE(training_step, ablation_a, TOTUM_MODULES("false", "false", "false"))->Apply(sizes);
BENCHMARK_CAPTURE(training_step, ablation_b, TOTUM_MODULES("true", "false", "false"))->Apply(sizes);
BENCHMARK_CAPTURE(training_step, ablation_c, TOTUM_MODULES("false", "true", "false"))->Apply(sizes);
BENCHMARK_CAPTURE(training_step, ablation_d, TOTUM_MODULES("false", "false", "true"))->Apply(sizes);
BENCHMARK_CAPTURE(training_step, full, TOTUM_MODULES("true", "true", "true"))->Apply(sizes);
// The batch holds a ct_a and a ct_b image, as most batches of the smoke preset mix tasks.
BENCHMARK_CAPTURE(training_step, mh_net, "{}", "mh_net")->Apply(smoke_size);
BENCHMARK_CAPTURE(training_step, cond_dec, "{}", "cond_dec")->Apply(smoke_size);
BENCHMARK_CAPTURE(training_step, dodnet, "{}", "dodnet")->Apply(smoke_size);
BENCHMARK_CAPTURE(training_step, uniseg, "{}", "uniseg")->Apply(smoke_size);
BENCHMARK_CAPTURE(training_step, pann, R"({"prior_crops": 1})", "pann")->Apply(smoke_size);
BENCHMARK_CAPTURE(training_step, vat, "{}", "vat")->Apply(smoke_size);
// Trusting every voxel that the untrained teacher gets right, so that memory and contrast have work.
BENCHMARK_CAPTURE(training_step, pcl, R"({"confidence": 0})", "pcl")->Apply(smoke_size);
// Half of the batches are mixed: the mean of both is the method's step.
BENCHMARK_CAPTURE(training_step, u2pl_mixed, R"({"cutmix": 1.0})", "u2pl")->Apply(smoke_size);
BENCHMARK_CAPTURE(training_step, u2pl_unmixed, R"({"cutmix": 0.0})", "u2pl")->Apply(smoke_size);
BENCHMARK_CAPTURE(prediction, ablation_a, TOTUM_MODULES("false", "false", "false"), "proposed")
    ->Apply(smoke_size);
BENCHMARK_CAPTURE(prediction, single, "{}", "single")->Apply(smoke_size);
BENCHMARK_CAPTURE(prediction, mh_net, "{}", "mh_net")->Apply(smoke_size);
BENCHMARK_CAPTURE(prediction, cond_dec, "{}", "cond_dec")->Apply(smoke_size);
BENCHMARK_CAPTURE(prediction, dodnet, "{}", "dodnet")->Apply(smoke_size);
BENCHMARK_CAPTURE(prediction, uniseg, "{}", "uniseg")->Apply(smoke_size);

// The paper's networks at the paper's size: seconds a step on a GPU, minutes on a CPU, hence there alone.
void register_paper_size() {
  for (const bool full : {false, true}) {
    const char* options =
        full ? R"({"ramp_epochs": 0})" : R"({"aman": false, "aprn": false, "micpam": false})";
    benchmark::RegisterBenchmark(full ? "training_step/paper_full" : "training_step/paper_a",
                                 [=](benchmark::State& state) { training_step(state, options); })
        ->ArgNames({"D", "H", "W", "width", "batch", "stem_stride"})
        ->Args({64, 192, 192, 32, 3, 1})
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  }
}

}  // namespace
}  // namespace totum

int main(int argc, char** argv) {
  if (totum::device().is_cuda()) totum::register_paper_size();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
