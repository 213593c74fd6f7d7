#include "baselines/cutmix.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace totum {

namespace {

// More than half of n, less than n where n allows it.
std::int64_t draw_side(std::int64_t n, RandomStream& random) {
  return std::min(n, n / 2 + 1 + random.below(std::max<std::int64_t>(1, n - 1 - n / 2)));
}

at::Tensor inside(const at::Tensor& image, const Cuboid& cuboid) {  // [...,D,H,W]
  return image.narrow(-3, cuboid.start[0], cuboid.size[0])
      .narrow(-2, cuboid.start[1], cuboid.size[1])
      .narrow(-1, cuboid.start[2], cuboid.size[2]);
}

}  // namespace

Cuboid draw_half_cuboid(const std::array<std::int64_t, 3>& shape, RandomStream& random) {
  Cuboid cuboid;
  const double half = static_cast<double>(shape[0] * shape[1] * shape[2]) / 2;
  do {
    cuboid.size[2] = draw_side(shape[2], random);
    cuboid.size[1] = draw_side(shape[1], random);
    cuboid.size[0] = std::llround(half / static_cast<double>(cuboid.size[1] * cuboid.size[2]));
  } while (cuboid.size[0] > shape[0]);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    cuboid.start[axis] = random.below(shape[axis] - cuboid.size[axis] + 1);
  }
  return cuboid;
}

bool CutMix::changes_anything() const {
  return std::any_of(partner.begin(), partner.end(), [](const auto& other) { return other.has_value(); });
}

at::Tensor CutMix::operator()(const at::Tensor& x) const {
  at::Tensor mixed = x.clone(at::MemoryFormat::Contiguous);
  for (std::size_t b = 0; b < partner.size(); ++b) {
    if (!partner[b]) continue;
    inside(mixed[static_cast<std::int64_t>(b)], cuboid[b]).copy_(inside(x[*partner[b]], cuboid[b]));
  }
  return mixed;
}

CutMix draw_cutmix(const std::vector<std::optional<std::int64_t>>& partners,
                   const std::array<std::int64_t, 3>& shape, std::uint64_t seed, std::int64_t iteration) {
  CutMix mix{partners, {}};
  for (std::size_t b = 0; b < partners.size(); ++b) {
    RandomStream random(seed, "cutmix/cuboid", static_cast<std::uint64_t>(iteration), b);
    mix.cuboid.push_back(draw_half_cuboid(shape, random));
  }
  return mix;
}

}  // namespace totum
