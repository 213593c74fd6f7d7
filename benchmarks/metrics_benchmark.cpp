// All nine metrics of 13 organs on a volume of the paper's mean size: ellipsoids with organs' places and
// sizes. race_metrics.py runs this program and its peers on the same label maps.

#include <benchmark/benchmark.h>

#include <array>
#include <cstdlib>
#include <filesystem>

#include "data/nifti.h"
#include "evaluation/metric.h"
#include "evaluation/score_case.h"
#include "evaluation/scores.h"

namespace totum {
namespace {

struct Ellipsoid {
  std::array<double, 3> centre, radius;  // D,H,W, as fractions of the volume
};

// From the liver (a third of the volume's width) to the adrenal glands.
constexpr std::array<Ellipsoid, kOrgans> kOrganShapes{{{{.65, .60, .76}, {.14, .12, .10}},
                                                       {{.45, .62, .30}, {.14, .08, .06}},
                                                       {{.47, .62, .68}, {.14, .08, .06}},
                                                       {{.52, .38, .34}, {.08, .06, .04}},
                                                       {{.88, .55, .50}, {.12, .03, .02}},
                                                       {{.66, .45, .28}, {.20, .24, .18}},
                                                       {{.66, .38, .66}, {.14, .14, .11}},
                                                       {{.50, .58, .52}, {.48, .04, .03}},
                                                       {{.50, .56, .45}, {.44, .04, .03}},
                                                       {{.52, .46, .56}, {.07, .06, .14}},
                                                       {{.62, .58, .40}, {.05, .03, .02}},
                                                       {{.62, .58, .60}, {.05, .03, .02}},
                                                       {{.44, .45, .42}, {.12, .07, .06}}}};

LabelMap phantom(double shift) {
  LabelMap labels;
  labels.geometry.size_xyz = {338, 233, 143};
  for (std::size_t axis = 0; axis < 3; ++axis)
    labels.geometry.affine[axis][axis] = std::array<double, 3>{1.0, 1.0, 2.0}[axis];
  labels.voxels.assign(static_cast<std::size_t>(labels.geometry.voxels()), 0);
  const Shape3 shape = labels.geometry.shape();
  for (std::size_t organ = 0; organ < kOrganShapes.size(); ++organ) {
    const Ellipsoid& e = kOrganShapes[organ];
    for (std::int64_t z = 0; z < shape[0]; ++z) {
      for (std::int64_t y = 0; y < shape[1]; ++y) {
        for (std::int64_t x = 0; x < shape[2]; ++x) {
          const double dz = (static_cast<double>(z) / 143 - e.centre[0]) / e.radius[0];
          const double dy = (static_cast<double>(y) / 233 - e.centre[1]) / e.radius[1];
          const double dx = ((static_cast<double>(x) - shift) / 338 - e.centre[2]) / e.radius[2];
          if (dz * dz + dy * dy + dx * dx <= 1) labels.at(z, y, x) = static_cast<std::uint8_t>(organ + 1);
        }
      }
    }
  }
  return labels;
}

std::vector<Score> nine_metrics(const LabelMap& prediction, const LabelMap& reference, int threads) {
  const ScoringOptions options{metric_ids(), EmptyPolicy::standard, threads};
  return score_case({"r", "amos_0001", Modality::ct, "native"}, prediction.voxels, reference.voxels,
                    reference.geometry, Split{}, options);
}

void nine_metrics_of_13_organs(benchmark::State& state) {
  const LabelMap reference = phantom(0);
  const LabelMap prediction = phantom(2);
  for (auto _ : state)
    benchmark::DoNotOptimize(nine_metrics(prediction, reference, static_cast<int>(state.range(0))));
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * reference.geometry.voxels());
}
BENCHMARK(nine_metrics_of_13_organs)
    ->ArgName("threads")
    ->Arg(1)
    ->Arg(2)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace totum

// With TOTUM_MASKS=DIR the two label maps and their scores are written there.
int main(int argc, char** argv) {
  if (const char* folder = std::getenv("TOTUM_MASKS"); folder != nullptr) {
    const totum::LabelMap reference = totum::phantom(0);
    const totum::LabelMap prediction = totum::phantom(2);
    const std::filesystem::path to(folder);
    totum::write_label_map(to / "labels/amos_0001.nii.gz", reference);
    totum::write_label_map(to / "predictions/amos_0001.nii.gz", prediction);
    totum::write_scores(to / "scores.csv", totum::nine_metrics(prediction, reference, 2));
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
