#include "baselines/atlas_only.h"

#include "data/preprocess.h"

namespace totum {

namespace {

// The likeliest class where organ c has probability organs[(c - 1) * voxels + voxel].
std::uint8_t likeliest(const std::vector<float>& organs, std::int64_t voxels, std::int64_t voxel) {
  double background = 1;
  double best = 0;
  std::int64_t organ = 0;
  for (std::int64_t c = 1; c <= kOrgans; ++c) {
    const double p = organs[static_cast<std::size_t>((c - 1) * voxels + voxel)];
    background -= p;
    if (p <= best) continue;
    best = p;
    organ = c;
  }
  return background >= best ? std::uint8_t{0} : static_cast<std::uint8_t>(organ);
}

class AtlasOnly final : public LabelSource {
 public:
  void prepare(const SourceJob&, Progress&) override {}
  CasePrediction predict(const SourceJob& job, const PreparedCase& image) override {
    LabelMap network{image.network(), atlas_labels(job.data.atlas, image.shape())};
    LabelMap native = to_native(network, image.native());
    return {std::move(network), std::move(native)};
  }
};

}  // namespace

std::vector<std::uint8_t> atlas_labels(const Atlas& atlas, const Shape3& image_shape) {
  const std::int64_t plane = image_shape[1] * image_shape[2];
  std::vector<float> organs(static_cast<std::size_t>(kOrgans * plane));  // one plane: the whole is 13 images
  std::vector<std::uint8_t> labels;
  labels.reserve(static_cast<std::size_t>(image_shape[0] * plane));
  for (std::int64_t z = 0; z < image_shape[0]; ++z) {
    atlas_patch(atlas, image_shape, {z, 0, 0}, {1, image_shape[1], image_shape[2]}, organs.data());
    for (std::int64_t voxel = 0; voxel < plane; ++voxel) labels.push_back(likeliest(organs, plane, voxel));
  }
  return labels;
}

std::unique_ptr<LabelSource> make_atlas_only(JsonReader options) {
  options.no_more_keys();
  return std::make_unique<AtlasOnly>();
}

}  // namespace totum
