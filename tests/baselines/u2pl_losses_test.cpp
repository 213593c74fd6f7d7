#include "baselines/u2pl_losses.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "core/random.h"
#include "tests/methods/small_setup.h"

namespace totum {
namespace {

at::Tensor numbers(at::IntArrayRef shape, std::uint64_t seed, double low = -1, double high = 1) {
  RandomStream random(seed, "numbers");
  return uniform(shape, random, low, high).to(at::kDouble);
}

at::Tensor whole_numbers(at::IntArrayRef shape, std::uint64_t seed, std::int64_t below) {
  return numbers(shape, seed, 0, static_cast<double>(below)).floor().to(at::kLong);
}

// numpy's default: the 40th percentile of 15, 20, 35, 40, 50 is at place 0.4·4 = 1.6, so 20 + 0.6·15 = 29,
// the 60th 37, the 50th the third itself. A given voxel's entropy has no part in it.
TEST(U2plLosses, PercentilesAreLinearBetweenNeighbours) {
  const at::Tensor entropy = at::tensor({40.0, 15.0, 50.0, 20.0, 35.0, 0.0}, at::kDouble).view({1, 1, 1, 6});
  const at::Tensor open = entropy > 0;
  const auto low = [&](double share) {
    return entropy.masked_select(split_by_entropy(entropy, open, share).low);
  };
  const auto high = [&](double share) {
    return entropy.masked_select(split_by_entropy(entropy, open, share).high);
  };
  EXPECT_TRUE(at::equal(low(0.4), at::tensor({15.0, 20.0}, at::kDouble)));
  EXPECT_TRUE(at::equal(low(0.5), at::tensor({15.0, 20.0, 35.0}, at::kDouble)));
  EXPECT_TRUE(at::equal(high(0.4), at::tensor({40.0, 50.0}, at::kDouble)));
  EXPECT_TRUE(at::equal(high(0.6), at::tensor({40.0, 50.0, 35.0}, at::kDouble)));
  EXPECT_TRUE(at::equal(low(0.0), at::tensor({15.0}, at::kDouble)));
  EXPECT_TRUE(at::equal(low(1.0), entropy.masked_select(open)));
  const EntropyMasks none = split_by_entropy(entropy, at::zeros_like(open), 0.4);
  EXPECT_FALSE(none.low.any().item<bool>());
  EXPECT_FALSE(none.high.any().item<bool>());
}

// 1,000 open voxels of different entropies among as many given ones, whose entropy is 0.
struct ThousandOpen {
  at::Tensor entropy =
      at::cat({at::arange(1, 1001, at::kDouble), at::zeros({1000}, at::kDouble)}).view({2, 10, 10, 10});
  at::Tensor open = entropy > 0;
};

TEST(U2pl, Fidelity3TheShareOfDroppedOpenVoxelsFallsFromAFifthToNothing) {
  EXPECT_DOUBLE_EQ(unreliable_share(0.2, 0, 600), 0.2);
  EXPECT_DOUBLE_EQ(unreliable_share(0.2, 300, 600), 0.1);
  EXPECT_DOUBLE_EQ(unreliable_share(0.2, 600, 600), 0.0);
  const ThousandOpen voxels;
  const auto dropped = [&](std::int64_t epoch) {
    const double share = unreliable_share(0.2, epoch, 600);
    return split_by_entropy(voxels.entropy, voxels.open, share).high.sum().item<std::int64_t>();
  };
  EXPECT_EQ(dropped(0), 200);
  EXPECT_EQ(dropped(300), 100);
  EXPECT_EQ(dropped(600), 1);  // the threshold is the maximum and drops itself, as the code's >= does
}

TEST(U2pl, Fidelity4TheLowEntropyShareFollowsTheSameLine) {
  const ThousandOpen voxels;
  for (const auto& [epoch, expected] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 200}, {300, 100}, {600, 1}}) {
    const at::Tensor low =
        split_by_entropy(voxels.entropy, voxels.open, unreliable_share(0.2, epoch, 600)).low;
    EXPECT_EQ(low.sum().item<std::int64_t>(), expected) << epoch;
    EXPECT_EQ(voxels.entropy.masked_select(low).max().item<double>(), static_cast<double>(expected));
    EXPECT_FALSE(low.logical_and(voxels.open.logical_not()).any().item<bool>());  // given voxels do not count
  }
}

