#include "baselines/pcl.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "baselines/class_contrast.h"
#include "baselines/class_memory.h"
#include "baselines/one_softmax.h"
#include "baselines/strong_view.h"
#include "core/error.h"
#include "networks/initialise.h"
#include "networks/residual_unet.h"
#include "tests/baselines/method_probe.h"
#include "tests/methods/state_access.h"

namespace totum {
namespace {

using nlohmann::json;

std::unique_ptr<Method> make(const json& options = json::object(), std::int64_t stem_stride = 2) {
  return make_pcl(undecayed_setup(stem_stride), JsonReader(options, "options"));
}

// Sets tensors of a method by name.
void change(Method& method, const std::function<void(const std::string&, at::Tensor&)>& set) {
  TensorVisitor visitor([&](const std::string& name, at::Tensor& value) {
    const torch::NoGradGuard no_grad;
    set(name, value);
  });
  method.visit_state(visitor);
}

// Student and teacher find one class everywhere, with a probability near 1.
void be_sure_of(Method& method, std::int64_t of_class) {
  change(method, [&](const std::string& name, at::Tensor& value) {
    if (name.ends_with("network.decoder.head_conv.bias")) value[of_class] = 30.0;
  });
}

at::Tensor counts_of(Method& method) { return snapshot(method).at("memory.counts"); }

// The backbone and the heads as the method has them at its first step.
struct FirstLearner {
  ResidualUNet network{backbone_shape(14, 16, 2)};
  ContrastHeads heads{32, 14};

