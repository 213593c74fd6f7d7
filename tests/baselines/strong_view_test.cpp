#include "baselines/strong_view.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "data/gaussian_blur.h"
#include "tests/methods/small_setup.h"

namespace totum {
namespace {

// Two images of 2x2x2 voxels, each with an organ of its own in one corner.
TaughtImages tiny_images() {
  RandomStream random(3, "images");
  const at::Tensor image = uniform({2, 1, 2, 2, 2}, random, -1, 1);
  at::Tensor label = at::zeros({2, 2, 2, 2}, at::kLong);
  label[0][0][0][0] = 5;
  label[1][1][1][1] = 9;
  return {image, {label, label > 0, at::ones({2, 2, 2, 2}), at::zeros({2, 2, 2, 2})}};
}

const std::vector<Modality> kBothCt{Modality::ct, Modality::ct};

TEST(StrongView, JitterTurnsContrastAboutTheMeanAndShiftsByStandardDeviations) {
  const at::Tensor image = at::tensor({1.0, 3.0, 10.0, 14.0}, at::kDouble).view({2, 1, 1, 1, 2});
  const at::Tensor changed = jitter_intensity(image, {1.25, 0.5}, {-0.1, 0.25}).flatten();
  EXPECT_NEAR(changed[0].item<double>(), 2 - 1.25 - 0.1, 1e-12);  // mean 2, standard deviation 1
  EXPECT_NEAR(changed[1].item<double>(), 2 + 1.25 - 0.1, 1e-12);
  EXPECT_NEAR(changed[2].item<double>(), 12 - 1 + 0.5, 1e-12);  // mean 12, standard deviation 2
  EXPECT_NEAR(changed[3].item<double>(), 12 + 1 + 0.5, 1e-12);
}

TEST(StrongView, BlursAsTheSamplersAugmentationDoes) {
  RandomStream random(1, "image");
  for (const double sigma : {0.1, 0.4, 1.0, 1.5}) {
    const at::Tensor image = uniform({1, 5, 9, 3}, random, -1, 1);
    at::Tensor expected = image.clone();
    gaussian_blur(std::span(expected.data_ptr<float>(), static_cast<std::size_t>(expected.numel())),
                  {5, 9, 3}, {sigma, sigma, sigma});
    EXPECT_LE((blurred(image, sigma) - expected).abs().max().item<float>(), 1e-6F) << sigma;
  }
}

// y = mean + scale (x - mean) + shift·sd, if that is what it is (a blur is not).
struct Jitter {
  bool is_affine;
  double scale, shift;
};

Jitter jitter_between(const at::Tensor& x, const at::Tensor& y) {
  const at::Tensor from = (x - x.mean()).flatten();
  const at::Tensor to = (y - y.mean()).flatten();
  const double scale = (from.dot(to) / from.dot(from)).item<double>();
  return {(to - scale * from).norm().item<double>() < 1e-3 * to.norm().item<double>(), scale,
          ((y.mean() - x.mean()) / x.std(false)).item<double>()};
}

// Of 4,000 views .75 are mixed, .8 jittered, .2 blurred, each within four standard deviations.
TEST(StrongView, HasTheChancesAndStrengthsOfThePublishedCode) {
  const TaughtImages images = tiny_images();
  int mixed = 0, whole = 0, affine = 0;
  double least_scale = 1, largest_scale = 1, least_shift = 0, largest_shift = 0;
  for (std::int64_t i = 0; i < 4000; ++i) {
    const TaughtImages view = strong_view(images, kBothCt, 0.75, {1, i, 0});
    mixed += at::equal(view.pseudo.label, images.pseudo.label) ? 0 : 1;
    const TaughtImages unmixed = strong_view(images, kBothCt, 0.0, {1, i, 0});
    EXPECT_TRUE(at::equal(unmixed.pseudo.label, images.pseudo.label));
    whole += at::equal(unmixed.image, images.image) ? 1 : 0;
    const Jitter jitter = jitter_between(images.image[0], unmixed.image[0]);
    if (!jitter.is_affine) continue;
    ++affine;
    least_scale = std::min(least_scale, jitter.scale);
    largest_scale = std::max(largest_scale, jitter.scale);
    least_shift = std::min(least_shift, jitter.shift);
    largest_shift = std::max(largest_shift, jitter.shift);
  }
  EXPECT_NEAR(mixed, 3000, 4 * std::sqrt(4000 * .75 * .25));
  // A blur of sigma below .125 has a kernel of one voxel: .982 of the blurs are seen.
  EXPECT_NEAR(whole, 4000 * .2 * (1 - .2 * .982), 4 * std::sqrt(4000 * .16 * .84));
  EXPECT_NEAR(affine, 4000 * (1 - .2 * .982), 4 * std::sqrt(4000 * .2 * .8));
  EXPECT_NEAR(least_scale, 0.75, 0.01);
  EXPECT_NEAR(largest_scale, 1.25, 0.01);
  EXPECT_NEAR(least_shift, -0.25, 0.01);
  EXPECT_NEAR(largest_shift, 0.25, 0.01);
}

TEST(StrongView, DependsOnSeedIterationAndViewAlone) {
  const TaughtImages images = tiny_images();
  int same_seed = 0, same_iteration = 0, same_view = 0;
  for (std::int64_t i = 0; i < 20; ++i) {
    const auto view = [&](const ViewPlace& place) { return strong_view(images, kBothCt, 0.5, place).image; };
    const at::Tensor first = view({1, i, 0});
    EXPECT_TRUE(at::equal(view({1, i, 0}), first));
    same_seed += at::equal(view({2, i, 0}), first) ? 1 : 0;
    same_iteration += at::equal(view({1, i + 1, 0}), first) ? 1 : 0;
    same_view += at::equal(view({1, i, 1}), first) ? 1 : 0;
  }
  // Now and then two of them change nothing: .016 of all.
  EXPECT_LE(same_seed, 4);
  EXPECT_LE(same_iteration, 4);
  EXPECT_LE(same_view, 4);
}

TEST(StrongView, NeverMixesModalities) {
  const TaughtImages images = tiny_images();
  for (std::int64_t i = 0; i < 20; ++i) {
    const TaughtImages view = strong_view(images, {Modality::ct, Modality::mr}, 1.0, {1, i, 0});
    EXPECT_TRUE(at::equal(view.pseudo.label, images.pseudo.label));
  }
}

}  // namespace
}  // namespace totum
