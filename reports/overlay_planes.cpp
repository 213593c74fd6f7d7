#include "reports/overlay_planes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "core/base64.h"

namespace totum {

namespace {

using nlohmann::json;

constexpr std::size_t kMostBase64 = 40000;        // characters of one picture
constexpr double kMostPixels = 240;               // of a picture's longer side
constexpr double kMostPixelsPerVoxel = 3;         // of the finest axis
constexpr std::int64_t kPixelsForMark = 40;       // an organ with fewer has no number in the picture
constexpr std::uint8_t kFillOpacity = 90;         // of organs, whose edges are opaque
constexpr std::uint8_t kDifferenceOpacity = 170;  // of differences, which are ragged and have no edges

// A plane: across one axis (0 z, 1 y, 2 x); rows run against `down`, columns against `right`.
struct View {
  const char* name;
  std::size_t across, down, right;
};
constexpr std::array<View, 3> kViews{{{"axial", 0, 1, 2}, {"coronal", 1, 0, 2}, {"sagittal", 2, 0, 1}}};

std::size_t voxel_of(const Shape3& shape, const Shape3& place) {
  return static_cast<std::size_t>((place[0] * shape[1] + place[1]) * shape[2] + place[2]);
}

// Number of voxels of each slice across an axis for which `counts` holds.
std::vector<std::int64_t> slice_counts(const Shape3& shape, std::size_t across,
                                       const std::function<bool(std::size_t)>& counts) {
  std::vector<std::int64_t> found(static_cast<std::size_t>(shape[across]), 0);
  std::size_t voxel = 0;
  for (std::int64_t z = 0; z < shape[0]; ++z) {
    for (std::int64_t y = 0; y < shape[1]; ++y) {
      for (std::int64_t x = 0; x < shape[2]; ++x, ++voxel) {
        const Shape3 place{z, y, x};
        if (counts(voxel)) ++found[static_cast<std::size_t>(place[across])];
      }
    }
  }
  return found;
}

std::int64_t chosen_slice(const OverlayVolumes& v, std::size_t across, std::int64_t organ) {
  const auto is_organ = [&](std::span<const std::uint8_t> map, std::size_t i) { return map[i] == organ; };
  const auto disputed = slice_counts(v.shape, across, [&](std::size_t i) {
    const bool reference = is_organ(v.reference, i);
    return is_organ(v.prediction, i) != reference || (!v.other.empty() && is_organ(v.other, i) != reference);
  });
  const auto largest = std::max_element(disputed.begin(), disputed.end());
  if (*largest > 0) return largest - disputed.begin();
  const auto present = slice_counts(v.shape, across, [&](std::size_t i) { return is_organ(v.reference, i); });
  const auto most = std::max_element(present.begin(), present.end());
  return *most > 0 ? most - present.begin() : v.shape[across] / 2;
}

// One plane with its size in pixels.
struct Cut {
  Shape3 shape{};
  View view;
  std::int64_t slice = 0;
  std::int64_t height = 0, width = 0;

