#pragma once
// Stored runs with made-up scores, as a trainer would leave them: no network is needed to test a report.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "evaluation/scores.h"
#include "reports/report_input.h"

namespace totum {

/// Dice of an organ in a case; nullopt if not scored.
using ScoreRule =
    std::function<std::optional<double>(std::int64_t case_number, Modality modality, std::int64_t organ)>;

struct SyntheticRun {
  std::string id = "single";
  std::int64_t seed = 0;
  std::int64_t cases = 8;    // of each modality
  ScoreRule rule = nullptr;  // a fixed one if empty
  std::function<bool(std::int64_t case_number, Modality modality, std::int64_t organ)> is_in_reference =
      nullptr;                // all organs if empty
  std::int64_t mr_cases = 0;  // if not as many as of CT
};

/// Organs 1 to 4 and 10 are labelled in MR, the others in CT. Both grids, dice and dice_published.
std::vector<Score> synthetic_scores(const SyntheticRun& run);

/// Writes run.json, inputs.json, best.safetensors, one prediction, scores.csv and done.json into
/// runs/<id>/seed-<n> (made-up bytes, right hashes). Returns that folder.
std::filesystem::path write_synthetic_run(const std::filesystem::path& runs, const SyntheticRun& run);

/// Three runs for synthetic_tables(): single is worst, ablation_c best.
void write_synthetic_grid(const std::filesystem::path& runs, std::int64_t seeds = 1);

/// One run for every entry of the tables that come with the program.
void write_shipped_grid(const std::filesystem::path& runs);

/// Replaces a run's run.json by itself with one value changed.
void change_record(const std::filesystem::path& run_folder, const std::string& pointer,
                   const nlohmann::json& value);

/// table1 and table2 with three entries, so that these tests don't change with every new method.
std::vector<TableSpec> synthetic_tables();
/// table1 and table2 as they come with the program.
std::vector<TableSpec> shipped_tables();
PublishedNumbers shipped_numbers();

}  // namespace totum