TEST(U2plLosses, WithoutOpenVoxelsNothingIsHighLowOrLearned) {
  const at::Tensor entropy = at::zeros({1, 2, 2, 2}), none = at::zeros({1, 2, 2, 2}, at::kBool);
  const EntropyMasks masks = split_by_entropy(entropy, none, 0.2);
  EXPECT_FALSE(masks.low.any().item<bool>());
  EXPECT_FALSE(masks.high.any().item<bool>());
  const at::Tensor label = at::zeros({1, 2, 2, 2}, at::kLong);
  EXPECT_EQ(reliable_cross_entropy(at::zeros({1, 14, 2, 2, 2}), label, none, none).item<float>(), 0);
}

// Equal entropies everywhere: all are at the threshold and dropped; the code divides by their number, 0.
TEST(U2plLosses, IsZeroWhereEveryOpenVoxelIsDropped) {
  const at::Tensor open = at::ones({1, 2, 2, 2}, at::kBool);
  const EntropyMasks masks = split_by_entropy(at::ones({1, 2, 2, 2}), open, 0.2);
  const at::Tensor label = at::zeros({1, 2, 2, 2}, at::kLong);
  EXPECT_EQ(reliable_cross_entropy(at::zeros({1, 14, 2, 2, 2}), label, open, masks.high).item<float>(), 0);
}

// Four voxels of two classes with logits 0: cross entropy ln 2 each; three open, of which two are used: the
// mean ln 2 times 3/2.
TEST(U2plLosses, ReliableCrossEntropyIsAMeanTimesOpenOverUsed) {
  const at::Tensor open = at::tensor({1, 1, 1, 0}, at::kLong).to(at::kBool).view({1, 1, 1, 4});
  const at::Tensor unreliable = at::tensor({0, 1, 0, 0}, at::kLong).to(at::kBool).view({1, 1, 1, 4});
  const at::Tensor label = at::tensor({0, 1, 1, 0}, at::kLong).view({1, 1, 1, 4});
  at::Tensor logits = at::zeros({1, 2, 1, 1, 4}, at::kDouble).requires_grad_();
  const at::Tensor loss = reliable_cross_entropy(logits, label, open, unreliable);
  EXPECT_NEAR(loss.item<double>(), std::log(2.0) * 3 / 2, 1e-12);
  loss.backward();
  // (p - y) / 2 · 3/2 at voxels 0 and 2, nothing elsewhere
  const at::Tensor expected = at::tensor({-0.375, 0.0, 0.375, 0.0, 0.375, 0.0, -0.375, 0.0}, at::kDouble);
  EXPECT_TRUE(at::allclose(logits.grad().flatten(), expected, 1e-12, 1e-12));
}

TEST(U2plLosses, ReliableCrossEntropyEqualsALoopOverVoxels) {
  const at::Tensor logits = numbers({2, 5, 3, 4, 2}, 1, -3, 3);
  const at::Tensor label = whole_numbers({2, 3, 4, 2}, 2, 5);
  const at::Tensor open = numbers({2, 3, 4, 2}, 3) > -0.3, unreliable = numbers({2, 3, 4, 2}, 4) > 0.4;
  const at::Tensor z = logits.permute({0, 2, 3, 4, 1}).reshape({-1, 5});
  double sum = 0, used = 0, opened = 0;
  for (std::int64_t v = 0; v < z.size(0); ++v) {
    if (!open.flatten()[v].item<bool>()) continue;
    ++opened;
    if (unreliable.flatten()[v].item<bool>()) continue;
    ++used;
    double total = 0;
    for (std::int64_t c = 0; c < 5; ++c) total += std::exp(z[v][c].item<double>());
    sum += std::log(total) - z[v][label.flatten()[v].item<std::int64_t>()].item<double>();
  }
  EXPECT_NEAR(reliable_cross_entropy(logits, label, open, unreliable).item<double>(),
              sum / used * opened / used, 1e-10);
}

