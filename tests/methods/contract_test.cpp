// What every method of the registry that totum trains must do. A new method is covered by its registry line
// alone; option sets that are worth running beside the defaults stand in variants().

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "core/error.h"
#include "core/sha256.h"
#include "experiments/registry.h"
#include "methods/checkpoint.h"
#include "methods/state.h"
#include "tests/core/temporary_folder.h"
#include "tests/methods/method_variants.h"
#include "tests/methods/small_setup.h"

namespace totum {
namespace {

using nlohmann::json;

class Contract : public testing::TestWithParam<Variant> {
 protected:
  const SmallTrainingData training_data_{find_method(GetParam().method).traits.supervision};
  [[nodiscard]] std::unique_ptr<Method> make(std::uint64_t seed = 1) const {
    auto method =
        find_method(GetParam().method).make(small_setup(seed), JsonReader(GetParam().options, "options"));
    method->begin_training(training_data_);
    return method;
  }
  // With the labels that the method may see.
  [[nodiscard]] static Batch batch_of(const std::vector<std::int64_t>& tasks, std::uint64_t seed) {
    return small_batch(small_setup(), tasks, seed, find_method(GetParam().method).traits.supervision);
  }
  // One step of every part, from iteration `first` on.
  static void train(Method& method, std::int64_t first, std::int64_t steps) {
    const auto parts = static_cast<std::int64_t>(method.parts().size());
    for (std::int64_t i = first; i < first + steps; ++i) {
      for (std::int64_t part = 0; part < parts; ++part) {
        const Batch batch = batch_for(method, GetParam(), part, static_cast<std::uint64_t>(100 * i + part));
        method.train_step(batch, {part, i, i, 10});
      }
    }
  }
};

TEST_P(Contract, TrainsAStepThatChangesItsParametersAndReportsFiniteLosses) {
  const auto method = make();
  const std::string before = state_sha256(*method);
  const Batch batch = batch_of(tasks_of(method->parts()[0]), 7);
  const StepReport report = method->train_step(batch, {0, 0, 0, 10});
  ASSERT_FALSE(report.empty());
  for (const auto& [name, value] : report) {
    EXPECT_TRUE(std::isfinite(value.item<double>())) << name;
    EXPECT_FALSE(value.requires_grad()) << name;
  }
  EXPECT_NE(state_sha256(*method), before);
}

TEST_P(Contract, PredictsProbabilitiesThatSumToOne) {
  const auto method = make();
  const at::Tensor image = small_batch(small_setup(), {0, 2}, 3).image;
  for (const Modality modality : {Modality::ct, Modality::mr}) {
    const at::Tensor p = method->predict(image, modality);
    ASSERT_EQ(p.sizes(), (at::IntArrayRef{2, 14, 32, 32, 32}));
    EXPECT_GE(p.min().item<float>(), 0.0F);
    EXPECT_LE((p.sum(1) - 1).abs().max().item<float>(), 1e-5F);
  }
}

TEST_P(Contract, PredictionOfAnImageDoesNotDependOnItsNeighbours) {
  const auto method = make();
  const at::Tensor images = small_batch(small_setup(), {0, 2}, 3).image;
  const at::Tensor both = method->predict(images, Modality::ct);
  const at::Tensor alone = method->predict(images.slice(0, 0, 1), Modality::ct);
  // Another batch size may take another convolution kernel, so the last digits differ.
  EXPECT_LE((both.slice(0, 0, 1) - alone).abs().max().item<float>(), 1e-4F);
}

TEST_P(Contract, IgnoresLabelsThatItMayNotSee) {
  const auto clean = make();
  const auto noisy = make();
  const MethodSetup setup = small_setup();
  for (std::size_t part = 0; part < clean->parts().size(); ++part) {
    const auto tasks = tasks_of(clean->parts()[part]);
    Batch batch = batch_of(tasks, 5);
    const StepContext context{static_cast<std::int64_t>(part), 0, 0, 10};
    clean->train_step(batch, context);
    // The other images' task changes nothing but `labelled`; here the background is filled with organs of
    // other tasks.
    for (std::int64_t b = 0; b < batch.label.size(0); ++b) {
      const auto& organs = setup.tasks[static_cast<std::size_t>(tasks[static_cast<std::size_t>(b)])].organs;
      std::int64_t foreign = 1;
      while (std::find(organs.begin(), organs.end(), foreign) != organs.end()) ++foreign;
      batch.label[b].masked_fill_(batch.label[b] == 0, foreign);
    }
    noisy->train_step(batch, context);
  }
  if (find_method(GetParam().method).traits.supervision == Supervision::full) {
    EXPECT_NE(state_sha256(*clean), state_sha256(*noisy)) << "declared to see all labels, but does not";
  } else {
    EXPECT_EQ(state_sha256(*clean), state_sha256(*noisy));
  }
}

TEST_P(Contract, GivesTheSameBytesTwiceAndOthersForAnotherSeed) {
  const auto first = make();
  const auto second = make();
  train(*first, 0, 2);
  train(*second, 0, 2);
  EXPECT_EQ(state_sha256(*first), state_sha256(*second));
  EXPECT_NE(state_sha256(*make(1)), state_sha256(*make(2)));
}

// From the fourth of ten epochs on, when stages, teachers and ramps have begun.
TEST_P(Contract, ContinuesFromACheckpointToTheSameBytes) {
  const TemporaryFolder folder;
  const auto straight = make();
  train(*straight, 3, 2);
  const auto stopped = make();
  train(*stopped, 3, 1);
  save_state(*stopped, folder.path() / "state.safetensors", {{"note", "kept"}});
  const auto continued = make();
  train(*continued, 7, 1);  // other weights and moments, so that everything must come from the file
  EXPECT_EQ(load_state(*continued, folder.path() / "state.safetensors").at("note"), "kept");
  train(*continued, 4, 1);
  save_state(*straight, folder.path() / "a.safetensors", {});
  save_state(*continued, folder.path() / "b.safetensors", {});
  EXPECT_EQ(sha256_of_file(folder.path() / "a.safetensors"), sha256_of_file(folder.path() / "b.safetensors"));
}

TEST_P(Contract, RefusesAStateThatDoesNotFitAndChangesNothing) {
  const TemporaryFolder folder;
  const auto method = make();
  save_state(*method, folder.path() / "state.safetensors", {});
  auto other_setup = small_setup();
  other_setup.backbone.base_width = 32;
  const auto other =
      find_method(GetParam().method).make(other_setup, JsonReader(GetParam().options, "options"));
  const std::string before = state_sha256(*other);
  EXPECT_THROW(load_state(*other, folder.path() / "state.safetensors"), DataError);
  EXPECT_EQ(state_sha256(*other), before);
}

TEST_P(Contract, RefusesUnknownOptions) {
  json options = GetParam().options;
  options["no_such_option"] = 1;
  EXPECT_THROW(find_method(GetParam().method).make(small_setup(), JsonReader(options, "options")),
               ConfigError);
}

TEST_P(Contract, NamesEachPartOfItsStateOnce) {
  const TemporaryFolder folder;
  const auto method = make();
  train(*method, 0, 1);
  EXPECT_NO_THROW(
      save_state(*method, folder.path() / "state.safetensors", {}));  // throws if a name stands twice
}

INSTANTIATE_TEST_SUITE_P(Methods, Contract, testing::ValuesIn(variants()),
                         [](const auto& test) { return test.param.method + "_" + test.param.name; });

TEST(Registry, EveryMethodIsEitherTrainedOrASource) {
  for (const MethodEntry& entry : all_methods())
    EXPECT_NE(entry.make == nullptr, entry.make_source == nullptr) << entry.name;
}

TEST(Registry, FullLabelsIsTheOnlyMethodThatSeesHiddenLabels) {
  for (const MethodEntry& entry : all_methods()) {
    EXPECT_EQ(entry.traits.supervision == Supervision::full, entry.name == "full_labels") << entry.name;
    if (entry.traits.supervision == Supervision::full) {
      EXPECT_FALSE(entry.traits.of_paper);
      EXPECT_NE(entry.traits.remark.find("hidden labels"), std::string_view::npos);
    }
  }
}

TEST(Registry, NamesTheNearestMethod) {
  try {
    find_method("singel");
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean \"single\"?"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace totum