  FirstLearner() {
    const auto method = make();
    copy_parameters(*method, "network.", *network);
    copy_parameters(*method, "heads.", *heads);
  }
};

at::Tensor vectors(std::int64_t rows, std::uint64_t seed) {
  RandomStream random(seed, "vectors");
  return uniform({rows, kContrastWidth}, random, -1, 1);
}

TEST(Pcl, Fidelity1TheMemoryHasAtMost256VectorsOfAClassNewestFirst) {
  const auto defaults = snapshot(*make());
  EXPECT_EQ(defaults.at("memory.vectors").sizes(), (at::IntArrayRef{14, 256, kContrastWidth}));
  EXPECT_EQ(defaults.at("memory.counts").sum().item<std::int64_t>(), 0);
  // Two images, two vectors each: four new ones a step, of which the first step's oldest two soon have no
  // room.
  const auto method = make({{"ramp", 0.0}, {"bank", 6}});
  be_sure_of(*method, 5);
  at::Tensor before;
  for (std::int64_t i = 0; i < 3; ++i) {
    method->train_step(small_batch(small_setup(), {0, 0}, static_cast<std::uint64_t>(i)), {0, i, i, 10});
    EXPECT_EQ(counts_of(*method)[5].item<std::int64_t>(), i == 0 ? 4 : 6);
    const at::Tensor after = snapshot(*method).at("memory.vectors")[5];
    if (i > 0) {
      EXPECT_TRUE(at::equal(after.slice(0, 4), before.slice(0, 0, 2)));
      EXPECT_FALSE(at::equal(after.slice(0, 0, 4), before.slice(0, 0, 4)));
    }
    before = after;
  }
}

// Probabilities of background, 1 and 2 in eight voxels; the label knows class 1 in four of them, the
// pseudo-label says background in two open ones and 2 in the others.
TEST(Pcl, Fidelity2TheMemoryGetsNothingThatTheTeacherGotWrongOrDoubted) {
  const at::Tensor probability = at::tensor({0.01, 0.03, 0.97, 0.02, 0.96, 0.94, 0.01, 0.01,   //
                                             0.98, 0.95, 0.01, 0.01, 0.03, 0.05, 0.02, 0.01,   //
                                             0.01, 0.02, 0.02, 0.97, 0.01, 0.01, 0.97, 0.98},  //
                                            at::kDouble)
                                     .view({1, 3, 1, 1, 8});
  const at::Tensor label = at::tensor({1, 1, 1, 1, 0, 0, 2, 2}, at::kLong).view({1, 1, 1, 8});
  const at::Tensor found = trusted_classes(probability, label, label == 1, 0.95);
  // .98 is sure; .95 is not above .95; the third and fourth are wrong; background at .96 but not at .94; an
  // open voxel's organ is the teacher's own guess.
  EXPECT_TRUE(at::equal(found.flatten(), at::tensor({1, -1, -1, -1, 0, -1, -1, -1}, at::kLong)));
}

TEST(Pcl, Fidelity2OnlyClassesThatALabelOrTheBackgroundConfirmsEnterTheMemory) {
  const auto memory_after = [](std::int64_t sure_of, std::int64_t task) {
    const auto method = make({{"ramp", 0.0}});
    be_sure_of(*method, sure_of);
    method->train_step(small_batch(small_setup(), {task, task}, 1), {0, 0, 0, 10});
    return counts_of(*method);
  };
  const at::Tensor liver = memory_after(6, 0);
  EXPECT_EQ(liver[6].item<std::int64_t>(), 4);
  EXPECT_EQ(liver.sum().item<std::int64_t>(), 4);
  EXPECT_EQ(memory_after(6, 2).sum().item<std::int64_t>(), 0);  // no label of mr knows the liver
  EXPECT_EQ(memory_after(0, 2)[0].item<std::int64_t>(), 4);
}

TEST(Pcl, Fidelity3TheMemoryHasNoGradientAndItsSelectorsHaveThroughTheirWeights) {
  FirstLearner learner;
  ClassMemory memory(14, 256, at::kCPU);
  memory.add(6, vectors(5, 1).requires_grad_());
  EXPECT_FALSE(memory.of(6).requires_grad());
  std::vector<std::int64_t> counts(14, 0);
  counts[6] = 7;
  class_contrast(learner.heads, vectors(7, 2), counts, memory).backward();
  for (const auto& entry : learner.heads->named_parameters()) {
    const bool is_asked =
        entry.key().starts_with("feature_selector6.") || entry.key().starts_with("memory_selector6.");
    EXPECT_EQ(entry.value().grad().defined(), is_asked) << entry.key();
    // The bias in front of batch norm moves nothing.
    if (is_asked && !entry.key().ends_with(".0.bias")) {
      EXPECT_GT(entry.value().grad().abs().max().item<float>(), 0.0F) << entry.key();
    }
  }
}

TEST(Pcl, Fidelity4SelectorWeightsAverageOne) {
  const at::Tensor weights = selector_weights(at::tensor({0.2, 0.4, 0.9}, at::kDouble));
  EXPECT_NEAR(weights[0].item<double>(), 0.4, 1e-12);  // 3 · .2 / 1.5
  EXPECT_NEAR(weights[1].item<double>(), 0.8, 1e-12);
  EXPECT_NEAR(weights[2].item<double>(), 1.8, 1e-12);
  for (std::int64_t n : {2, 17, 256}) {
    const at::Tensor scores = vectors(1, 3)[0].slice(0, 0, n).sigmoid();
    EXPECT_NEAR(selector_weights(scores).mean().item<double>(), 1.0, 1e-6);
  }
}

// No term sees two classes: what another class remembers changes nothing; and vectors that point as the
// memory does have loss 0, opposite ones 2, of one class among 14.
TEST(Pcl, Fidelity5ThereIsAttractionAndNoNegatives) {
  FirstLearner learner;
  std::vector<std::int64_t> counts(14, 0);
  counts[2] = 3;
  const auto gradient = [&](const ClassMemory& memory) {
    const at::Tensor mine = vectors(3, 1).requires_grad_();
    class_contrast(learner.heads, mine, counts, memory).backward();
    return mine.grad();
  };
  ClassMemory memory(14, 256, at::kCPU);
  memory.add(2, vectors(4, 2));
  const at::Tensor alone = gradient(memory);
  memory.add(3, vectors(4, 5));
  EXPECT_TRUE(at::equal(gradient(memory), alone));
  // Along the negative gradient every vector turns towards the memory's weighted mean.
  const auto cosines = [&](const at::Tensor& mine) {
    const torch::NoGradGuard no_grad;
    const at::Tensor units = memory.of(2) / memory.of(2).norm(2, 1, true);
    const at::Tensor mean = selector_weights(learner.heads->memory_scores(2, units)).matmul(units);
    return mine.matmul(mean) / (mine.norm(2, 1) * mean.norm());
  };
  const at::Tensor before = cosines(vectors(3, 1));
  EXPECT_TRUE((cosines(vectors(3, 1) - 20 * alone) > before).all().item<bool>());

  ClassMemory line(14, 256, at::kCPU);
  const at::Tensor direction = vectors(1, 7);
  line.add(2, at::cat({direction, 3 * direction}));
  const auto along = [&](double factor) {
    return class_contrast(learner.heads, (factor * direction).expand({3, kContrastWidth}), counts, line)
        .item<double>();
  };
  EXPECT_NEAR(along(2.0), 0.0, 1e-6);
  EXPECT_NEAR(along(-2.0), 2.0 / 14, 1e-6);
}

TEST(Pcl, Fidelity6ThePseudoLabelsRampRisesFromExpMinus5ToOne) {
  EXPECT_NEAR(pseudo_label_ramp(0, 0.06), 0.0067379, 1e-7);
  EXPECT_NEAR(pseudo_label_ramp(0.03, 0.06), std::exp(-1.25), 1e-12);
  EXPECT_EQ(pseudo_label_ramp(0.06, 0.06), 1.0);
  EXPECT_EQ(pseudo_label_ramp(0.5, 0.06), 1.0);
  EXPECT_EQ(pseudo_label_ramp(0, 0), 1.0);
  const Batch batch = small_batch(small_setup(), {0, 2}, 1);
  const StepReport first = make()->train_step(batch, {0, 0, 0, 10});
  EXPECT_NEAR(
      reported(first, "loss"),
      reported(first, "seg") + std::exp(-5) * reported(first, "pseudo") + 0.01 * reported(first, "entropy"),
      1e-5);
  const StepReport later = make()->train_step(batch, {0, 0, 5, 10});
  EXPECT_NEAR(reported(later, "loss"),
              reported(later, "seg") + reported(later, "pseudo") + 0.01 * reported(later, "entropy"), 1e-5);
}

TEST(Pcl, Fidelity7TheTeachersMomentumStartsAtZeroAndEndsAtOne) {
  EXPECT_EQ(pcl_teacher_momentum(0, 0), 0.0);
  EXPECT_NEAR(pcl_teacher_momentum(1, 0), 10.0 / 11, 1e-12);
  EXPECT_NEAR(pcl_teacher_momentum(19, 0), 190.0 / 191, 1e-12);  // .99476, below .995
  EXPECT_NEAR(pcl_teacher_momentum(20, 0), 0.995, 1e-12);
  EXPECT_NEAR(pcl_teacher_momentum(5000, 0.5), 0.9975, 1e-12);
  EXPECT_NEAR(pcl_teacher_momentum(33600000, 1), 1.0, 1e-8);
}

TEST(Pcl, Fidelity7TheTeacherIsTheStudentAfterOneStepAndFollowsIt) {
  const auto method = make({{"ramp", 0.0}});
  const Batch batch = small_batch(small_setup(), {0, 2}, 1);
  method->train_step(batch, {0, 0, 0, 10});
  const auto one = snapshot(*method);
  method->train_step(batch, {0, 1, 0, 10});
  const auto two = snapshot(*method);
  std::int64_t compared = 0;
  for (const auto& [name, student] : one) {
    if (!one.contains("teacher." + name)) continue;
    EXPECT_TRUE(at::equal(one.at("teacher." + name), student)) << name;
    if (!student.is_floating_point() || name.find("running") != std::string::npos) continue;
    const at::Tensor followed = student * (10.0 / 11) + two.at(name) / 11.0;
    EXPECT_LE((two.at("teacher." + name) - followed).abs().max().item<float>(), 1e-6F) << name;
    ++compared;
  }
  EXPECT_EQ(compared, 107 + 2 * 6 + 28 * 6);  // parameters of the backbone, the heads, the selectors
}

TEST(Pcl, Fidelity8NoContrastBeforeTheRampsEndAndNoMemoryBeforeItsMiddle) {
  const Batch batch = small_batch(small_setup(), {0, 0}, 1);
  const auto method = make({{"ramp", 0.4}});  // of 10 epochs
  be_sure_of(*method, 5);
  for (std::int64_t epoch = 1; epoch <= 4; ++epoch) {
    const double contrast = reported(method->train_step(batch, {0, 0, epoch, 10}), "contrast");
    EXPECT_EQ(counts_of(*method)[5].item<std::int64_t>() > 0, epoch >= 2) << epoch;
    EXPECT_EQ(contrast > 0, epoch >= 4) << epoch;
  }
}

// Two classes; open voxels say log 2 each, at confidence 1/2 and 1; a given voxel and another image follow.
TEST(Pcl, Fidelity9ConfidenceEntersToTheSixthPower) {
  const at::Tensor logits = at::zeros({2, 2, 1, 1, 3}, at::kDouble);
  PartialPseudoLabel pseudo;
  pseudo.label = at::tensor({0, 1, 1, 0, 0, 0}, at::kLong).view({2, 1, 1, 3});
  pseudo.given = at::tensor({0, 0, 1, 1, 1, 1}, at::kLong).view({2, 1, 1, 3}) == 1;
  pseudo.confidence = at::tensor({0.5, 1.0, 1.0, 1.0, 1.0, 1.0}, at::kDouble).view({2, 1, 1, 3});
  const double expected =
      (std::pow(0.5, 6) + 1) / 2 * std::log(2.0) / 2;  // mean of two voxels; of two images
  EXPECT_NEAR(confident_cross_entropy(logits, pseudo, 6).item<double>(), expected, 1e-12);
  EXPECT_NEAR(confident_cross_entropy(logits, pseudo, 1).item<double>(), 1.5 / 2 * std::log(2.0) / 2, 1e-12);
}

// Voxel by voxel the view of an image that is not blurred is a line of the image; a blurred one is likest to
// it unflipped.
TEST(Pcl, Fidelity10LeftAndRightAreNeverFlipped) {
  const Batch batch = small_batch(small_setup(), {0, 2}, 1);
  const at::Tensor zeros = at::zeros_like(batch.label);
  const TaughtImages images{batch.image,
                            {batch.label, batch.label > 0, zeros.to(at::kFloat), zeros.to(at::kFloat)}};
  const auto correlation = [](const at::Tensor& a, const at::Tensor& b) {
    const at::Tensor x = a - a.mean();
    const at::Tensor y = b - b.mean();
    return ((x * y).sum() / (x.norm() * y.norm())).item<double>();
  };
  for (std::int64_t i = 0; i < 12; ++i) {
    const TaughtImages view = strong_view(images, batch.modality, 0.75, {1, i, 0});
    for (std::int64_t b = 0; b < 2; ++b) {
      EXPECT_GT(correlation(view.image[b], batch.image[b]), 0.15);
      for (std::int64_t axis = 1; axis <= 3; ++axis)
        EXPECT_LT(std::abs(correlation(view.image[b], batch.image[b].flip(axis))), 0.05);
    }
    EXPECT_TRUE(at::equal(view.pseudo.label, batch.label));
  }
}

TEST(Pcl, EntropyIsAShareOfTheLargestPossible) {
  EXPECT_NEAR(mean_entropy(at::zeros({2, 14, 1, 1, 3}, at::kDouble)).item<double>(), 1.0, 1e-12);
  // One voxel (1/2, 1/4, 1/4): 1.5 bits of log2 3; another is certain.
  const at::Tensor sure = at::tensor({40.0, 0.0, 0.0}, at::kDouble);
  const at::Tensor logits =
      at::stack({at::tensor({0.5, 0.25, 0.25}, at::kDouble).log(), sure}, 1).view({1, 3, 1, 1, 2});
  EXPECT_NEAR(mean_entropy(logits).item<double>(), 1.5 / std::log2(3.0) / 2, 1e-12);
}

// All terms in one graph, with a memory of every class, against a step of the method.
TEST(Pcl, AStepFollowsTheGradientOfTheSumOfAllTerms) {
  const Batch batch = small_batch(small_setup(), {0, 0}, 1);
  FirstLearner learner;
  ClassMemory memory(14, 256, at::kCPU);
  for (std::int64_t c = 0; c < 14; ++c) memory.add(c, vectors(3 + c, static_cast<std::uint64_t>(c)));
  const auto method = make({{"ramp", 0.0}, {"contrast", 0.7}, {"entropy", 0.3}, {"classmix", 1.0}});
  change(*method, [&](const std::string& name, at::Tensor& value) {
    if (name == "memory.counts") value.copy_(at::arange(3, 17, at::kLong));
    if (name != "memory.vectors") return;
    for (std::int64_t c = 0; c < 14; ++c) value[c].slice(0, 0, 3 + c).copy_(memory.of(c));
  });
  const StepResult step = first_step(*method, batch, {0, 0, 0, 10});

  const UNetOutput output = learner.network->forward(batch.image);
  const PartialPseudoLabel pseudo =
      partial_pseudo_label(output.logits.softmax(1), batch.label, batch.labelled);
  const TaughtImages view = strong_view({batch.image, pseudo}, batch.modality, 1.0, {1, 0, 0});
  const UNetOutput seen = learner.network->forward(view.image);
  // 32 voxels along an axis, 4 at the features: every eighth voxel.
  const auto contrast = [&](const UNetOutput& from, const at::Tensor& classes) {
    at::Tensor small = classes;
    for (std::int64_t axis = 1; axis <= 3; ++axis) small = small.slice(axis, 0, 32, 8);
    std::vector<at::Tensor> rows;
    std::vector<std::int64_t> counts;
    for (std::int64_t c = 0; c < 14; ++c) {
      std::int64_t count = 0;
      for (std::int64_t v = 0; v < 2 * 64; ++v) {
        if (small.flatten()[v].item<std::int64_t>() != c) continue;
        rows.push_back(from.features[1][v / 64].flatten(1).select(1, v % 64));
        ++count;
      }
      counts.push_back(count);
    }
    const at::Tensor predicted = learner.heads->predict(learner.heads->project(at::stack(rows)));
    return class_contrast(learner.heads, predicted, counts, memory);
  };
  std::vector<at::Tensor> organs{at::tensor({5, 6, 7, 8}, at::kLong)};
  const at::Tensor loss = mean_segmentation_loss(output.logits, batch, organs, {}) +
                          0.7 * contrast(output, at::where(batch.label > 0, batch.label, -1)) +
                          confident_cross_entropy(seen.logits, view.pseudo, 6) +
                          0.3 * mean_entropy(seen.logits) + 0.7 * contrast(seen, view.pseudo.label);
  loss.backward();
  EXPECT_NEAR(step.loss, loss.item<double>(), 1e-5 * step.loss);
  double largest = 0, worst = 0;
  const auto compare = [&](const torch::nn::Module& module, const std::string& prefix) {
    std::int64_t met = 0;
    for (const auto& entry : module.named_parameters()) {
      if (!entry.value().grad().defined()) continue;
      const at::Tensor& gradient = entry.value().grad();
      largest = std::max(largest, gradient.abs().max().item<double>());
      worst =
          std::max(worst, (gradient - step.gradients.at(prefix + entry.key())).abs().max().item<double>());
      ++met;
    }
    return met;
  };
  EXPECT_EQ(compare(*learner.network, "network."), 107);
  EXPECT_GE(compare(*learner.heads, "heads."), 12 + 5 * 12);  // both heads, selectors of the classes present
  EXPECT_LE(worst, 1e-4 * largest);                           // float32 sums in another order
}

// The student sees the images and their views, the teacher the images.
TEST(Pcl, AStepIsTwoPassesOfTheStudentAndOneOfTheTeacher) {
  const Batch batch = small_batch(small_setup(), {0, 2}, 1);
  const std::int64_t convolutions = kEncoderConvolutions + kDecoderConvolutions;
  for (const std::int64_t views : {1, 2}) {
    const auto method = make({{"views", views}});
    EXPECT_EQ(convolved_images([&] {
                method->train_step(batch, {0, 0, 0, 10});
              }),
              2 * (2 + views) * convolutions);
  }
}

TEST(Pcl, PredictsWithTheStudent) {
  const auto method = make();
  const at::Tensor image = small_batch(small_setup(), {0, 2}, 1).image;
  const at::Tensor before = method->predict(image, Modality::ct);
  change(*method, [](const std::string& name, at::Tensor& value) {
    if (name.starts_with("teacher.network.")) value.mul_(0.5);
  });
  EXPECT_TRUE(at::equal(method->predict(image, Modality::ct), before));
  change(*method, [](const std::string& name, at::Tensor& value) {
    if (name == "network.decoder.head_conv.bias") value[3] = 9.0;
  });
  EXPECT_FALSE(at::equal(method->predict(image, Modality::ct), before));
}

TEST(Pcl, HasTheParametersOfTheBackboneAndTheHeadsTwice) {
  const auto method = make_pcl(paper_setup(), JsonReader(json::object(), "options"));
  std::int64_t parameters = 0, buffers = 0;
  for (const auto& [name, tensor] : snapshot(*method)) {
    if (name.starts_with("memory.")) continue;
    const bool is_buffer =
        name.find("running_") != std::string::npos || name.ends_with("num_batches_tracked");
    (is_buffer ? buffers : parameters) += tensor.numel();
  }
  EXPECT_EQ(parameters, 2 * (17286446 + 82944 + 132096 + 28 * 66561));
  EXPECT_EQ(buffers, 2 * 30 * (256 + 256 + 1));  // running mean and variance of each batch norm, its counter
}

TEST(Pcl, StartsFromThePlainNetworksWeightsWithATeacherThatIsEqual) {
  const auto tensors = snapshot(*make());
  ResidualUNet plain(backbone_shape(14, 16, 2));
  initialise_parameters(*plain, small_setup().seed, "network");
  for (const auto& entry : plain->named_parameters())
    EXPECT_TRUE(at::equal(tensors.at("network." + entry.key()), entry.value())) << entry.key();
  for (const auto& [name, value] : tensors) {
    if (!name.starts_with("teacher.")) continue;
    EXPECT_TRUE(at::equal(value, tensors.at(name.substr(8)))) << name;
  }
}

TEST(Pcl, SavesTheStateOfBatchNorm) {
  const auto method = make({{"ramp", 0.0}});
  be_sure_of(*method, 5);
  method->train_step(small_batch(small_setup(), {0, 0}, 1), {0, 0, 0, 10});
  const auto tensors = snapshot(*method);
  EXPECT_GT(tensors.at("heads.projection.1.running_mean").abs().max().item<float>(), 0.0F);
  EXPECT_EQ(tensors.at("heads.projection.1.num_batches_tracked").item<std::int64_t>(), 2);  // images, views
}

TEST(Pcl, RefusesImpossibleOptions) {
  for (const json& options : {json{{"views", 3}}, json{{"views", 0}}, json{{"ramp", -0.1}}, json{{"bank", 1}},
                              json{{"per_image", 0}}, json{{"confidence", 1.5}}, json{{"contrast", -1.0}},
                              json{{"classmix", 1.1}}, json{{"seg", {{"dice", "sum"}}}}}) {
    EXPECT_THROW(make(options), ConfigError) << options;
  }
}

}  // namespace
}  // namespace totum
