#include "reports/report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/sha256.h"
#include "core/version.h"
#include "reports/ledger.h"
#include "reports/overlays.h"
#include "reports/rules.h"
#include "reports/table_results.h"

namespace totum {

namespace {

using nlohmann::json;

constexpr int kFormat = 1;
constexpr std::size_t kSeedsForMethods = 3;

const json* first_record(const ReportInput& input) {
  for (const ReportRun& run : input.runs) {
    if (!run.record.is_null()) return &run.record;
  }
  return nullptr;
}

void copy_keys(const json& from, std::initializer_list<const char*> keys, json& to) {
  for (const char* key : keys) {
    if (from.contains(key)) to[key] = from.at(key);
  }
}

json run_provenance(const ReportRun& run) {
  json entry{
      {"id", run.id}, {"seed", run.seed}, {"folder", run.folder}, {"state", run.scores ? "done" : "failed"}};
  if (!run.run.empty()) entry["run"] = run.run;
  if (!run.failure.empty()) entry["failure"] = run.failure;
  if (!run.record.is_null()) {
    copy_keys(run.record, {"method", "options", "hashes", "versions", "device", "threads"}, entry);
    entry["record_sha256"] = run.record_sha256;
  }
  if (!run.scores_sha256.empty()) entry["scores_sha256"] = run.scores_sha256;
  if (!run.done.is_null()) {
    entry["done_sha256"] = run.done_sha256;
    copy_keys(run.done, {"patches", "parameters"}, entry);
    const json files = run.done.value("files", json::object());
    if (files.contains("best.safetensors")) entry["weights_sha256"] = files.at("best.safetensors");
  }
  return entry;
}

json provenance(const ReportInput& input) {
  json runs = json::array();
  for (const ReportRun& run : input.runs) runs.push_back(run_provenance(run));
  const json* record = first_record(input);
  json out{{"totum", kVersion}, {"source", record != nullptr ? "runs" : "scores"}, {"runs", runs}};
  if (record != nullptr) copy_keys(*record, {"preset", "dataset", "size", "config", "split"}, out);
  return out;
}

// Everything that a second, equal set of runs would give otherwise; nothing else of a report depends on time.
json times(const ReportInput& input) {
  json runs = json::array();
  for (const ReportRun& run : input.runs) {
    if (run.done.is_null()) continue;
    runs.push_back({{"folder", run.folder}, {"timing", run.done.value("timing", json::object())}});
    if (!run.log_sha256.empty()) runs.back()["log_sha256"] = run.log_sha256;
  }
  json out{{"runs", runs}};
  if (!input.declarations.empty()) {
    out["declarations"] = {{"lines", std::count(input.declarations.begin(), input.declarations.end(), '\n')},
                           {"sha256", sha256(std::string_view(input.declarations))}};
  }
  return out;
}

// "the runs differ in device: "cpu" (a/seed-0), "cuda" (b/seed-0)"; empty if they do not.
std::string mixture(const ReportInput& input, const json::json_pointer& place, const std::string& what) {
  std::map<std::string, std::set<std::string>> folders;
  for (const ReportRun& run : input.runs) {
    if (run.scores && run.record.contains(place)) folders[run.record.at(place).dump()].insert(run.folder);
  }
  if (folders.size() < 2) return "";
  std::vector<std::string> parts;
  for (const auto& [value, names] : folders)
    parts.push_back(fmt::format("{} ({})", value, fmt::join(names, ", ")));
  return fmt::format("the runs differ in {}: {}", what, fmt::join(parts, "; "));
}

// The preset and what kind of data it ran on.
std::string run_size(const ReportInput& input) {
  const json* record = first_record(input);
  if (record == nullptr) return "scores of given files: nothing is known about their training";
  const std::string preset = record->value("preset", "?");
  if (record->value("dataset", "") == "phantom") {
    return fmt::format("{}, phantom: not a result about patients", preset);
  }
  return fmt::format("preset {}, dataset {}, size {}", preset, record->value("dataset", "?"),
                     record->value("size", "?"));
}

// Warnings and notes of all runs, each once, with the runs that gave it.
json collected(const ReportInput& input) {
  std::map<std::string, std::set<std::string>> by_text;
  for (const ReportRun& run : input.runs) {
    for (const auto& [source, key] : {std::pair{&run.record, "notes"}, std::pair{&run.done, "warnings"}}) {
      if (source->is_null() || !source->contains(key)) continue;
      for (const auto& text : source->at(key)) by_text[text.get<std::string>()].insert(run.folder);
    }
  }
  by_text.erase(run_size(input));  // stands on every page anyway
  json warnings = json::array();
  for (const auto& [text, folders] : by_text) warnings.push_back({{"text", text}, {"runs", folders}});
  for (const auto& [place, what] :
       {std::pair{"/hashes/binary", "the build of the program"}, std::pair{"/device", "device"},
        std::pair{"/threads", "number of threads"}}) {
    const std::string text = mixture(input, json::json_pointer(place), what);
    if (!text.empty()) warnings.push_back({{"text", text}, {"runs", json::array()}});
  }
  return warnings;
}

json training(const ReportInput& input) {
  json list = json::array();
  for (const ReportRun& run : input.runs) {
    if (run.training.is_null()) continue;
    json curves = run.training;
    curves["folder"] = run.folder;
    list.push_back(curves);
  }
  return list;
}

json failures(const ReportInput& input) {
  json list = json::array();
  for (const ReportRun& run : input.runs) {
    if (!run.scores) list.push_back({{"id", run.id}, {"folder", run.folder}, {"reason", run.failure}});
  }
  return list;
}

// Trainings of the entry that has the fewest: runs with scores, by the column `run`.
std::size_t fewest_trainings(const ReportInput& input) {
  std::map<std::string, std::set<std::string>> trainings;
  for (const ReportRun& run : input.runs) {
    auto& names = trainings[run.id];
    if (!run.scores) continue;
    for (const Score& score : *run.scores) names.insert(score.run);
  }
  std::size_t fewest = kSeedsForMethods;
  for (const auto& [id, names] : trainings) fewest = std::min(fewest, names.size());
  return fewest;
}

// Labels of the entries whose runs saw hidden labels.
std::set<std::string> seeing_hidden_labels(const ReportInput& input) {
  const json::json_pointer place("/traits/supervision");
  std::set<std::string> labels;
  for (const ReportRun& run : input.runs) {
    if (run.record.contains(place) && run.record.at(place) == "full")
      labels.insert(run.record.value("label", run.id));
  }
  return labels;
}

json caveats(const ReportInput& input) {
  json list = json::array({size_sentence(input)});
  if (fewest_trainings(input) < kSeedsForMethods) {
    list.push_back(
        "Fewer than three seeds: a p-value here compares sets of weights, not methods, since training a "
        "method "
        "again would give other weights.");
  }
  for (const std::string& label : seeing_hidden_labels(input)) {
    list.push_back(
        fmt::format("{} was trained with the labels that the training cases hide from all other "
                    "methods: an upper bound, no rival.",
                    label));
  }
  if (input.intersect) {
    list.push_back(
        "Cases and organs that some methods were not scored on may have been left out for all (--intersect); "
        "the notes of each table name them.");
  }
  if (!failures(input).empty()) list.push_back("Some runs have no scores; they are listed as missing.");
  return list;
}

}  // namespace

std::string size_sentence(const ReportInput& input) {
  const json* record = first_record(input);
  const json::json_pointer z_extent("/config/preprocess/z_extent");
  const bool cut = record != nullptr && record->contains(z_extent) && record->at(z_extent) == "labels";
  return run_size(input) + (cut ? "; images cut in z with their labels" : "");
}

json make_report(const ReportInput& input, const PublishedNumbers& published, const ReportOptions& options) {
  json tables = json::array();
  for (const TableSpec& table : input.tables)
    tables.push_back(table_results(table, input, published, options));
  return {{"format", kFormat},
          {"rules", current_rules()},
          {"title", "totum report"},
          {"size", size_sentence(input)},
          {"caveats", caveats(input)},
          {"resampling", {{"resamples", options.resamples}, {"seed", options.seed}}},
          {"intersect", input.intersect},
          {"tables", tables},
          {"overlays", overlays(input, tables)},
          {"training", training(input)},
          {"failures", failures(input)},
          {"warnings", collected(input)},
          {"ledger", make_ledger(input)},
          {"provenance", provenance(input)},
          {"times", times(input)}};
}

}  // namespace totum
