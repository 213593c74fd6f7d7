#include "data/phantom/case_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "core/error.h"
#include "core/random.h"
#include "data/phantom/tissue_table.h"

namespace totum {

namespace {

std::int64_t draw_from(RandomStream& random, const Range& range) {
  return range.low + random.below(range.high - range.low + 1);
}

struct FieldOfView {
  Shape3 size_xyz{};
  Vector3 extent_mm{};
  double centre_z_mm = 0;
};

FieldOfView draw_ct_view(RandomStream& random, const PhantomSize& size) {
  FieldOfView view;
  const std::int64_t drawn = draw_from(random, size.ct_xy);
  const std::int64_t matrix = random.chance(size.large_ct) ? drawn * 3 / 2 : drawn;
  view.size_xyz = {matrix, matrix, draw_from(random, size.ct_z)};
  const double extent_mm = 390 * random.uniform(0.92, 1.08);
  view.extent_mm = {extent_mm, extent_mm, random.uniform(250, 310)};
  view.centre_z_mm = random.uniform(-8, 8);
  return view;
}

FieldOfView draw_mr_view(RandomStream& random, const PhantomSize& size) {
  FieldOfView view;
  const std::int64_t columns = draw_from(random, size.mr_x);
  const bool oblong = random.chance(0.5);
  view.extent_mm = {380, oblong ? 300.0 : 380.0, random.uniform(200, 250)};
  const auto square_rows =
      static_cast<std::int64_t>(std::lround(static_cast<double>(columns) * view.extent_mm[1] / 380));
  view.size_xyz = {columns, std::clamp(square_rows, size.mr_y.low, size.mr_y.high),
                   draw_from(random, size.mr_z)};
  view.centre_z_mm = random.uniform(-12, 12);
  return view;
}

std::string draw_orientation(RandomStream& random) {
  const double u = random.uniform();
  if (u < 0.60) return "LAS";
  if (u < 0.75) return "RAS";
  if (u < 0.85) return "LPS";
  return u < 0.90 ? "PIR" : "OBL";
}

// Rotation by `degrees` about an axis of random direction.
Matrix3 draw_oblique_rotation(RandomStream& random) {
  const double degrees = random.uniform(3, 10);
  const Vector3 v{random.normal(), random.normal(), random.normal()};
  const double length = std::max(1e-6, std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]));
  const double tilt = std::acos(v[2] / length) * 180 / std::numbers::pi;
  const double turn = std::atan2(v[1], v[0]) * 180 / std::numbers::pi;
  const Matrix3 to_axis = rotation_z(turn) * rotation_y(tilt);
  return to_axis * rotation_z(degrees) * rotation_y(-tilt) * rotation_z(-turn);
}

Geometry make_grid(const FieldOfView& view, const Matrix3& rotation) {
  Geometry grid;
  grid.size_xyz = view.size_xyz;
  const Vector3 centre{0, 0, view.centre_z_mm};
  for (std::size_t row = 0; row < 3; ++row) {
    grid.affine[row][3] = centre[row];
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const auto length = static_cast<double>(view.size_xyz[axis]);
      grid.affine[row][axis] = rotation[row][axis] * view.extent_mm[axis] / length;
      grid.affine[row][3] -= grid.affine[row][axis] * (length - 1) / 2;
    }
  }
  return grid;
}

void draw_grid(CasePlan& plan, const PhantomSize& size) {
  RandomStream view_random(plan.case_seed, "field of view");
  const FieldOfView view =
      plan.modality == Modality::ct ? draw_ct_view(view_random, size) : draw_mr_view(view_random, size);
  RandomStream random(plan.case_seed, "orientation");
  plan.storage.orientation = draw_orientation(random);
  const Matrix3 oblique = draw_oblique_rotation(random);
  plan.grid = make_grid(view, plan.storage.orientation == "OBL" ? oblique : rotation_z(0));
}

// The scalings keep whole numbers whole, so that they change how a file is stored and nothing else.
void draw_storage(CasePlan& plan) {
  RandomStream random(plan.case_seed, "header");
  const double forms = random.uniform();
  plan.storage.qform = forms < 0.8 || forms >= 0.9;
  plan.storage.sform = forms < 0.9;
  const double type = random.uniform();
  plan.storage.float32 = type >= 0.95;
  if (type >= 0.05) return;
  const bool ct = plan.modality == Modality::ct;
  plan.storage.slope = ct ? 0.5 : 0.25;
  plan.storage.intercept = ct ? -1024 : 8;
}