TEST(U2plLosses, ResizesToTheNearestVoxelAsTorchDoes) {
  const at::Tensor x = numbers({2, 3, 8, 12, 10}, 5);
  for (const std::vector<std::int64_t>& size : {std::vector<std::int64_t>{2, 3, 5}, {3, 5, 4}, {8, 12, 10}}) {
    EXPECT_TRUE(at::equal(nearest_resized(x, size), at::upsample_nearest3d(x, size)));
  }
  EXPECT_EQ(nearest_resized(x > 0, {2, 2, 2}).scalar_type(), at::kBool);
  EXPECT_EQ(nearest_resized(x.select(1, 0), {2, 2, 2}).sizes(), (at::IntArrayRef{2, 2, 2, 2}));
}

// One voxel, 14 classes with falling probabilities: class c has rank c.
ContrastVoxels one_voxel(std::int64_t label, bool given, bool low, bool high) {
  const auto flag = [](bool value) { return at::full({1}, value, at::kBool); };
  const at::Tensor p = at::arange(14, 0, -1, at::kDouble);
  return {at::full({1}, label, at::kLong), flag(given), flag(low), flag(high), (p / p.sum()).unsqueeze(0)};
}

std::vector<std::int64_t> classes(const at::Tensor& mask) {  // [1+C,1]
  std::vector<std::int64_t> out;
  for (std::int64_t c = 0; c < mask.size(0); ++c) {
    if (mask[c][0].item<bool>()) out.push_back(c);
  }
  return out;
}

using Classes = std::vector<std::int64_t>;

TEST(U2plLosses, AGivenVoxelIsANegativeOfTheOtherThreeMostProbableClasses) {
  EXPECT_EQ(classes(contrast_masks(one_voxel(1, true, false, false), 0.3, 3).negative), (Classes{0, 2}));
  EXPECT_EQ(classes(contrast_masks(one_voxel(5, true, false, false), 0.3, 3).negative), (Classes{0, 1, 2}));
}

TEST(U2plLosses, AnOpenVoxelOfHighEntropyIsANegativeOfTheFourthToTheLastClass) {
  EXPECT_EQ(classes(contrast_masks(one_voxel(0, false, false, true), 0.3, 3).negative),
            (Classes{3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}));
  EXPECT_EQ(classes(contrast_masks(one_voxel(0, false, false, true), 0.3, 12).negative), (Classes{12, 13}));
  EXPECT_EQ(classes(contrast_masks(one_voxel(0, false, true, false), 0.3, 3).negative), Classes{});
}

// Organs that a label rules out have probability 0 and so come last: an open voxel is always their negative.
TEST(U2plLosses, AnOrganThatTheLabelRulesOutIsAlwaysANegative) {
  ContrastVoxels voxels = one_voxel(0, false, false, true);
  for (const std::int64_t c : {0, 1}) voxels.probability[0][c] = 0;
  EXPECT_EQ(classes(contrast_masks(voxels, 0.3, 3).negative), (Classes{0, 1, 5, 6, 7, 8, 9, 10, 11, 12, 13}));
}

TEST(U2plLosses, AnAnchorIsGivenOrOfLowEntropyAndMoreProbableThanTheThreshold) {
  for (const bool given : {true, false}) {
    ContrastVoxels voxels = one_voxel(2, given, !given, false);
    EXPECT_EQ(classes(contrast_masks(voxels, 0.3, 3).positive), Classes{2});
    EXPECT_EQ(classes(contrast_masks(voxels, 0.3, 3).anchor), Classes{});  // 12/105
    voxels.probability[0][2] = 0.31;
    EXPECT_EQ(classes(contrast_masks(voxels, 0.3, 3).anchor), Classes{2});
    voxels.low.fill_(false);
    voxels.given.fill_(false);
    EXPECT_EQ(classes(contrast_masks(voxels, 0.3, 3).positive), Classes{});
    EXPECT_EQ(classes(contrast_masks(voxels, 0.3, 3).anchor), Classes{});
  }
}

// A scene of 40 voxels and 5 classes, of which class 3 has no voxel of low entropy.
struct Scene {
  at::Tensor student = numbers({40, 6}, 11), teacher = numbers({40, 6}, 12);
  ContrastVoxels voxels;
  ContrastMasks masks;
  MemoryBank bank{std::vector<std::int64_t>(5, 30), 6, c10::kCPU};

