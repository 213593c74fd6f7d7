// Every method of the registry computes on a GPU what it computes on the CPU. Label gpu: `./totum test`
// leaves it out where there is no GPU.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "experiments/registry.h"
#include "experiments/run_worker.h"
#include "tests/methods/small_setup.h"

namespace totum {
namespace {

class OnGpu : public testing::TestWithParam<std::string> {};

Batch moved(Batch batch, const c10::Device& device) {
  batch.image = batch.image.to(device);
  batch.label = batch.label.to(device);
  batch.labelled = batch.labelled.to(device);
  batch.atlas = batch.atlas.to(device);
  return batch;
}

// Losses and predictions of float32 on two devices differ by the order of sums alone: 1e-4 relative before
// the first step; Adam's first step divides by |g|, so a weight whose gradient is nearly 0 may move either
// way: 1e-2 after it.
TEST_P(OnGpu, ComputesWhatTheCpuComputes) {
  ASSERT_TRUE(torch::cuda::is_available()) << "this test needs a GPU and a CUDA build";
  pin_arithmetic(2);
  MethodSetup setup = small_setup();
  const MethodEntry& entry = find_method(GetParam());
  const auto on_cpu = entry.make(setup, JsonReader(nlohmann::json::object(), "options"));
  setup.device = c10::Device(c10::kCUDA, 0);
  const auto on_gpu = entry.make(setup, JsonReader(nlohmann::json::object(), "options"));
  const SmallTrainingData training_data(entry.traits.supervision);
  on_cpu->begin_training(training_data);
  on_gpu->begin_training(training_data);
  const Batch batch = small_batch(setup, tasks_of(on_cpu->parts()[0]), 7, entry.traits.supervision);
  const Batch gpu_batch = moved(batch, setup.device);
  const auto differs = [&] {
    const at::Tensor cpu = on_cpu->predict(batch.image, Modality::ct);
    return (on_gpu->predict(gpu_batch.image, Modality::ct).cpu() - cpu).abs().max().item<double>();
  };
  EXPECT_LE(differs(), 1e-4);
  const StepReport cpu = on_cpu->train_step(batch, {0, 0, 5, 10});
  const StepReport gpu = on_gpu->train_step(gpu_batch, {0, 0, 5, 10});
  ASSERT_EQ(cpu.size(), gpu.size());
  for (std::size_t i = 0; i < cpu.size(); ++i) {
    EXPECT_EQ(cpu[i].first, gpu[i].first);
    const double expected = cpu[i].second.item<double>();
    EXPECT_NEAR(gpu[i].second.item<double>(), expected, 1e-2 * std::max(1.0, std::abs(expected)))
        << cpu[i].first;
  }
  EXPECT_LE(differs(), 1e-2);
}

// What a run promises on a CPU, on a GPU too: three steps from one seed end with the same weights.
TEST_P(OnGpu, TwiceGivesTheSameBytes) {
  ASSERT_TRUE(torch::cuda::is_available()) << "this test needs a GPU and a CUDA build";
  pin_arithmetic(2);
  MethodSetup setup = small_setup();
  setup.device = c10::Device(c10::kCUDA, 0);
  const MethodEntry& entry = find_method(GetParam());
  const SmallTrainingData training_data(entry.traits.supervision);
  const auto prediction_after_steps = [&] {
    const auto method = entry.make(setup, JsonReader(nlohmann::json::object(), "options"));
    method->begin_training(training_data);
    const auto tasks = tasks_of(method->parts()[0]);
    const Batch batch = moved(small_batch(setup, tasks, 7, entry.traits.supervision), setup.device);
    for (std::int64_t i = 0; i < 3; ++i) method->train_step(batch, {0, i, 5, 10});
    return method->predict(batch.image, Modality::ct);
  };
  const at::Tensor first = prediction_after_steps();
  EXPECT_TRUE(prediction_after_steps().equal(first));
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const MethodEntry& entry : all_methods()) {
    if (entry.make != nullptr) all.emplace_back(entry.name);
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Registry, OnGpu, testing::ValuesIn(names()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace totum