  // Continuous index along an axis of the pixel with this number out of `pixels`; both axes run backwards.
  [[nodiscard]] double along(std::size_t axis, std::int64_t pixel, std::int64_t pixels) const {
    const auto length = static_cast<double>(shape[axis]);
    return length - 0.5 - (static_cast<double>(pixel) + 0.5) / static_cast<double>(pixels) * length;
  }
  [[nodiscard]] std::size_t voxel(std::int64_t down, std::int64_t right) const {
    Shape3 place{};
    place[view.across] = slice;
    place[view.down] = std::clamp<std::int64_t>(down, 0, shape[view.down] - 1);
    place[view.right] = std::clamp<std::int64_t>(right, 0, shape[view.right] - 1);
    return voxel_of(shape, place);
  }
  [[nodiscard]] std::size_t nearest(std::int64_t row, std::int64_t column) const {
    return voxel(std::lround(along(view.down, row, height)), std::lround(along(view.right, column, width)));
  }
};

Cut cut_of(const OverlayVolumes& v, const View& view, std::int64_t slice, double most_pixels) {
  const double down_mm = static_cast<double>(v.shape[view.down]) * v.spacing_mm[view.down];
  const double right_mm = static_cast<double>(v.shape[view.right]) * v.spacing_mm[view.right];
  const double finest_mm = std::min(v.spacing_mm[view.down], v.spacing_mm[view.right]);
  const double per_mm = std::min(most_pixels / std::max(down_mm, right_mm), kMostPixelsPerVoxel / finest_mm);
  const auto pixels = [&](double mm) { return std::max<std::int64_t>(1, std::lround(mm * per_mm)); };
  return {v.shape, view, slice, pixels(down_mm), pixels(right_mm)};
}

template <class Value>
void for_each_pixel(const Cut& cut, std::vector<std::uint8_t>& pixels, Value value) {
  pixels.reserve(static_cast<std::size_t>(cut.height * cut.width));
  for (std::int64_t row = 0; row < cut.height; ++row) {
    for (std::int64_t column = 0; column < cut.width; ++column) pixels.push_back(value(row, column));
  }
}

struct Window {
  double black = 0, white = 1;
};

// From the 1st to the 99th percentile of the volume's values.
Window window_of(std::span<const float> image) {
  std::vector<float> values(image.begin(), image.end());
  const auto percentile = [&](double fraction) {
    const auto at = values.begin() + std::lround(fraction * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), at, values.end());
    return static_cast<double>(*at);
  };
  const Window window{percentile(0.01), percentile(0.99)};
  return window.white > window.black ? window : Window{window.black - 1, window.black + 1};
}

GreyPicture grey_picture(const OverlayVolumes& v, const Cut& cut, const Window& window) {
  GreyPicture picture{cut.height, cut.width, {}};
  for_each_pixel(cut, picture.pixels, [&](std::int64_t row, std::int64_t column) {
    const double down = cut.along(cut.view.down, row, cut.height);
    const double right = cut.along(cut.view.right, column, cut.width);
    const auto d = static_cast<std::int64_t>(std::floor(down));
    const auto r = static_cast<std::int64_t>(std::floor(right));
    const double fd = down - std::floor(down);
    const double fr = right - std::floor(right);
    const auto at = [&](std::int64_t i, std::int64_t j) {
      return static_cast<double>(v.image[cut.voxel(i, j)]);
    };
    const double value = (1 - fd) * ((1 - fr) * at(d, r) + fr * at(d, r + 1)) +
                         fd * ((1 - fr) * at(d + 1, r) + fr * at(d + 1, r + 1));
    const double grey = 255 * (value - window.black) / (window.white - window.black);
    return static_cast<std::uint8_t>(std::lround(std::clamp(grey, 0.0, 255.0)));
  });
  return picture;
}

bool is_edge(const Cut& cut, const std::vector<std::uint8_t>& classes, std::int64_t row,
             std::int64_t column) {
  const auto at = [&](std::int64_t r, std::int64_t c) {
    return classes[static_cast<std::size_t>(r * cut.width + c)];
  };
  const std::uint8_t own = at(row, column);
  return (row > 0 && at(row - 1, column) != own) || (row + 1 < cut.height && at(row + 1, column) != own) ||
         (column > 0 && at(row, column - 1) != own) || (column + 1 < cut.width && at(row, column + 1) != own);
}

// Classes 1..n in their colours.
PalettePicture filled_picture(const Cut& cut, const std::vector<std::uint8_t>& classes,
                              const std::vector<Rgba>& colours, std::uint8_t opacity) {
  PalettePicture picture{cut.height, cut.width, classes, {{0, 0, 0, 0}}};
  for (Rgba colour : colours) {
    colour[3] = opacity;
    picture.palette.push_back(colour);
  }
  return picture;
}

// The same with opaque edges.
PalettePicture edged_picture(const Cut& cut, const std::vector<std::uint8_t>& classes,
                             const std::vector<Rgba>& colours) {
  PalettePicture picture = filled_picture(cut, classes, colours, kFillOpacity);
  picture.palette.insert(picture.palette.end(), colours.begin(), colours.end());
  for (std::int64_t row = 0; row < cut.height; ++row) {
    for (std::int64_t column = 0; column < cut.width; ++column) {
      auto& pixel = picture.pixels[static_cast<std::size_t>(row * cut.width + column)];
      if (pixel != 0 && is_edge(cut, classes, row, column))
        pixel = static_cast<std::uint8_t>(pixel + colours.size());
    }
  }
  return picture;
}

// For each organ with enough pixels the number's place: its pixel nearest to its centre, as fractions of the
// picture's width and height.
json marks_of(const Cut& cut, const std::vector<std::uint8_t>& organs) {
  json marks = json::array();
  for (std::uint8_t organ = 1; organ <= kOrgans; ++organ) {
    std::vector<std::array<std::int64_t, 2>> places;
    double row_sum = 0;
    double column_sum = 0;
    for (std::size_t i = 0; i < organs.size(); ++i) {
      if (organs[i] != organ) continue;
      const auto pixel = static_cast<std::int64_t>(i);
      places.push_back({pixel / cut.width, pixel % cut.width});
      row_sum += static_cast<double>(places.back()[0]);
      column_sum += static_cast<double>(places.back()[1]);
    }
    const auto count = static_cast<double>(places.size());
    if (count < kPixelsForMark) continue;
    const auto distance = [&](const std::array<std::int64_t, 2>& place) {
      return std::hypot(static_cast<double>(place[0]) - row_sum / count,
                        static_cast<double>(place[1]) - column_sum / count);
    };
    const auto centre = *std::min_element(places.begin(), places.end(), [&](const auto& a, const auto& b) {
      return distance(a) < distance(b);
    });
    const auto fraction = [](std::int64_t at, std::int64_t length) {
      return std::round(1000 * (static_cast<double>(at) + 0.5) / static_cast<double>(length)) / 1000;
    };
    marks.push_back(
        {{"organ", organ}, {"x", fraction(centre[1], cut.width)}, {"y", fraction(centre[0], cut.height)}});
  }
  return marks;
}

json organ_layer(const char* of, const Cut& cut, std::span<const std::uint8_t> map) {
  std::vector<std::uint8_t> organs;
  for_each_pixel(cut, organs,
                 [&](std::int64_t row, std::int64_t column) { return map[cut.nearest(row, column)]; });
  std::vector<Rgba> colours;
  for (std::int64_t organ = 1; organ <= kOrgans; ++organ) colours.push_back(organ_colour(organ));
  return {{"of", of},
          {"png", base64(encode_png(edged_picture(cut, organs, colours)))},
          {"marks", marks_of(cut, organs)}};
}

Agreement agreement_of(std::uint8_t reference, std::uint8_t prediction, std::uint8_t other) {
  if (prediction == reference && other == reference) return Agreement::all_right;
  if (prediction == reference) return Agreement::prediction_right;
  if (other == reference) return Agreement::other_right;
  return prediction == other ? Agreement::both_wrong_alike : Agreement::both_wrong;
}

json difference_layer(const OverlayVolumes& v, const Cut& cut) {
  const auto other = v.other.empty() ? v.prediction : v.other;
  std::vector<std::uint8_t> classes;
  for_each_pixel(cut, classes, [&](std::int64_t row, std::int64_t column) {
    const std::size_t i = cut.nearest(row, column);
    return static_cast<std::uint8_t>(agreement_of(v.reference[i], v.prediction[i], other[i]));
  });
  std::vector<Rgba> colours;
  for (const Agreement agreement : {Agreement::prediction_right, Agreement::other_right,
                                    Agreement::both_wrong, Agreement::both_wrong_alike}) {
    colours.push_back(agreement_colour(agreement));
  }
  return {{"of", "difference"},
          {"png", base64(encode_png(filled_picture(cut, classes, colours, kDifferenceOpacity)))},
          {"marks", json::array()}};
}

json layers_of(const OverlayVolumes& v, const Cut& cut) {
  json layers =
      json::array({organ_layer("reference", cut, v.reference), organ_layer("prediction", cut, v.prediction)});
  if (!v.other.empty()) layers.push_back(organ_layer("other", cut, v.other));
  layers.push_back(difference_layer(v, cut));
  return layers;
}

std::size_t largest_picture(const json& plane) {
  const auto size = [](const json& base64_text) { return base64_text.get_ref<const std::string&>().size(); };
  std::size_t largest = size(plane.at("image"));
  for (const json& layer : plane.at("layers")) largest = std::max(largest, size(layer.at("png")));
  return largest;
}

// As large as it may be: all pictures of a plane have one size, so the one that compresses worst decides.
json plane_of(const OverlayVolumes& v, const View& view, std::int64_t slice, const Window& window) {
  constexpr double kShrink = 0.85;
  for (double most_pixels = kMostPixels;; most_pixels *= kShrink) {
    const Cut cut = cut_of(v, view, slice, most_pixels);
    json plane{{"plane", view.name},
               {"slice", slice},
               {"height", cut.height},
               {"width", cut.width},
               {"image", base64(encode_png(grey_picture(v, cut, window)))},
               {"layers", layers_of(v, cut)}};
    if (largest_picture(plane) <= kMostBase64) return plane;
  }
}

}  // namespace

