#include "reports/report_input.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <sstream>

#include "core/error.h"
#include "core/files.h"
#include "core/json_reader.h"
#include "core/sha256.h"

namespace totum {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// The n of "seed-n"; nullopt for any other name.
std::optional<std::int64_t> seed_of(const std::string& name) {
  constexpr std::string_view kPrefix = "seed-";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  std::int64_t seed = 0;
  const char* end = name.data() + name.size();
  const auto parsed = std::from_chars(name.data() + kPrefix.size(), end, seed);
  return parsed.ec == std::errc{} && parsed.ptr == end ? std::optional(seed) : std::nullopt;
}

// The n of each "…/seed-n" if all end like that, else their places.
std::vector<std::int64_t> seeds_of(const std::vector<std::string>& names) {
  std::vector<std::int64_t> seeds;
  std::vector<std::int64_t> places;
  for (const std::string& name : names) {
    places.push_back(static_cast<std::int64_t>(places.size()));
    if (const auto seed = seed_of(name.substr(name.rfind('/') + 1))) seeds.push_back(*seed);
  }
  const std::set<std::int64_t> different(seeds.begin(), seeds.end());
  return different.size() == names.size() ? seeds : places;
}

std::map<std::int64_t, fs::path> seed_folders(const fs::path& entry) {
  std::map<std::int64_t, fs::path> folders;
  if (!fs::is_directory(entry)) return folders;
  for (const auto& item : fs::directory_iterator(entry)) {
    const auto seed = seed_of(item.path().filename().string());
    if (seed && item.is_directory()) folders[*seed] = item.path();
  }
  return folders;
}

std::string failure_of(const fs::path& folder) {
  if (fs::exists(folder / "error.json")) {
    return read_json_file(folder / "error.json").value("error", "failed without a message");
  }
  return fs::exists(folder / "checkpoint.safetensors")
             ? "not finished; run the same command again to continue"
             : "not started";
}

// A sentence about the first score that is not this run's own; empty if all are.
std::string foreign_score(const ReportRun& run) {
  for (const Score& score : *run.scores) {
    if (score.run != run.folder) return fmt::format("scores.csv holds a score of {}", score.run);
  }
  return "";
}

void read_results(ReportRun& run, const fs::path& folder) {
  run.record = read_json_file(folder / "run.json");
  run.record_sha256 = sha256_of_file(folder / "run.json");
  if (!fs::exists(folder / "done.json")) {
    run.failure = failure_of(folder);
    return;
  }
  run.done = read_json_file(folder / "done.json");
  run.done_sha256 = done_sha256(run.done);
  run.scores_sha256 = sha256_of_file(folder / "scores.csv");
  const std::string written = run.done.at("files").value("scores.csv", "");
  if (run.scores_sha256 != written) {
    run.failure =
        "scores.csv was changed after the run wrote it; `totum verify` names what else does not hold";
    return;
  }
  run.scores = read_scores(folder / "scores.csv");
  run.failure = foreign_score(run);
  if (!run.failure.empty()) run.scores.reset();
}

// At most kCurvePoints points, evenly chosen, the last among them.
json thinned(const json& curve) {
  constexpr std::size_t kCurvePoints = 200;
  if (curve.size() <= kCurvePoints) return curve;
  json few = json::array();
  for (std::size_t i = 0; i < kCurvePoints; ++i)
    few.push_back(curve[i * (curve.size() - 1) / (kCurvePoints - 1)]);
  return few;
}

// Loss and validation over iterations from log.jsonl; null without a log. Iterations count through all parts
// of a run. A last line cut short by a kill is left out, as are values that are no numbers.
json training_curves(const fs::path& log) {
  if (!fs::exists(log)) return nullptr;
  json loss = json::array();
  json validation = json::array();
  std::int64_t iteration = 0;
  std::istringstream lines(read_file(log));
  for (std::string line; std::getline(lines, line);) {
    const json event = json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!event.is_object()) continue;
    iteration = event.value("done_iterations", iteration);
    const json losses = event.value("losses", json::object());
    if (losses.contains("loss") && losses.at("loss").is_number())
      loss.push_back({iteration, losses.at("loss")});
    if (event.contains("validation_sum") && event.at("validation_sum").is_number())
      validation.push_back({iteration, event.at("validation_sum")});
  }
  return {{"loss", thinned(loss)}, {"validation", thinned(validation)}};
}

// A damaged run is a hole in the report, with its reason; the other runs still stand.
ReportRun read_run(const std::string& id, std::int64_t seed, const fs::path& folder) {
  ReportRun run;
  run.id = id;
  run.seed = seed;
  run.folder = fmt::format("{}/{}", id, folder.filename().string());
  if (!fs::exists(folder / "run.json")) {
    run.failure = "holds no run.json";
    return run;
  }
  try {
    run.training = training_curves(folder / "log.jsonl");
    if (!run.training.is_null()) run.log_sha256 = sha256_of_file(folder / "log.jsonl");
    read_results(run, folder);
  } catch (const Error& error) {
    run.scores.reset();
    run.failure = error.what();
  } catch (const json::exception& error) {
    run.scores.reset();
    run.failure = fmt::format("its JSON is not what a run writes: {}", error.what());
  }
  return run;
}

