// Preprocessing of one case of abdominal CT size: reslicing, torso crop, normalisation; and writing its label
// map back.

#include <benchmark/benchmark.h>

#include <cmath>
#include <filesystem>
#include <stdexcept>

#include "core/random.h"
#include "data/nifti.h"
#include "data/preprocess.h"

namespace {

using namespace totum;

// A bright elliptic cylinder with noise in air, and a label in its middle.
std::pair<ImageVolume, LabelMap> make_case(std::int64_t in_plane, std::int64_t slices) {
  Geometry grid{{in_plane, in_plane, slices}, {}};
  const Vector3 spacing{400.0 / static_cast<double>(in_plane), 400.0 / static_cast<double>(in_plane), 5.0};
  for (std::size_t axis = 0; axis < 3; ++axis) grid.affine[axis][axis] = spacing[axis];
  grid.affine[3] = {0, 0, 0, 1};
  ImageVolume image{grid, {}};
  LabelMap label{grid, {}};
  RandomStream random(1, "benchmark");
  const double middle = 0.5 * static_cast<double>(in_plane - 1);
  for (std::int64_t z = 0; z < slices; ++z) {
    for (std::int64_t y = 0; y < in_plane; ++y) {
      for (std::int64_t x = 0; x < in_plane; ++x) {
        const double radius =
            std::hypot((static_cast<double>(x) - middle) / (0.42 * static_cast<double>(in_plane)),
                       (static_cast<double>(y) - middle) / (0.30 * static_cast<double>(in_plane)));
        image.voxels.push_back(static_cast<float>((radius < 1 ? 40.0 : -1000.0) +
                                                  0.01 * static_cast<double>(random.bits() % 4096U)));
        label.voxels.push_back(radius < 0.3 ? std::uint8_t{6} : std::uint8_t{0});
      }
    }
  }
  return {std::move(image), std::move(label)};
}

void preprocess_one_case(benchmark::State& state) {
  const auto [image, label] = make_case(state.range(0), state.range(1));
  const PreprocessConfig config;
  if (preprocess(image, label, Modality::ct, config).image !=
      preprocess(image, std::nullopt, Modality::ct, config).image) {
    throw std::runtime_error("a label changed its image");
  }
  for (auto _ : state) benchmark::DoNotOptimize(preprocess(image, label, Modality::ct, config));
  state.counters["voxels/s"] = benchmark::Counter(static_cast<double>(image.voxels.size()),
                                                  benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(preprocess_one_case)
    ->ArgNames({"xy", "z"})
    ->Args({128, 30})
    ->Args({256, 60})
    ->Args({512, 90})
    ->Unit(benchmark::kMillisecond);

void back_to_native_and_write(benchmark::State& state) {
  const auto [image, label] = make_case(state.range(0), state.range(1));
  const PreprocessedCase done = preprocess(image, label, Modality::ct, {});
  const LabelMap network{done.network, done.label};
  const auto path = std::filesystem::temp_directory_path() / "totum-benchmark-label.nii.gz";
  for (auto _ : state) write_label_map(path, to_native(network, done.native));
  if (read_label(path).voxels.size() != label.voxels.size())
    throw std::runtime_error("the label map has another size");
  std::filesystem::remove(path);
}
BENCHMARK(back_to_native_and_write)->ArgNames({"xy", "z"})->Args({256, 60})->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
