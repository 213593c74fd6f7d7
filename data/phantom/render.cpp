#include "data/phantom/render.h"

#include <algorithm>
#include <cmath>

#include "core/random.h"
#include "data/phantom/anatomy.h"
#include "data/phantom/spline_noise.h"

namespace totum {

namespace {

constexpr double kDeformationControlMm = 70, kTextureControlMm = 14, kBiasControlMm = 240;
constexpr Vector3 kPartialVolumeSd{0.55, 0.55, 0.45};  // voxels

// The way from world millimetres into the canonical body: undo shift, rotation and scale. The smooth
// deformation is added to the result.
class WorldToBody {
 public:
  explicit WorldToBody(const Subject& subject) : shift_mm_(subject.shift_mm) {
    const auto& angle = subject.rotation_degrees;
    const Matrix3 rotation = rotation_z(angle[2]) * rotation_y(angle[1]) * rotation_x(angle[0]);
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t j = 0; j < 3; ++j) matrix_[i][j] = rotation[j][i] / subject.scale[i];
    }
  }
  [[nodiscard]] Vector3 operator()(const Vector3& world_mm) const { return matrix_ * (world_mm - shift_mm_); }

 private:
  Matrix3 matrix_{};
  Vector3 shift_mm_;
};

// CT table: a curved shell of 10 mm behind the back, in world coordinates.
bool in_table(const Subject& subject, const Vector3& world_mm) {
  const double x = world_mm[0] - subject.shift_mm[0];
  const double back = -(88 + 0.85 * (12 + subject.fat_mm)) * subject.scale[1] + subject.shift_mm[1];
  const double surface = back - 14 + 0.0009 * x * x;
  return std::abs(x) < 200 && world_mm[1] <= surface && world_mm[1] >= surface - 10;
}

// Paints labels and mean intensities with their texture.
class Painter {
 public:
  explicit Painter(const CasePlan& plan)
      : plan_(plan),
        anatomy_(plan.subject),
        to_body_(plan.subject),
        texture_(noise("texture", 0, kTextureControlMm)) {
    for (std::uint64_t axis = 0; axis < 3; ++axis) {
      deformation_.push_back(noise("deformation", axis, kDeformationControlMm));
    }
  }

  PhantomCase paint() {
    const auto voxels = static_cast<std::size_t>(plan_.grid.voxels());
    PhantomCase out{{plan_.grid, std::vector<float>(voxels)},
                    {plan_.grid, std::vector<std::uint8_t>(voxels)}};
    for (std::int64_t z = 0; z < plan_.grid.size_xyz[2]; ++z) {
      for (std::int64_t y = 0; y < plan_.grid.size_xyz[1]; ++y) paint_row(z, y, out);
    }
    return out;
  }

 private:
  [[nodiscard]] SplineNoise noise(const char* name, std::uint64_t slot, double control_mm) const {
    return {RandomStream(plan_.case_seed, name, slot), plan_.grid.size_xyz, spacing_mm_xyz(plan_.grid),
            control_mm};
  }

  void paint_row(std::int64_t z, std::int64_t y, PhantomCase& out) {
    for (std::size_t a = 0; a < 3; ++a) deformation_[a].row(z, y, displacement_[a]);
    texture_.row(z, y, texture_row_);
    float* image = &out.image.at(z, y, 0);
    std::uint8_t* label = &out.labels.at(z, y, 0);
    for (std::size_t x = 0; x < texture_row_.size(); ++x) {
      const Vector3 world =
          world_mm(plan_.grid, static_cast<double>(x), static_cast<double>(y), static_cast<double>(z));
      Vector3 q = to_body_(world);
      for (std::size_t a = 0; a < 3; ++a) q[a] += plan_.subject.deformation_sd_mm[a] * displacement_[a][x];
      Place place = anatomy_.at(q);
      const bool has_table = plan_.modality == Modality::ct && plan_.ct.table;
      if (place.tissue == Tissue::air && has_table && in_table(plan_.subject, world))
        place.tissue = Tissue::table;
      const auto tissue = static_cast<std::size_t>(place.tissue);
      label[x] = place.label;
      image[x] = static_cast<float>(plan_.mean[tissue] + plan_.texture[tissue] * texture_row_[x]);
    }
  }

  const CasePlan& plan_;
  Anatomy anatomy_;
  WorldToBody to_body_;
  SplineNoise texture_;
  std::vector<SplineNoise> deformation_;
  std::array<std::vector<double>, 3> displacement_;
  std::vector<double> texture_row_;
};