  Scene() {
    at::Tensor label = whole_numbers({40}, 13, 5);
    const at::Tensor kind = whole_numbers({40}, 14, 4);  // given, low, high, none of them
    label.masked_fill_(label.eq(3).logical_and(kind <= 1), 4);
    voxels = {label, kind == 0, kind == 1, kind == 2, numbers({40, 5}, 15, -2, 2).softmax(1)};
    masks = contrast_masks(voxels, 0.1, 2);
    remember_negatives(bank, teacher, masks.negative);
  }
};

double cosine(const at::Tensor& a, const at::Tensor& b) {
  double product = 0, aa = 0, bb = 0;
  for (std::int64_t i = 0; i < a.size(0); ++i) {
    const double x = a[i].item<double>(), y = b[i].item<double>();
    product += x * y;
    aa += x * x;
    bb += y * y;
  }
  return product / std::sqrt(aa * bb);
}

// Eq. 4 with loops: for each class its candidates in voxel order, draws from the streams that the method's
// documentation names.
double slow_contrast(const Scene& scene, const ContrastSettings& settings, const DrawKey& key) {
  double sum = 0;
  int present = 0;
  for (std::int64_t c = 0; c < 5; ++c) {
    std::vector<std::int64_t> anchors, positives;
    for (std::int64_t v = 0; v < 40; ++v) {
      const bool reliable = scene.voxels.given[v].item<bool>() || scene.voxels.low[v].item<bool>();
      if (!reliable || scene.voxels.label[v].item<std::int64_t>() != c) continue;
      positives.push_back(v);
      if (scene.voxels.probability[v][c].item<double>() > 0.1) anchors.push_back(v);
    }
    if (positives.empty()) continue;
    ++present;
    if (anchors.empty() || scene.bank.size(c) == 0) continue;
    at::Tensor mean = at::zeros({6}, at::kDouble);
    for (const std::int64_t v : positives) mean += scene.teacher[v] / static_cast<double>(positives.size());
    const auto stream = static_cast<std::uint64_t>(key.iteration);
    RandomStream of_anchors(key.seed, "u2pl/anchors", stream, static_cast<std::uint64_t>(c));
    RandomStream of_negatives(key.seed, "u2pl/negatives", stream, static_cast<std::uint64_t>(c));
    for (std::int64_t q = 0; q < settings.queries; ++q) {
      const auto drawn =
          static_cast<std::size_t>(of_anchors.below(static_cast<std::int64_t>(anchors.size())));
      const at::Tensor anchor = scene.student[anchors[drawn]];
      const double right = std::exp(cosine(anchor, mean) / settings.temperature);
      double all = right;
      for (std::int64_t n = 0; n < settings.negatives; ++n) {
        const at::Tensor negative = scene.bank.vectors(c)[of_negatives.below(scene.bank.size(c))];
        all += std::exp(cosine(anchor, negative) / settings.temperature);
      }
      sum -= std::log(right / all) / static_cast<double>(settings.queries);
    }
  }
  return sum / present;
}

TEST(U2plLosses, ContrastEqualsLoopsOverClassesAnchorsAndNegatives) {
  const Scene scene;
  ASSERT_FALSE(scene.masks.positive[3].any().item<bool>());
  const ContrastSettings settings{8, 6, 0.5};
  const double loss =
      contrastive_loss(scene.student, scene.teacher, scene.masks, scene.bank, settings, {3, 9})
          .item<double>();
  EXPECT_NEAR(loss, slow_contrast(scene, settings, {3, 9}), 1e-6);  // the bank holds single precision
  EXPECT_GT(loss, 0.5);
  EXPECT_NE(loss, contrastive_loss(scene.student, scene.teacher, scene.masks, scene.bank, settings, {3, 10})
                      .item<double>());
}

TEST(U2plLosses, TheBankHoldsTheDirectionsOfTheNegativesInVoxelOrder) {
  const Scene scene;
  for (std::int64_t c = 0; c < 5; ++c) {
    std::int64_t row = 0;
    for (std::int64_t v = 0; v < 40; ++v) {
      if (!scene.masks.negative[c][v].item<bool>()) continue;
      const at::Tensor direction = scene.teacher[v] / scene.teacher[v].norm();
      EXPECT_LE((scene.bank.vectors(c)[row++] - direction).abs().max().item<double>(), 1e-6);
    }
    EXPECT_EQ(row, scene.bank.size(c));
    EXPECT_GT(row, 0);
  }
}