void draw_ct(CasePlan& plan) {
  RandomStream random(plan.case_seed, "ct");
  const bool unenhanced = random.chance(0.15);
  const double phase = random.uniform(0.6, 1.15);
  plan.ct.phase = unenhanced ? 0 : phase;
  plan.ct.noise_hu = random.uniform(9, 20);
  plan.ct.oral_contrast = random.chance(0.4);
  plan.ct.oral_contrast_hu = random.uniform(0, 75);
  plan.ct.table = random.chance(0.9);
}

void draw_mr(CasePlan& plan) {
  RandomStream random(plan.case_seed, "mr");
  const double u = random.uniform();
  plan.mr.sequence = u < 0.45 ? MrSequence::t1 : (u < 0.75 ? MrSequence::t2fs : MrSequence::t1ce);
  plan.mr.bias = random.uniform(0.10, 0.28);
  plan.mr.ghost = random.chance(0.25);
  plan.mr.noise = random.uniform(4, 9);
  plan.mr.gain = std::exp(random.uniform(std::log(0.6), std::log(5.0)));
}

}  // namespace

PhantomSize phantom_size(const std::string& name) {
  const std::vector<PhantomSize> sizes{
      {"tiny", {40, 40}, {24, 24}, 0, {40, 40}, {40, 40}, {24, 24}},
      {"smoke", {48, 64}, {24, 40}, 0, {48, 64}, {48, 64}, {24, 40}},
      {"prototype", {56, 56}, {32, 32}, 0, {56, 56}, {56, 56}, {32, 32}},
      {"medium", {128, 128}, {64, 64}, 0, {128, 128}, {128, 128}, {64, 64}},
      {"full", {512, 512}, {60, 200}, 0.1, {256, 320}, {192, 260}, {40, 100}},
  };
  for (const PhantomSize& size : sizes) {
    if (size.name == name) return size;
  }
  throw ConfigError(
      fmt::format("phantom size \"{}\" is unknown; must be tiny, smoke, prototype, medium or full", name));
}

AxisOrder axis_order(const std::string& orientation) {
  if (orientation == "RAS") return {{0, 1, 2}, {false, false, false}};
  if (orientation == "LPS") return {{0, 1, 2}, {true, true, false}};
  if (orientation == "PIR") return {{2, 0, 1}, {false, true, true}};
  if (orientation == "LAS" || orientation == "OBL") return {{0, 1, 2}, {true, false, false}};
  throw ConfigError(
      fmt::format("orientation \"{}\" is unknown; must be LAS, RAS, LPS, PIR or OBL", orientation));
}

CasePlan plan_case(std::uint64_t seed, const PhantomSize& size, const std::string& case_id,
                   Modality modality) {
  CasePlan plan;
  plan.case_id = case_id;
  plan.modality = modality;
  plan.case_seed = derive_seed(seed, case_id);
  plan.subject = draw_subject(plan.case_seed);
  draw_grid(plan, size);
  draw_storage(plan);
  modality == Modality::ct ? draw_ct(plan) : draw_mr(plan);
  draw_tissue_values(plan);
  return plan;
}

nlohmann::json to_json(const CasePlan& plan) {
  nlohmann::json json;
  json["modality"] = to_string(plan.modality);
  json["size_xyz"] = plan.grid.size_xyz;
  json["spacing_mm_xyz"] = spacing_mm_xyz(plan.grid);
  json["orientation"] = plan.storage.orientation;
  json["forms"] =
      plan.storage.sform && plan.storage.qform ? "sform+qform" : (plan.storage.sform ? "sform" : "qform");
  json["datatype"] = plan.storage.float32 ? "float32" : "int16";
  json["scl_slope"] = plan.storage.slope;
  json["scl_inter"] = plan.storage.intercept;
  json["fat_mm"] = plan.subject.fat_mm;
  json["body_scale"] = plan.subject.scale;
  json["missing_organs"] = nlohmann::json::array();
  for (std::size_t i = 0; i < plan.subject.organs.size(); ++i) {
    if (plan.subject.organs[i].missing) json["missing_organs"].push_back(i + 1);
    json["volume_factors"].push_back(plan.subject.organs[i].volume_factor);
  }
  if (plan.modality == Modality::ct) {
    json["contrast_phase"] = plan.ct.phase;
    json["noise_hu"] = plan.ct.noise_hu;
    json["oral_contrast_hu"] = plan.ct.oral_contrast ? plan.ct.oral_contrast_hu : 0.0;
  } else {
    json["sequence"] = to_string(plan.mr.sequence);
    json["bias"] = plan.mr.bias;
    json["ghost"] = plan.mr.ghost;
    json["noise"] = plan.mr.noise;
    json["gain"] = plan.mr.gain;
  }
  return json;
}

}  // namespace totum