Rgba organ_colour(std::int64_t organ) {
  constexpr std::array<Rgba, kOrgans> kColours{{{0x99, 0x33, 0xcc, 255},    // spleen
                                                {0x00, 0xff, 0xff, 255},    // right kidney
                                                {0xff, 0xff, 0x00, 255},    // left kidney
                                                {0x66, 0x33, 0xff, 255},    // gallbladder
                                                {0xcc, 0x99, 0xff, 255},    // oesophagus
                                                {0xcc, 0x99, 0x00, 255},    // liver
                                                {0x33, 0xcc, 0x99, 255},    // stomach
                                                {0xff, 0x00, 0x66, 255},    // aorta
                                                {0x66, 0x66, 0x00, 255},    // inferior vena cava
                                                {0x99, 0xff, 0x66, 255},    // pancreas
                                                {0x99, 0xcc, 0x66, 255},    // right adrenal gland
                                                {0x33, 0x66, 0x33, 255},    // left adrenal gland
                                                {0xcc, 0x00, 0x99, 255}}};  // duodenum
  return kColours.at(static_cast<std::size_t>(organ - 1));
}

Rgba agreement_colour(Agreement agreement) {  // Okabe and Ito's palette
  switch (agreement) {
    case Agreement::all_right:
      return {0, 0, 0, 0};
    case Agreement::prediction_right:
      return {0x00, 0x72, 0xb2, 255};
    case Agreement::other_right:
      return {0xe6, 0x9f, 0x00, 255};
    case Agreement::both_wrong:
      return {0xcc, 0x79, 0xa7, 255};
    case Agreement::both_wrong_alike:
      return {0xee, 0xee, 0xee, 255};
  }
  return {0, 0, 0, 0};
}

json overlay_planes(const OverlayVolumes& volumes, std::int64_t organ) {
  const Window window = window_of(volumes.image);
  json planes = json::array();
  for (const View& view : kViews)
    planes.push_back(plane_of(volumes, view, chosen_slice(volumes, view.across, organ), window));
  return planes;
}

}  // namespace totum
