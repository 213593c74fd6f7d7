// Dice of 13 organs on a volume of the paper's mean size, the signed-rank test of 48 pairs, 10,000 resamples
// of 48 patients, and all statistics of a table of 18 methods.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <vector>

#include "core/random.h"
#include "evaluation/cell_summary.h"
#include "evaluation/dice.h"
#include "evaluation/wilcoxon.h"
#include "reports/report.h"

namespace totum {
namespace {

// Thirteen boxes of organ size in a volume that is mostly background; the prediction is shifted by two
// voxels.
std::vector<std::uint8_t> boxes(std::int64_t depth, std::int64_t height, std::int64_t width,
                                std::int64_t shift) {
  std::vector<std::uint8_t> labels(static_cast<std::size_t>(depth * height * width), 0);
  for (std::int64_t organ = 1; organ <= 13; ++organ) {
    const std::int64_t z0 = 5 + organ * 7, y0 = 10 + organ * 12, x0 = 12 + organ * 18 + shift;
    for (std::int64_t z = z0; z < z0 + 40; ++z) {
      for (std::int64_t y = y0; y < y0 + 50; ++y) {
        for (std::int64_t x = x0; x < x0 + 60; ++x)
          labels[static_cast<std::size_t>((z * height + y) * width + x)] = static_cast<std::uint8_t>(organ);
      }
    }
  }
  return labels;
}

void dice_of_13_organs(benchmark::State& state) {
  const auto reference = boxes(state.range(0), state.range(1), state.range(2), 0);
  const auto prediction = boxes(state.range(0), state.range(1), state.range(2), 2);
  for (auto _ : state) benchmark::DoNotOptimize(overlap_counts(prediction, reference));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * 2 *
                          static_cast<std::int64_t>(reference.size()));
}
BENCHMARK(dice_of_13_organs)->ArgNames({"D", "H", "W"})->Args({143, 233, 338})->Unit(benchmark::kMillisecond);

void signed_rank(benchmark::State& state) {
  RandomStream random(1, "benchmark");
  std::vector<double> a, b;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    a.push_back(random.uniform());
    b.push_back(random.uniform());
  }
  for (auto _ : state) benchmark::DoNotOptimize(wilcoxon_signed_rank(a, b).p_value);
}
BENCHMARK(signed_rank)->ArgName("pairs")->Arg(48)->Unit(benchmark::kMicrosecond);

// 10,000 resamples of 48 patients with 13 organs for 18 methods, patients kept together.
void patient_bootstrap(benchmark::State& state) {
  std::vector<std::vector<PatientScores>> methods(static_cast<std::size_t>(state.range(0)));
  RandomStream random(2, "benchmark");
  for (auto& patients : methods) {
    for (int p = 0; p < 48; ++p) {
      PatientScores patient{"case_" + std::to_string(p), {}};
      for (std::int64_t organ = 1; organ <= 13; ++organ) patient.by_organ[organ] = random.uniform();
      patients.push_back(std::move(patient));
    }
  }
  for (auto _ : state) {
    for (const auto& patients : methods)
      benchmark::DoNotOptimize(summarise_cell(patients, 10000, 3, static_cast<int>(state.range(1))));
  }
}
BENCHMARK(patient_bootstrap)
    ->ArgNames({"methods", "threads"})
    ->Args({18, 1})
    ->Args({18, 2})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

// All statistics of a table with the four cells of Table 1: 18 methods with three seeds each, 48 cases (38
// CT, 10 MR), 13 organs, 10,000 resamples; neighbours in the order differ by half a point.
ReportInput table_of_18_methods() {
  TableSpec table;
  table.name = "table";
  for (const Modality modality : {Modality::ct, Modality::mr}) {
    for (const Relation relation : {Relation::intra, Relation::cross}) {
      TableCell cell;
      cell.id = fmt::format("{}_{}", to_string(modality), relation == Relation::intra ? "intra" : "cross");
      cell.test_modality = modality;
      cell.relation = relation;
      table.cells.push_back(cell);
    }
  }
  ReportInput input;
  for (std::uint64_t m = 0; m < 18; ++m) {
    const std::string id = fmt::format("method_{}", m);
    table.entries.push_back({id, "given", id, "", nlohmann::json::object(), std::nullopt});
    for (std::int64_t seed = 0; seed < 3; ++seed) {
      ReportRun run;
      run.id = id;
      run.seed = seed;
      run.folder = fmt::format("{}/seed-{}", id, seed);
      auto& scores = run.scores.emplace();
      for (std::uint64_t c = 0; c < 48; ++c) {
        const Modality modality = c < 38 ? Modality::ct : Modality::mr;
        RandomStream of_case(4, "case", c);
        RandomStream own(5, id, c, static_cast<std::uint64_t>(seed));
        const double centre = 0.6 + 0.2 * of_case.uniform() - 0.005 * static_cast<double>(m);
        for (std::int64_t organ = 1; organ <= kOrgans; ++organ) {
          const bool is_intra = (organ <= 4 || organ == 10) == (modality == Modality::mr);
          scores.push_back({run.folder, fmt::format("amos_{:04}", c + 1), modality, organ,
                            is_intra ? Relation::intra : Relation::cross, table.grid, table.metric,
                            centre + 0.1 * own.uniform()});
        }
      }
      input.runs.push_back(std::move(run));
    }
  }
  table.tests.reference = table.entries.front().id;
  input.tables.push_back(std::move(table));
  return input;
}

void all_statistics(benchmark::State& state) {
  const ReportInput input = table_of_18_methods();
  const PublishedNumbers published(TOTUM_SOURCE_DIR "/experiments/tables/paper_tables.csv");
  ReportOptions options;
  options.threads = static_cast<int>(state.range(0));
  ReportOptions one_thread = options;
  one_thread.threads = 1;
  if (make_report(input, published, options).dump() != make_report(input, published, one_thread).dump())
    state.SkipWithError("another number of threads gave other bytes");
  for (auto _ : state) benchmark::DoNotOptimize(make_report(input, published, options));
}
BENCHMARK(all_statistics)->ArgName("threads")->Arg(1)->Arg(2)->Unit(benchmark::kSecond)->UseRealTime();

}  // namespace
}  // namespace totum

BENCHMARK_MAIN();
