#include "baselines/single.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "tests/baselines/method_probe.h"
#include "tests/methods/small_setup.h"

namespace totum {
namespace {

std::unique_ptr<Method> make() {
  return make_single(small_setup(), JsonReader(nlohmann::json::object(), "options"));
}

TEST(Single, Fidelity1EachTaskHasItsOwnNetworkAndPart) {
  const auto method = make();
  const auto parts = method->parts();
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[2].name, "mr");
  EXPECT_EQ(parts[2].tasks, (std::vector<std::int64_t>{2}));
  for (const auto& [name, tensor] : snapshot(*method)) EXPECT_NE(name.find('/'), std::string::npos) << name;
}

TEST(Single, Fidelity2TheNetworkOfATaskRefusesOtherTasks) {
  const auto method = make();
  EXPECT_THROW(method->train_step(small_batch(small_setup(), {0, 2}, 1), {2, 0, 0, 10}), c10::Error);
}

TEST(Single, Fidelity6ATasksDataLeavesTheOtherNetworksByteIdentical) {
  const auto method = make();
  const auto before = snapshot(*method);
  method->train_step(small_batch(small_setup(), {2, 2}, 1), {2, 0, 0, 10});
  bool mr_changed = false;
  for (const auto& [name, tensor] : snapshot(*method)) {
    const bool equal = at::equal(tensor, before.at(name));
    if (name.starts_with("mr/")) {
      mr_changed = mr_changed || !equal;
    } else {
      EXPECT_TRUE(equal) << name;
    }
  }
  EXPECT_TRUE(mr_changed);
}

// A CT image whose networks are told apart by their heads' biases: organ 6 must follow ct_a, 9 ct_b, 1 mr.
TEST(Single, Fidelity4OrgansComeFromTheirOwnersWhateverTheModality) {
  const auto method = make();
  class RaiseBias final : public StateVisitor {
   public:
    explicit RaiseBias(std::string task) : name_(std::move(task) + "/network.decoder.head_conv.bias") {}
    void tensor(const std::string& name, at::Tensor& value) override {
      torch::NoGradGuard no_grad;
      if (name == name_) value.slice(0, 1).add_(20.0);
    }
    void counter(const std::string&, std::int64_t&) override {}
    void optimiser(const std::string&, torch::optim::Optimizer&) override {}

   private:
    std::string name_;
  };
  RaiseBias raise("ct_b");
  method->visit_state(raise);
  const at::Tensor image = small_batch(small_setup(), {0}, 1).image;
  const at::Tensor mass = method->predict(image, Modality::ct).mean({0, 2, 3, 4});
  const auto sum = [&](const std::vector<std::int64_t>& organs) {
    return mass.index_select(0, at::tensor(organs, at::kLong)).sum().item<double>();
  };
  // ct_b claims every voxel for its organs (head mass 1); the other heads keep theirs below 1 each.
  EXPECT_GT(sum({9, 11, 12, 13}), sum({5, 6, 7, 8}));
  EXPECT_GT(sum({9, 11, 12, 13}), sum({1, 2, 3, 4, 10}));
  EXPECT_LT(mass[0].item<double>(), 1e-3);  // the smallest background of the three
}

TEST(Single, Fidelity5TheLossIncludesTheBackground) {
  const auto method = make();
  Batch batch = small_batch(small_setup(), {0, 0}, 1);
  batch.label.zero_();
  const auto report = method->train_step(batch, {0, 0, 0, 10});
  EXPECT_GT(report[0].second.item<double>(),
            0.5);  // cross entropy of an untrained five-way head on background alone
}

}  // namespace
}  // namespace totum