ReportRun missing_run(const std::string& id) {
  ReportRun run;
  run.id = id;
  run.folder = id;
  run.failure = "no run of it is here";
  return run;
}

// The resolved preset without what may differ between runs of one table or decides no result.
json common_config(const json& record) {
  json config = record.value("config", json::object());
  for (const char* key : {"description", "seeds", "method_options", "threads"}) config.erase(key);
  if (config.contains("schedule")) {
    for (const char* key : {"checkpoint_every_s", "checkpoint_every_iterations", "log_every_iterations"}) {
      config["schedule"].erase(key);
    }
  }
  return config;
}

// What must be the same in all runs of a report.
json common_facts(const json& record) {
  json facts{{"config", common_config(record)}};
  for (const char* key : {"preset", "dataset", "size"}) facts[key] = record.value(key, "");
  const json hashes = record.value("hashes", json::object());
  for (const char* key : {"split", "data"}) facts["hashes"][key] = hashes.value(key, "");
  return facts;
}

void add_differences(const ReportRun& first, const ReportRun& run, std::vector<std::string>& faults) {
  const json there = common_facts(first.record);
  const json here = common_facts(run.record);
  const auto at = [](const json& facts, const json::json_pointer& place) {
    return facts.contains(place) ? facts.at(place).dump() : std::string("absent");
  };
  for (const json& change : json::diff(there, here)) {
    const json::json_pointer place(change.at("path").get<std::string>());
    faults.push_back(fmt::format("{}: {} is {}, but {} in {}", run.folder, place.to_string(), at(here, place),
                                 at(there, place), first.folder));
  }
}

void check_comparable(const std::vector<ReportRun>& runs) {
  const ReportRun* first = nullptr;
  std::vector<std::string> faults;
  for (const ReportRun& run : runs) {
    if (run.record.is_null()) continue;
    if (first == nullptr) {
      first = &run;
    } else {
      add_differences(*first, run, faults);
    }
  }
  if (faults.empty()) return;
  throw DataError(
      fmt::format("these runs can't stand in one report:\n  {}\nReport each kind from a folder of its own.",
                  fmt::join(faults, "\n  ")));
}

// A table's "dice" is the Dice that the runs' preset chose (evaluation/dice).
void use_dice_of_runs(ReportInput& input) {
  const json::json_pointer place("/config/evaluation/dice");
  for (const ReportRun& run : input.runs) {
    if (run.record.is_null() || !run.record.contains(place)) continue;
    for (TableSpec& table : input.tables) {
      if (table.metric == "dice") table.metric = run.record.at(place).get<std::string>();
    }
    return;  // the others agree: check_comparable()
  }
}

}  // namespace

ReportInput read_runs(const fs::path& runs, const std::vector<TableSpec>& tables) {
  if (!fs::is_directory(runs)) {
    throw DataError(fmt::format("{}: there is no such folder; name OUT/runs/PRESET", runs.string()), true);
  }
  ReportInput input{tables, {}, false, {}};
  if (fs::exists(runs / "declarations.jsonl")) input.declarations = read_file(runs / "declarations.jsonl");
  std::set<std::string> ids;
  for (const TableSpec& table : tables) {
    for (const TableEntry& entry : table.entries) {
      if (!ids.insert(entry.id).second) continue;
      const auto folders = seed_folders(runs / entry.id);
      for (const auto& [seed, folder] : folders) input.runs.push_back(read_run(entry.id, seed, folder));
      if (folders.empty()) input.runs.push_back(missing_run(entry.id));
    }
  }
  const bool any = std::any_of(input.runs.begin(), input.runs.end(),
                               [](const ReportRun& run) { return !run.record.is_null(); });
  if (!any) {
    throw DataError(
        fmt::format("{}: holds no run of these tables; a run lies in <entry>/seed-<n>/run.json, so name "
                    "OUT/runs/PRESET",
                    runs.string()),
        true);
  }
  check_comparable(input.runs);
  use_dice_of_runs(input);
  return input;
}

std::string done_sha256(const json& done) {
  json results = done;
  results.erase("timing");
  return sha256(std::string_view(results.dump()));
}

std::vector<ReportRun> read_named_scores(const std::string& id, const fs::path& file,
                                         const std::string& shown_path) {
  std::vector<std::string> names;
  std::map<std::string, std::vector<Score>> scores_of;
  for (Score& score : read_scores(file)) {
    auto& scores = scores_of[score.run];
    if (scores.empty()) names.push_back(score.run);
    scores.push_back(std::move(score));
  }
  if (names.empty()) throw DataError(fmt::format("{}: holds no score", file.string()), true);
  const std::vector<std::int64_t> seeds = seeds_of(names);
  std::vector<ReportRun> runs;
  for (std::size_t i = 0; i < names.size(); ++i) {
    ReportRun& run = runs.emplace_back();
    run.id = id;
    run.seed = names.size() > 1 ? seeds[i] : 0;
    run.folder = shown_path;
    if (names.size() > 1) run.run = names[i];
    run.scores = std::move(scores_of[names[i]]);
    run.scores_sha256 = sha256_of_file(file);
  }
  return runs;
}

}  // namespace totum
