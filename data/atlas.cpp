#include "data/atlas.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

#include "core/error.h"
#include "core/sha256.h"
#include "data/gaussian_blur.h"

namespace totum {

namespace {

// floor(i from / to) for i = 0..to-1
std::vector<std::int64_t> nearest_sources(std::int64_t from, std::int64_t to) {
  std::vector<std::int64_t> source(static_cast<std::size_t>(to));
  for (std::int64_t i = 0; i < to; ++i) source[static_cast<std::size_t>(i)] = i * from / to;
  return source;
}

// Nearest to i (from-1) / (to-1), halves up: the corners of both grids coincide. As SciPy's zoom of order 0,
// which rounds the step first.
std::vector<std::int64_t> corner_sources(std::int64_t from, std::int64_t to) {
  std::vector<std::int64_t> source(static_cast<std::size_t>(to));
  const double step = to > 1 ? static_cast<double>(from - 1) / static_cast<double>(to - 1) : 0.0;
  for (std::int64_t i = 0; i < to; ++i)
    source[static_cast<std::size_t>(i)] =
        std::min(from - 1, static_cast<std::int64_t>(std::floor(static_cast<double>(i) * step + 0.5)));
  return source;
}

// Nearest neighbours from one grid in another, moved by a warp: index i of `to` reads floor(i from / to) when
// nothing moves.
class WarpedSources {
 public:
  WarpedSources(const Warp& warp, const Shape3& from, const Shape3& to) : warp_(warp), from_(from), to_(to) {}

  // The source of voxel `index` of `to`, row-major in `from`; std::nullopt outside it.
  [[nodiscard]] std::optional<std::int64_t> at(const Shape3& index) const {
    Vector3 place{};
    for (std::size_t a = 0; a < 3; ++a)
      place[a] = (static_cast<double>(index[a]) + 0.5) / static_cast<double>(to_[a]);
    const Vector3 moved = warp_.at(place);
    std::int64_t source = 0;
    for (std::size_t a = 0; a < 3; ++a) {
      const double rest = static_cast<double>(index[a] * from_[a]) / static_cast<double>(to_[a]);
      constexpr double kRounding = 1e-9;
      const auto i =
          static_cast<std::int64_t>(std::floor(rest + moved[a] * static_cast<double>(from_[a]) + kRounding));
      if (i < 0 || i >= from_[a]) return std::nullopt;
      source = source * from_[a] + i;
    }
    return source;
  }

