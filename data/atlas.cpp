#include "data/atlas.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "core/sha256.h"

namespace totum {

namespace {

Shape3 mean_shape(const std::vector<AtlasCase>& cases) {
  Shape3 shape{1, 1, 1};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    double sum = 0;
    for (const AtlasCase& c : cases) sum += static_cast<double>(c.image->shape()[axis]);
    shape[axis] = std::max<std::int64_t>(1, std::llround(sum / static_cast<double>(cases.size())));
  }
  return shape;
}

// floor(i from / to) for i = 0..to-1
std::vector<std::int64_t> nearest_sources(std::int64_t from, std::int64_t to) {
  std::vector<std::int64_t> source(static_cast<std::size_t>(to));
  for (std::int64_t i = 0; i < to; ++i) source[static_cast<std::size_t>(i)] = i * from / to;
  return source;
}

// Adds 1 to the count of organ c at every voxel of S whose source voxel carries a permitted label c.
void add_case(const AtlasCase& c, const Shape3& shape, std::vector<std::int32_t>& count) {
  std::array<bool, 256> permitted{};
  for (const std::int64_t organ : c.organs) permitted[static_cast<std::size_t>(organ)] = true;
  const Shape3 from = c.image->shape();
  const auto z_of = nearest_sources(from[0], shape[0]);
  const auto y_of = nearest_sources(from[1], shape[1]);
  const auto x_of = nearest_sources(from[2], shape[2]);
  const auto label = c.image->label();
  const std::int64_t voxels = shape[0] * shape[1] * shape[2];
  std::int64_t voxel = 0;
  for (const std::int64_t z : z_of) {
    for (const std::int64_t y : y_of) {
      const std::uint8_t* row = label.data() + (z * from[1] + y) * from[2];
      for (const std::int64_t x : x_of) {
        const std::uint8_t organ = row[x];
        if (permitted[organ]) ++count[static_cast<std::size_t>((organ - 1) * voxels + voxel)];
        ++voxel;
      }
    }
  }
}

}  // namespace

Atlas make_atlas(const std::vector<AtlasCase>& cases) {
  if (cases.empty()) throw DataError("an atlas needs at least one training case");
  for (const AtlasCase& c : cases) {
    if (c.image->label().empty())
      throw DataError("the training case " + c.image->case_id() + " has no label");
  }
  Atlas atlas;
  atlas.shape = mean_shape(cases);
  const auto voxels = static_cast<std::size_t>(atlas.shape[0] * atlas.shape[1] * atlas.shape[2]);
  std::vector<std::int32_t> count(voxels * static_cast<std::size_t>(kOrgans), 0);
  std::array<std::int64_t, kOrgans> labelling{};
  for (const AtlasCase& c : cases) {
    for (const std::int64_t organ : c.organs) ++labelling[static_cast<std::size_t>(organ - 1)];
    add_case(c, atlas.shape, count);
  }
  atlas.probability.resize(count.size());
  for (std::size_t i = 0; i < count.size(); ++i) {
    const std::int64_t n = labelling[i / voxels];
    atlas.probability[i] =
        n > 0 ? static_cast<float>(static_cast<double>(count[i]) / static_cast<double>(n)) : 0.0F;
  }
  return atlas;
}

void atlas_patch(const Atlas& atlas, const Shape3& image_shape, const Shape3& start, const Shape3& size,
                 float* out) {
  const auto z_of = nearest_sources(atlas.shape[0], image_shape[0]);
  const auto y_of = nearest_sources(atlas.shape[1], image_shape[1]);
  const auto x_of = nearest_sources(atlas.shape[2], image_shape[2]);
  const std::int64_t voxels = atlas.shape[0] * atlas.shape[1] * atlas.shape[2];
  std::fill_n(out, kOrgans * size[0] * size[1] * size[2], 0.0F);
  for (std::int64_t c = 0; c < kOrgans; ++c) {
    const float* organ = atlas.probability.data() + c * voxels;
    for (std::int64_t z = 0; z < std::min(size[0], image_shape[0] - start[0]); ++z) {
      for (std::int64_t y = 0; y < std::min(size[1], image_shape[1] - start[1]); ++y) {
        const float* from = organ + (z_of[static_cast<std::size_t>(start[0] + z)] * atlas.shape[1] +
                                     y_of[static_cast<std::size_t>(start[1] + y)]) *
                                        atlas.shape[2];
        float* to = out + ((c * size[0] + z) * size[1] + y) * size[2];
        for (std::int64_t x = 0; x < std::min(size[2], image_shape[2] - start[2]); ++x) {
          to[x] = from[x_of[static_cast<std::size_t>(start[2] + x)]];
        }
      }
    }
  }
}

void write_atlas(const std::filesystem::path& path, const Atlas& atlas) {
  const auto bytes = std::as_bytes(std::span(atlas.probability));
  write_safetensors(path,
                    {{"atlas", {"F32", {kOrgans, atlas.shape[0], atlas.shape[1], atlas.shape[2]}, bytes}}},
                    {{"sha256", sha256(bytes)}});
}

Atlas read_atlas(const std::filesystem::path& path) {
  const SafetensorsFile file(path);
  const SafetensorsView& view = file.at("atlas");
  const auto stored = file.metadata().find("sha256");
  if (view.dtype != "F32" || view.shape.size() != 4 || view.shape[0] != kOrgans ||
      stored == file.metadata().end() || stored->second != sha256(view.bytes)) {
    throw DataError(path.string() + ": the atlas file is damaged");
  }
  Atlas atlas{{view.shape[1], view.shape[2], view.shape[3]},
              std::vector<float>(view.bytes.size() / sizeof(float))};
  std::memcpy(atlas.probability.data(), view.bytes.data(), view.bytes.size());
  return atlas;
}

}  // namespace totum
