#include "data/phantom/tissue_table.h"

#include <cmath>

#include "core/random.h"

namespace totum {

namespace {

constexpr double kTextureHu = 90;  // HU of a texture of 1

struct TissueRow {
  Tissue tissue;
  double hu_portal_venous, hu_unenhanced;
  std::array<double, kMrSequences> mr;  // t1, t2fs, t1ce; unenhanced liver = 100
  double texture_sd;
};

constexpr std::array<TissueRow, 13> kBackground{{
    {Tissue::air, -1000, -1000, {0, 0, 0}, 0},
    {Tissue::fat, -102, -102, {290, 70, 32}, 0.03},
    {Tissue::muscle, 58, 58, {55, 60, 68}, 0.06},
    {Tissue::lung, -840, -840, {6, 12, 8}, 0.10},
    {Tissue::bone, 170, 170, {120, 90, 55}, 0.15},
    {Tissue::cortex, 480, 480, {20, 12, 15}, 0.05},
    {Tissue::disc, 85, 85, {60, 110, 60}, 0.05},
    {Tissue::cord, 30, 30, {60, 480, 50}, 0.03},
    {Tissue::heart, 140, 40, {45, 90, 140}, 0.04},
    {Tissue::bowel_wall, 55, 38, {60, 160, 95}, 0.08},
    {Tissue::bowel, 35, 35, {60, 420, 70}, 0.15},
    {Tissue::gas, -750, -750, {6, 8, 6}, 0.05},
    {Tissue::table, -40, -40, {0, 0, 0}, 0.10},
}};

// Noise of a class mean between cases. Air is what it is; in MR the noise is relative.
double vary(RandomStream& random, const CasePlan& plan, double value, bool fixed) {
  const double draw = random.normal();
  if (plan.modality == Modality::mr) return value * std::exp(0.13 * draw);
  return fixed ? value : value + (7 + 0.05 * std::abs(value)) * draw;
}

void set_tissue(CasePlan& plan, Tissue tissue, double mean, double texture_sd) {
  const auto index = static_cast<std::size_t>(tissue);
  plan.mean[index] = mean;
  plan.texture[index] = texture_sd * (plan.modality == Modality::ct ? kTextureHu : mean);
}

double table_value(const CasePlan& plan, double unenhanced, double portal_venous,
                   const std::array<double, kMrSequences>& mr) {
  if (plan.modality == Modality::mr) return mr[static_cast<std::size_t>(plan.mr.sequence)];
  return unenhanced + plan.ct.phase * (portal_venous - unenhanced);
}

void set_medulla(CasePlan& plan, Tissue medulla, Tissue cortex) {
  const double factor = plan.modality == Modality::ct ? 0.86 : 1.12;
  const auto from = static_cast<std::size_t>(cortex), to = static_cast<std::size_t>(medulla);
  plan.mean[to] = factor * plan.mean[from];
  plan.texture[to] = plan.texture[from];
}

}  // namespace

void draw_tissue_values(CasePlan& plan) {
  RandomStream random(plan.case_seed, "tissue means");
  for (const OrganRow& row : organ_table()) {
    const double value = table_value(plan, row.hu_unenhanced, row.hu_portal_venous, row.mr);
    set_tissue(plan, static_cast<Tissue>(row.id), vary(random, plan, value, false), row.texture_sd);
  }
  for (const TissueRow& row : kBackground) {
    const double value = table_value(plan, row.hu_unenhanced, row.hu_portal_venous, row.mr);
    set_tissue(plan, row.tissue, vary(random, plan, value, row.tissue == Tissue::air), row.texture_sd);
  }
  set_medulla(plan, Tissue::right_medulla, Tissue::right_kidney);
  set_medulla(plan, Tissue::left_medulla, Tissue::left_kidney);
  if (plan.modality == Modality::ct && plan.ct.oral_contrast) {
    plan.mean[static_cast<std::size_t>(Tissue::bowel)] += plan.ct.oral_contrast_hu;
  }
}

}  // namespace totum
