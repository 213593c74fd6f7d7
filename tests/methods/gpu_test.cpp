// Every method of the registry computes on a GPU what it computes on the CPU. Label gpu: `./totum test`
// leaves it out where there is no GPU.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "experiments/multiply_adds.h"
#include "experiments/registry.h"
#include "experiments/run_worker.h"
#include "kernels/convolution.h"
#include "methods/state.h"
#include "tests/methods/method_variants.h"
#include "tests/methods/small_setup.h"

namespace totum {
namespace {

class OnGpu : public testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(torch::cuda::is_available()) << "this test needs a GPU and a CUDA build";
    pin_arithmetic(2);
  }
  [[nodiscard]] std::unique_ptr<Method> make_on(const c10::Device& device) const {
    MethodSetup setup = small_setup();
    setup.device = device;
    auto method = find_method(GetParam().method).make(setup, JsonReader(GetParam().options, "options"));
    method->begin_training(training_data_);
    return method;
  }
  const SmallTrainingData training_data_{find_method(GetParam().method).traits.supervision};
};

const c10::Device kGpu(c10::kCUDA, 0);

Batch on_gpu(Batch batch) {
  batch.image = batch.image.to(kGpu);
  batch.label = batch.label.to(kGpu);
  batch.labelled = batch.labelled.to(kGpu);
  batch.atlas = batch.atlas.to(kGpu);
  return batch;
}

// Losses and predictions of float32 on two devices differ by the order of sums alone: 1e-4 relative before
// the first step; Adam's first step divides by |g|, so a weight whose gradient is nearly 0 may move either
// way: 1e-2 after it.
TEST_P(OnGpu, ComputesWhatTheCpuComputes) {
  const auto cpu = make_on(c10::kCPU);
  const auto gpu = make_on(kGpu);
  const at::Tensor image = batch_for(*cpu, GetParam(), 0, 7).image;
  const auto differs = [&] {
    const at::Tensor expected = cpu->predict(image, Modality::ct);
    return (gpu->predict(image.to(kGpu), Modality::ct).cpu() - expected).abs().max().item<double>();
  };
  EXPECT_LE(differs(), 1e-4);
  for (std::int64_t part = 0; part < static_cast<std::int64_t>(cpu->parts().size()); ++part) {
    const Batch batch = batch_for(*cpu, GetParam(), part, 7);
    const StepReport expected = cpu->train_step(batch, {part, 0, 5, 10});
    const StepReport found = gpu->train_step(on_gpu(batch), {part, 0, 5, 10});
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(found[i].first, expected[i].first);
      const double value = expected[i].second.item<double>();
      EXPECT_NEAR(found[i].second.item<double>(), value, 1e-2 * std::max(1.0, std::abs(value)))
          << expected[i].first << " of part " << part;
    }
  }
  EXPECT_LE(differs(), 1e-2);
}

// What a run promises on a CPU, on a GPU too: three steps of every part from one seed end in the same state.
TEST_P(OnGpu, TwiceGivesTheSameBytes) {
  const auto state_after_steps = [&] {
    const auto method = make_on(kGpu);
    for (std::int64_t i = 0; i < 3; ++i) {
      for (std::int64_t part = 0; part < static_cast<std::int64_t>(method->parts().size()); ++part) {
        method->train_step(on_gpu(batch_for(*method, GetParam(), part, 7)), {part, i, 5, 10});
      }
    }
    return state_sha256(*method);
  };
  const std::string first = state_after_steps();
  EXPECT_EQ(state_after_steps(), first);
}

INSTANTIATE_TEST_SUITE_P(Methods, OnGpu, testing::ValuesIn(variants()),
                         [](const auto& test) { return test.param.method + "_" + test.param.name; });

// The ledger's work: on a GPU some of it is done by our kernels, which name themselves.
TEST(CountOnGpu, OfAConvolutionIsTheCpus) {
  ASSERT_TRUE(torch::cuda::is_available()) << "this test needs a GPU and a CUDA build";
  struct Shape {
    std::int64_t kernel, stride, padding;
  };
  for (const Shape& shape : {Shape{3, 1, 1}, {3, 2, 1}, {1, 1, 0}, {1, 2, 0}, {4, 2, 1}, {5, 1, 2}}) {
    const auto work_on = [&](const c10::Device& device) {
      const at::Tensor x = at::ones({2, 5, 8, 10, 12}, device).requires_grad_();
      const at::Tensor weight =
          at::ones({7, 5, shape.kernel, shape.kernel, shape.kernel}, device).requires_grad_();
      return count_multiply_adds(
          [&] { convolution_3d(x, weight, {}, shape.stride, shape.padding).sum().backward(); });
    };
    EXPECT_EQ(work_on(kGpu), work_on(c10::Device(c10::kCPU))) << shape.kernel;
  }
}

}  // namespace
}  // namespace totum
