#include "tests/reports/synthetic_runs.h"

#include <fmt/format.h>

#include <array>

#include "core/files.h"
#include "core/json_reader.h"
#include "core/random.h"
#include "core/sha256.h"
#include "reports/record_hash.h"

namespace totum {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

Relation relation_of(std::int64_t organ, Modality modality) {
  const bool in_mr = organ <= 4 || organ == 10;
  return in_mr == (modality == Modality::mr) ? Relation::intra : Relation::cross;
}

json record_of(const SyntheticRun& run, const std::string& split_sha256) {
  json record{{"format", 1},
              {"id", run.id},
              {"method", run.id == "single" ? "single" : "proposed"},
              {"label", run.id},
              {"options", {{"aprn", run.id == "ablation_c"}}},
              {"seed", run.seed},
              {"preset", "smoke"},
              {"dataset", "phantom"},
              {"size", "smoke"},
              {"config", {{"name", "smoke"}, {"schedule", {{"epochs", 2}, {"checkpoint_every_s", 5.0}}}}},
              {"versions", {{"totum", "0"}, {"libtorch", "0"}, {"itk", "0"}}},
              {"device", "cpu"},
              {"threads", 2},
              {"split", {{"name", "split.csv"}, {"tasks", json::array()}}},
              {"notes", {"smoke, phantom: not a result about patients", "a note of the plan"}}};
  record["hashes"] = {{"config", config_sha256(record)},
                      {"split", split_sha256},
                      {"data", sha256(std::string_view("data"))},
                      {"binary", sha256(std::string_view("binary"))}};
  return record;
}

}  // namespace

std::vector<Score> synthetic_scores(const SyntheticRun& run) {
  std::vector<Score> scores;
  for (const Modality modality : {Modality::ct, Modality::mr}) {
    const std::int64_t cases = modality == Modality::mr && run.mr_cases > 0 ? run.mr_cases : run.cases;
    for (std::int64_t number = 1; number <= cases; ++number) {
      const std::string case_id = fmt::format("amos_{:04}", number + (modality == Modality::ct ? 0 : 506));
      for (std::int64_t organ = 1; organ <= kOrgans; ++organ) {
        RandomStream noise(static_cast<std::uint64_t>(run.seed), case_id, static_cast<std::uint64_t>(organ));
        const auto value =
            run.rule ? run.rule(number, modality, organ) : std::optional(0.4 + 0.2 * noise.uniform());
        const bool in_reference = !run.is_in_reference || run.is_in_reference(number, modality, organ);
        for (const char* grid : {"network", "native"}) {
          for (const char* metric : {"dice", "dice_published"}) {
            scores.push_back({fmt::format("{}/seed-{}", run.id, run.seed), case_id, modality, organ,
                              relation_of(organ, modality), grid, metric, value, in_reference});
          }
        }
      }
    }
  }
  return scores;
}

fs::path write_synthetic_run(const fs::path& runs, const SyntheticRun& run) {
  const fs::path folder = runs / run.id / fmt::format("seed-{}", run.seed);
  const fs::path split = runs / "split.csv";
  write_file_atomically(split, "case,modality,subset,task,labelled_organs\n");
  write_file_atomically(folder / "run.json", record_of(run, sha256_of_file(split)).dump(2));
  write_file_atomically(folder / "inputs.json", json{{"split", split.string()}}.dump(2));
  write_file_atomically(folder / "best.safetensors", "weights of " + run.id);
  write_file_atomically(folder / "predictions/amos_0001.nii.gz", "label map of " + run.id);
  write_scores(folder / "scores.csv", synthetic_scores(run));
  json files;
  for (const char* name : {"best.safetensors", "predictions/amos_0001.nii.gz", "scores.csv"}) {
    files[name] = sha256_of_file(folder / name);
  }
  const json done{{"format", 1},
                  {"files", files},
                  {"warnings", {"a warning of the run"}},
                  {"timing",
                   {{"training_s", 1.5 + static_cast<double>(run.seed)},
                    {"prediction_s", 0.25},
                    {"peak_memory_bytes", (3 + run.seed) * 1024 * 1024 * 1024}}},
                  {"patches", 100},
                  {"parameters", 7},
                  {"ledger",
                   {{"iterations", 50},
                    {"optimisers", {{"network_adam", 50}}},
                    {"observed_iterations", 2},
                    {"multiply_adds", 1.5e12},
                    {"options", {{{"name", "aprn"}, {"value", true}, {"origin", "paper"}}}},
                    {"common", {{{"name", "schedule/epochs"}, {"value", 2}, {"origin", "ours"}}}}}}};
  write_file_atomically(folder / "done.json", done.dump(2));
  return folder;
}

void write_synthetic_grid(const fs::path& runs, std::int64_t seeds) {
  const auto rule_of = [](double centre, std::int64_t seed) {
    return [=](std::int64_t number, Modality modality, std::int64_t organ) -> std::optional<double> {
      RandomStream noise(1, modality == Modality::ct ? "ct" : "mr",
                         static_cast<std::uint64_t>(100 * number + organ));
      RandomStream own(static_cast<std::uint64_t>(1000 * centre), "own",
                       static_cast<std::uint64_t>(100 * number + organ), static_cast<std::uint64_t>(seed));
      return centre + 0.2 * noise.uniform() + 0.02 * own.uniform();
    };
  };
  for (std::int64_t seed = 0; seed < seeds; ++seed) {
    write_synthetic_run(runs, {"single", seed, 8, rule_of(0.3, seed)});
    write_synthetic_run(runs, {"ablation_a", seed, 8, rule_of(0.5, seed)});
    write_synthetic_run(runs, {"ablation_c", seed, 8, rule_of(0.6, seed)});
  }
}

void write_shipped_grid(const fs::path& runs) {
  for (const TableSpec& table : shipped_tables()) {
    for (const TableEntry& entry : table.entries) write_synthetic_run(runs, {entry.id, 0, 8, {}});
  }
}

void change_record(const fs::path& run_folder, const std::string& pointer, const json& value) {
  json record = read_json_file(run_folder / "run.json");
  record[json::json_pointer(pointer)] = value;
  write_file_atomically(run_folder / "run.json", record.dump(2));
}

std::vector<TableSpec> synthetic_tables() {
  const fs::path folder = fs::path(TOTUM_SOURCE_DIR) / "tests/reports/tables";
  return {read_table_spec(folder / "table1.json"), read_table_spec(folder / "table2.json")};
}

std::vector<TableSpec> shipped_tables() {
  const fs::path folder = fs::path(TOTUM_SOURCE_DIR) / "experiments/tables";
  return {read_table_spec(folder / "table1.json"), read_table_spec(folder / "table2.json")};
}

PublishedNumbers shipped_numbers() {
  return PublishedNumbers(fs::path(TOTUM_SOURCE_DIR) / "experiments/tables/paper_tables.csv");
}

}  // namespace totum
