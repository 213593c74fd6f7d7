#pragma once
// PCL's strong view of a batch: ClassMix, then changes of intensity. Never a flip or another scale: organs
// come in left and right, and patches are drawn at one spacing.
//
// Source: Alonso et al., ICCV 2021, section 4.1; chances and strengths from its code (trainSSL.py). Its
// images are in [0,1], where brightness shifts by up to .25 and contrast multiplies; ours have no such range,
// so a shift is in standard deviations of the crop and contrast turns about its mean. Its blur gets (.1,
// 1.5), meant as a range of sigma, as the sigmas of the two axes; here it is the range.

#include <ATen/core/Tensor.h>

#include <vector>

#include "baselines/classmix.h"
#include "data/split.h"

namespace totum {

/// m + scale·(x - m) + shift·s with mean m and standard deviation s (population) of each image alone. image
/// [B,…]; scale, shift [B].
at::Tensor jitter_intensity(const at::Tensor& image, const std::vector<double>& scale,
                            const std::vector<double>& shift);

/// Gaussian blur along the last three axes, where the image is: kernel cut at four sigma, borders reflected,
/// as gaussian_blur (data/). image [1,D,H,W].
at::Tensor blurred(const at::Tensor& image, double sigma_voxels);

/// Which view of which iteration, for its draws.
struct ViewPlace {
  std::uint64_t seed = 0;
  std::int64_t iteration = 0;
  std::int64_t view = 0;
};

/// With chance `classmix` every image is mixed with its partner of the same modality; then with chance .8
/// each is jittered, scale U(.75,1.25) and shift U(-.25,.25); then with chance .2 each is blurred, sigma
/// U(.1,1.5) voxels. The chances are drawn once for the batch, as in the code, all else for each image.
TaughtImages strong_view(const TaughtImages& images, const std::vector<Modality>& modality, double classmix,
                         const ViewPlace& place);

}  // namespace totum