TEST(U2pl, Fidelity6TheContrastDrawsAsTheOriginal) {
  const ContrastSettings settings;
  EXPECT_EQ(settings.queries, 256);
  EXPECT_EQ(settings.negatives, 50);
  EXPECT_EQ(settings.temperature, 0.5);
  // One anchor, its positive and all negatives alike: cosines 1, so the loss of each class is ln 51; with the
  // negatives opposite it is ln(1 + 50 exp(-2 / temperature)).
  const at::Tensor same = at::ones({2, 4}, at::kDouble);
  const at::Tensor both = at::eye(2, at::kDouble).to(at::kBool);
  for (const double sign : {1.0, -1.0}) {
    MemoryBank bank({5, 5}, 4, c10::kCPU);
    for (const std::int64_t c : {0, 1}) bank.append(c, sign * at::ones({3, 4}) / 2);
    const double loss = contrastive_loss(same, same, {both, both, both}, bank, settings, {}).item<double>();
    EXPECT_NEAR(loss, sign > 0 ? std::log(51.0) : std::log(1 + 50 * std::exp(-2 / 0.5)), 1e-6);
  }
}

TEST(U2pl, Fidelity7AnchorsCarryGradientPositivesAndNegativesDoNot) {
  Scene scene;
  scene.student.requires_grad_();
  scene.teacher.requires_grad_();
  remember_negatives(scene.bank, scene.teacher, scene.masks.negative);
  contrastive_loss(scene.student, scene.teacher, scene.masks, scene.bank, {8, 6, 0.5}, {3, 9}).backward();
  EXPECT_FALSE(scene.teacher.grad().defined());
  const at::Tensor moved = scene.student.grad().abs().sum(1) > 0;
  EXPECT_TRUE(moved.any().item<bool>());
  EXPECT_FALSE(moved.logical_and(scene.masks.anchor.any(0).logical_not()).any().item<bool>());
}

TEST(U2plLosses, TheContrastsGradientIsThatOfFiniteDifferences) {
  Scene scene;
  at::Tensor x = scene.student.clone().requires_grad_();
  const auto loss = [&](const at::Tensor& student) {
    return contrastive_loss(student, scene.teacher, scene.masks, scene.bank, {8, 6, 0.5}, {3, 9});
  };
  loss(x).backward();
  const at::Tensor direction = numbers({40, 6}, 21);
  const double step = 1e-5;
  const double slope =
      (loss(scene.student + step * direction) - loss(scene.student - step * direction)).item<double>() /
      (2 * step);
  EXPECT_NEAR((x.grad() * direction).sum().item<double>(), slope, 1e-8);
}

TEST(U2plLosses, AClassWithoutAnchorOrWithAnEmptyBankAddsNothingButCounts) {
  const Scene scene;
  const at::Tensor with_anchors = scene.masks.anchor.any(1).nonzero().flatten();
  ASSERT_GT(with_anchors.size(0), 1);
  const auto c = with_anchors[0].item<std::int64_t>();
  const auto loss = [&](const at::Tensor& anchor, const MemoryBank& bank) {
    const ContrastMasks masks{scene.masks.positive, anchor, scene.masks.negative};
    return contrastive_loss(scene.student, scene.teacher, masks, bank, {8, 6, 0.5}, {3, 9}).item<double>();
  };
  at::Tensor others = scene.masks.anchor.clone();
  others[c].fill_(false);
  const at::Tensor one = scene.masks.anchor.logical_and(others.logical_not());
  EXPECT_NEAR(loss(scene.masks.anchor, scene.bank), loss(others, scene.bank) + loss(one, scene.bank), 1e-12);
  EXPECT_GT(loss(others, scene.bank), 0);
  EXPECT_GT(loss(one, scene.bank), 0);
  EXPECT_EQ(loss(scene.masks.anchor, MemoryBank(std::vector<std::int64_t>(5, 30), 6, c10::kCPU)), 0);
}

TEST(U2plLosses, WithOneClassThereIsNoContrast) {
  Scene scene;
  scene.masks.positive = scene.masks.positive.clone();
  for (const std::int64_t c : {1, 2, 3, 4}) scene.masks.positive[c].fill_(false);
  EXPECT_EQ(contrastive_loss(scene.student, scene.teacher, scene.masks, scene.bank, {}, {}).item<double>(),
            0);
}

}  // namespace
}  // namespace totum