// Noise blurred in the plane by 0.6 voxels and scaled back to the drawn SD.
void add_ct_noise(const CasePlan& plan, ImageVolume& image) {
  constexpr double kBlurVoxels = 0.6;
  const Shape3 plane_size{image.geometry.size_xyz[0], image.geometry.size_xyz[1], 1};
  std::vector<float> plane(static_cast<std::size_t>(plane_size[0] * plane_size[1]));
  std::vector<float> impulse(plane.size(), 0.0F);  // its blurred energy is the loss of variance
  impulse[static_cast<std::size_t>(plane_size[1] / 2 * plane_size[0] + plane_size[0] / 2)] = 1;
  gaussian_blur(impulse, plane_size, {kBlurVoxels, kBlurVoxels, 0});
  double energy = 0;
  for (const float v : impulse) energy += static_cast<double>(v) * static_cast<double>(v);
  const double scale = plan.ct.noise_hu / std::sqrt(energy);
  for (std::int64_t z = 0; z < image.geometry.size_xyz[2]; ++z) {
    RandomStream random(plan.case_seed, "noise", static_cast<std::uint64_t>(z));
    for (float& v : plane) v = static_cast<float>(scale * random.normal());
    gaussian_blur(plane, plane_size, {kBlurVoxels, kBlurVoxels, 0});
    float* target = &image.at(z, 0, 0);
    for (std::size_t i = 0; i < plane.size(); ++i) target[i] += plane[i];
  }
}

void apply_bias(const CasePlan& plan, ImageVolume& image) {
  SplineNoise field(RandomStream(plan.case_seed, "bias"), image.geometry.size_xyz,
                    spacing_mm_xyz(image.geometry), kBiasControlMm);
  std::vector<double> row;
  for (std::int64_t z = 0; z < image.geometry.size_xyz[2]; ++z) {
    for (std::int64_t y = 0; y < image.geometry.size_xyz[1]; ++y) {
      field.row(z, y, row);
      float* voxels = &image.at(z, y, 0);
      for (std::size_t x = 0; x < row.size(); ++x) {
        voxels[x] = static_cast<float>(static_cast<double>(voxels[x]) * std::exp(plan.mr.bias * row[x]));
      }
    }
  }
}

// A copy of 5 %, half a field of view away along the rows' direction (y), as periodic motion leaves.
void add_ghost(ImageVolume& image) {
  const auto [columns, rows, slices] = image.geometry.size_xyz;
  std::vector<float> plane(static_cast<std::size_t>(columns * rows));
  for (std::int64_t z = 0; z < slices; ++z) {
    float* voxels = &image.at(z, 0, 0);
    std::copy_n(voxels, plane.size(), plane.begin());
    for (std::int64_t y = 0; y < rows; ++y) {
      const float* source = &plane[static_cast<std::size_t>(((y + rows / 2) % rows) * columns)];
      for (std::int64_t x = 0; x < columns; ++x) voxels[y * columns + x] += 0.05F * source[x];
    }
  }
}

// The magnitude of a complex signal with noise in both parts, times the scanner's gain.
void add_rician_noise(const CasePlan& plan, ImageVolume& image) {
  const auto plane = static_cast<std::size_t>(image.geometry.size_xyz[0] * image.geometry.size_xyz[1]);
  for (std::int64_t z = 0; z < image.geometry.size_xyz[2]; ++z) {
    RandomStream random(plan.case_seed, "noise", static_cast<std::uint64_t>(z));
    float* voxels = &image.at(z, 0, 0);
    for (std::size_t i = 0; i < plane; ++i) {
      const double real = static_cast<double>(voxels[i]) + plan.mr.noise * random.normal();
      const double imaginary = plan.mr.noise * random.normal();
      voxels[i] = static_cast<float>(plan.mr.gain * std::sqrt(real * real + imaginary * imaginary));
    }
  }
}

void round_and_clip(const CasePlan& plan, ImageVolume& image) {
  const bool ct = plan.modality == Modality::ct;
  const float low = ct ? -1024.0F : 0.0F, high = ct ? 3071.0F : 8000.0F;
  for (float& v : image.voxels) {
    v = std::clamp(v, low, high);
    if (!plan.storage.float32) v = std::nearbyint(v);
  }
}

}  // namespace

PhantomCase render_case(const CasePlan& plan) {
  PhantomCase out = Painter(plan).paint();
  gaussian_blur(out.image.voxels, plan.grid.size_xyz, kPartialVolumeSd);
  if (plan.modality == Modality::ct) {
    add_ct_noise(plan, out.image);
  } else {
    apply_bias(plan, out.image);
    if (plan.mr.ghost) add_ghost(out.image);
    add_rician_noise(plan, out.image);
  }
  round_and_clip(plan, out.image);
  return out;
}

}  // namespace totum