 private:
  const Warp& warp_;
  Shape3 from_, to_;
};

using Permitted = std::array<bool, 256>;  // by label value

// Adds 1 to the count of organ c at every voxel of S whose source voxel carries a permitted label c.
void add_resized_case(const PreparedCase& image, const Permitted& permitted, const Shape3& shape,
                      const AtlasConfig& config, std::vector<std::int32_t>& count) {
  const auto sources = config.label_resize == "corners" ? corner_sources : nearest_sources;
  const Shape3 from = image.shape();
  const auto z_of = sources(from[0], shape[0]);
  const auto y_of = sources(from[1], shape[1]);
  const auto x_of = sources(from[2], shape[2]);
  const auto label = image.label();
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

void add_warped_case(const PreparedCase& image, const Permitted& permitted, const Shape3& shape,
                     const Warp& warp, std::vector<std::int32_t>& count) {
  const WarpedSources sources(warp, image.shape(), shape);
  const auto label = image.label();
  const std::int64_t voxels = shape[0] * shape[1] * shape[2];
  std::int64_t voxel = 0;
  for (std::int64_t z = 0; z < shape[0]; ++z) {
    for (std::int64_t y = 0; y < shape[1]; ++y) {
      for (std::int64_t x = 0; x < shape[2]; ++x, ++voxel) {
        const auto source = sources.at({z, y, x});
        const std::uint8_t organ = source ? label[static_cast<std::size_t>(*source)] : std::uint8_t{0};
        if (permitted[organ]) ++count[static_cast<std::size_t>((organ - 1) * voxels + voxel)];
      }
    }
  }
}

void add_case(const AtlasCase& c, const Shape3& shape, const AtlasConfig& config,
              std::vector<std::int32_t>& count) {
  Permitted permitted{};
  for (const std::int64_t organ : c.organs) permitted[static_cast<std::size_t>(organ)] = true;
  if (c.to_image != nullptr) {
    add_warped_case(*c.image, permitted, shape, *c.to_image, count);
  } else {
    add_resized_case(*c.image, permitted, shape, config, count);
  }
}

// One organ's map from its counts [S].
void write_probability(std::span<const std::int32_t> count, std::int64_t cases, const Shape3& shape,
                       const AtlasConfig& config, float* out) {
  const std::int64_t divisor =
      config.scale == "maximum" ? *std::max_element(count.begin(), count.end()) : cases;
  if (divisor == 0) return;
  std::vector<double> map(count.size());
  for (std::size_t i = 0; i < map.size(); ++i)
    map[i] = static_cast<double>(count[i]) / static_cast<double>(divisor);
  const double sigma = config.blur_sigma_voxels;
  gaussian_blur(std::span(map), shape, {sigma, sigma, sigma});
  std::transform(map.begin(), map.end(), out, [](double p) { return static_cast<float>(p); });
}

}  // namespace

AtlasConfig read_atlas_config(JsonReader json) {
  AtlasConfig config;
  json.optional("scale", config.scale, one_of({"cases", "maximum"}));
  json.optional("blur_sigma_voxels", config.blur_sigma_voxels, between(0, 100));
  json.optional("label_resize", config.label_resize, one_of({"floor", "corners"}));
  json.optional("alignment", config.alignment, one_of({"resize", "affine", "deformable"}));
  if (config.alignment != "resize" && config.label_resize != "floor") {
    json.fail("label_resize", fmt::format("must be \"floor\" where alignment is \"{}\"", config.alignment));
  }
  json.no_more_keys();
  return config;
}

nlohmann::json to_json(const AtlasConfig& config) {
  return {{"scale", config.scale},
          {"blur_sigma_voxels", config.blur_sigma_voxels},
          {"label_resize", config.label_resize},
          {"alignment", config.alignment}};
}

Shape3 atlas_shape(const std::vector<AtlasCase>& cases) {
  if (cases.empty()) throw DataError("an atlas needs at least one training case");
  Shape3 shape{1, 1, 1};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    double sum = 0;
    for (const AtlasCase& c : cases) sum += static_cast<double>(c.image->shape()[axis]);
    shape[axis] = std::max<std::int64_t>(1, std::llround(sum / static_cast<double>(cases.size())));
  }
  return shape;
}

Atlas make_atlas(const std::vector<AtlasCase>& cases, const AtlasConfig& config) {
  Atlas atlas;
  atlas.shape = atlas_shape(cases);
  for (const AtlasCase& c : cases) {
    if (c.image->label().empty())
      throw DataError("the training case " + c.image->case_id() + " has no label");
  }
  const auto voxels = static_cast<std::size_t>(atlas.shape[0] * atlas.shape[1] * atlas.shape[2]);
  std::vector<std::int32_t> count(voxels * static_cast<std::size_t>(kOrgans), 0);
  std::array<std::int64_t, kOrgans> labelling{};
  for (const AtlasCase& c : cases) {
    for (const std::int64_t organ : c.organs) ++labelling[static_cast<std::size_t>(organ - 1)];
    add_case(c, atlas.shape, config, count);
  }
  atlas.probability.assign(count.size(), 0.0F);
  for (std::size_t c = 0; c < labelling.size(); ++c) {
    write_probability(std::span(count).subspan(c * voxels, voxels), labelling[c], atlas.shape, config,
                      atlas.probability.data() + c * voxels);
  }
  return atlas;
}

namespace {

void warped_patch(const Atlas& atlas, const Shape3& image_shape, const Shape3& start, const Shape3& size,
                  float* out, const Warp& warp) {
  const WarpedSources sources(warp, atlas.shape, image_shape);
  const std::int64_t voxels = atlas.shape[0] * atlas.shape[1] * atlas.shape[2];
  const std::int64_t patch = size[0] * size[1] * size[2];
  for (std::int64_t z = 0; z < std::min(size[0], image_shape[0] - start[0]); ++z) {
    for (std::int64_t y = 0; y < std::min(size[1], image_shape[1] - start[1]); ++y) {
      for (std::int64_t x = 0; x < std::min(size[2], image_shape[2] - start[2]); ++x) {
        const auto source = sources.at({start[0] + z, start[1] + y, start[2] + x});
        if (!source) continue;
        float* to = out + (z * size[1] + y) * size[2] + x;
        for (std::int64_t c = 0; c < kOrgans; ++c)
          to[c * patch] = atlas.probability[static_cast<std::size_t>(c * voxels + *source)];
      }
    }
  }
}

}  // namespace

void atlas_patch(const Atlas& atlas, const Shape3& image_shape, const Shape3& start, const Shape3& size,
                 float* out, const Warp* to_atlas) {
  std::fill_n(out, kOrgans * size[0] * size[1] * size[2], 0.0F);
  if (to_atlas != nullptr) {
    warped_patch(atlas, image_shape, start, size, out, *to_atlas);
    return;
  }
  const auto z_of = nearest_sources(atlas.shape[0], image_shape[0]);
  const auto y_of = nearest_sources(atlas.shape[1], image_shape[1]);
  const auto x_of = nearest_sources(atlas.shape[2], image_shape[2]);
  const std::int64_t voxels = atlas.shape[0] * atlas.shape[1] * atlas.shape[2];
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

std::optional<double> entropy_bits(const Atlas& atlas, std::int64_t organ) {
  const auto voxels = static_cast<std::size_t>(atlas.shape[0] * atlas.shape[1] * atlas.shape[2]);
  const auto map = std::span(atlas.probability).subspan(static_cast<std::size_t>(organ - 1) * voxels, voxels);
  double bits = 0;
  double expected = 0;
  for (const float value : map) {
    const auto p = static_cast<double>(value);
    expected += p;
    for (const double q : {p, 1 - p}) bits -= q > 0 ? q * std::log2(q) : 0;
  }
  if (expected == 0) return std::nullopt;
  return bits / expected;
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
