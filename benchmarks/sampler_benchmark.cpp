// Time to make one training batch: what the background thread has to hide behind a step.

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include "data/sampler/patch_sampler.h"
#include "tests/core/temporary_folder.h"
#include "tests/data/sampler/tiny_dataset.h"

namespace totum {
namespace {

void sample_batch(benchmark::State& state) {
  const TemporaryFolder folder;
  const Shape3 volume{state.range(0), state.range(1), state.range(2)};
  const PreparedDataset data = tiny_dataset(folder.path(), volume);
  const SamplerConfig config{{state.range(3), state.range(4), state.range(5)}, 2, 0.0};
  const PatchSampler sampler(data, config, 0);
  if (!at::equal(sampler.batch(3).image, PatchSampler(data, config, 0).batch(3).image)) {
    state.SkipWithError("two samplers differ");
    return;
  }
  std::int64_t iteration = 0;
  for (auto _ : state) benchmark::DoNotOptimize(sampler.batch(iteration++));
  state.SetItemsProcessed(state.iterations() * config.batch_size * state.range(3) * state.range(4) *
                          state.range(5));
}
BENCHMARK(sample_batch)
    ->ArgNames({"D", "H", "W", "patch_D", "patch_H", "patch_W"})
    ->Args({29, 41, 54, 32, 48, 64})       // quick
    ->Args({143, 233, 338, 64, 192, 192})  // the paper's patch
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace totum

BENCHMARK_MAIN();
