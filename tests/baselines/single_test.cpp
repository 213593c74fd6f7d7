#include "baselines/single.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <set>

#include "tests/baselines/method_probe.h"

namespace totum {
namespace {

std::unique_ptr<Method> make(const MethodSetup& setup = small_setup()) {
  return make_single(setup, JsonReader(nlohmann::json::object(), "options"));
}

// Three backbones with heads of 5, 5 and 6 channels.
TEST(Single, HasTheParametersOfThreeNetworks) {
  const auto method = make(paper_setup());
  EXPECT_EQ(parameter_count(*method, "ct_a/"), 17286149);
  EXPECT_EQ(parameter_count(*method, "ct_b/"), 17286149);
  EXPECT_EQ(parameter_count(*method, "mr/"), 17286182);
  EXPECT_EQ(parameter_count(*method), 2 * 17286149 + 17286182);
}

TEST(Single, Fidelity1EachTaskHasItsOwnPartAndNoTensorIsShared) {
  const auto method = make();
  const auto parts = method->parts();
  ASSERT_EQ(parts.size(), 3U);
  std::map<std::string, std::int64_t> tensors;  // by part
  for (std::size_t t = 0; t < 3; ++t) {
    EXPECT_EQ(parts[t].name, small_setup().tasks[t].name);
    EXPECT_EQ(parts[t].tasks, (std::vector<std::int64_t>{static_cast<std::int64_t>(t)}));
  }
  std::set<void*> storages;
  TensorVisitor visitor([&](const std::string& name, at::Tensor& value) {
    ++tensors[name.substr(0, name.find('/'))];
    EXPECT_TRUE(storages.insert(value.data_ptr()).second) << name;
  });
  method->visit_state(visitor);
  EXPECT_EQ(tensors, (std::map<std::string, std::int64_t>{{"ct_a", 107}, {"ct_b", 107}, {"mr", 107}}));
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

// Each network in turn claims every voxel for its organs: they and no others win, on a CT image and on an MR
// image, and its organs keep their order.
TEST(Single, Fidelity4OrgansComeFromTheirOwnersWhateverTheModality) {
  const MethodSetup setup = small_setup();
  const at::Tensor image = small_batch(setup, {0}, 1).image;
  for (const Task& task : setup.tasks) {
    const auto method = make();
    std::vector<double> z{-20};
    for (std::size_t j = 0; j < task.organs.size(); ++j) z.push_back(0.3 * static_cast<double>(j));
    set_constant(*method, task.name + "/network.decoder.head_conv", z);
    for (const Modality modality : {Modality::ct, Modality::mr}) {
      const at::Tensor p = method->predict(image, modality);
      const at::Tensor own = p.index_select(1, at::tensor(task.organs, at::kLong));
      EXPECT_LT(p.select(1, 0).max().item<float>(), 1e-6F);  // the smallest background of the three
      // This head's organs hold 1 of the sum; the two others, untrained, less than 1 each.
      EXPECT_GT(own.sum(1).min().item<float>(), 1.0F / 3);
      for (std::size_t j = 1; j < task.organs.size(); ++j) {
        const auto place = static_cast<std::int64_t>(j);
        const at::Tensor ratio = own.select(1, place) / own.select(1, place - 1);
        EXPECT_LT((ratio - std::exp(0.3)).abs().max().item<double>(), 1e-4) << task.name;
      }
    }
  }
}

TEST(Single, ChoosesAPartsBestByThatPartsOrgansAlone) {
  const auto method = make();
  const at::Tensor p = method->predict_part(2, small_batch(small_setup(), {0}, 1).image, Modality::ct);
  for (std::int64_t c = 0; c < 14; ++c) {
    const bool is_mr = c <= 4 || c == 10;
    EXPECT_EQ(p.select(1, c).max().item<float>() > 0, is_mr) << c;
  }
}

// By hand on a head that says the same everywhere: background is one of its five channels.
TEST(Single, Fidelity5TheLossIncludesTheBackground) {
  const auto method = make();
  const Batch batch = small_batch(small_setup(), {0, 0}, 1);
  const std::vector<double> z{0.4, -0.3, 0.1, 0.7, -0.2};
  set_constant(*method, "ct_a/network.decoder.head_conv", z);
  double expected = 0;
  for (std::int64_t b = 0; b < 2; ++b) expected += constant_head_loss(z, batch.label[b], {5, 6, 7, 8}) / 2;
  EXPECT_NEAR(method->train_step(batch, {0, 0, 0, 10})[0].second.item<double>(), expected, 1e-5);
}

}  // namespace
}  // namespace totum
