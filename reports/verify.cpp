#include "reports/verify.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/json_reader.h"
#include "core/sha256.h"
#include "evaluation/rescore.h"
#include "reports/overlays.h"
#include "reports/record_hash.h"
#include "reports/report.h"

namespace totum {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

VerifiedLink compared(const std::string& name, const std::string& found, const std::string& expected) {
  if (found == expected) return {name, LinkState::holds, "SHA-256 holds"};
  return {name, LinkState::broken, fmt::format("SHA-256 is {}, not {}", found, expected)};
}

VerifiedLink hash_link(const std::string& name, const fs::path& path, const std::string& expected) {
  if (!fs::exists(path)) return {name, LinkState::broken, "the file is missing"};
  return compared(name, sha256_of_file(path), expected);
}

class Chain {
 public:
  /// Adds a link; false if it does not hold, so that the caller stops.
  bool add(VerifiedLink link) {
    links_.push_back(std::move(link));
    return links_.back().state != LinkState::broken;
  }
  std::vector<VerifiedLink> take() { return std::move(links_); }

 private:
  std::vector<VerifiedLink> links_;
};

// The split that inputs.json names, against the hash that the run was planned with.
VerifiedLink split_link(const std::string& folder, const fs::path& run, const json& record) {
  const std::string name = folder + ": split";
  if (!fs::exists(run / "inputs.json")) return {name, LinkState::unchecked, "inputs.json is not here"};
  const fs::path split = read_json_file(run / "inputs.json").value("split", "");
  if (!fs::exists(split)) return {name, LinkState::unchecked, fmt::format("{} is not here", split.string())};
  return hash_link(name, split, record.at("hashes").at("split"));
}

bool check_record(Chain& chain, const json& run, const fs::path& folder) {
  const std::string name = run.at("folder");
  if (!run.contains("record_sha256")) return true;
  if (!chain.add(hash_link(name + "/run.json", folder / "run.json", run.at("record_sha256")))) return false;
  const json record = read_json_file(folder / "run.json");
  return chain.add(
             compared(name + ": configuration", config_sha256(record), record.at("hashes").at("config"))) &&
         chain.add(split_link(name, folder, record));
}

bool check_results(Chain& chain, const json& run, const fs::path& folder) {
  const std::string name = run.at("folder");
  if (!run.contains("done_sha256")) return true;
  const fs::path path = folder / "done.json";
  if (!fs::exists(path)) return chain.add({name + "/done.json", LinkState::broken, "the file is missing"});
  const json done = json::parse(read_file(path), nullptr, /*allow_exceptions=*/false);
  if (done.is_discarded()) return chain.add({name + "/done.json", LinkState::broken, "is not JSON"});
  if (!chain.add(compared(name + "/done.json", done_sha256(done), run.at("done_sha256")))) return false;
  for (const auto& [file, hash] : done.at("files").items()) {
    if (!chain.add(hash_link(name + "/" + file, folder / file, hash))) return false;
  }
  return true;
}

// The images, labels and preprocessing settings against the hash that the run was planned with.
VerifiedLink data_link(const std::string& name, const fs::path& folder, const json& record,
                       Rescorer& rescorer) {
  const DataCheck check = rescorer.check_data(folder);
  const std::string expected = record.at("hashes").at("data");
  if (check.missing.empty() || check.sha256 == expected) return compared(name, check.sha256, expected);
  return {name, LinkState::unchecked,
          fmt::format("the dataset lacks {} case(s) of the split: {}", check.missing.size(),
                      fmt::join(check.missing, ", "))};
}

VerifiedLink score_link(const std::string& name, const fs::path& folder, const std::string& grid,
                        Rescorer& rescorer) {
  const Rescoring result = rescorer.rescore(folder, grid);
  if (!result.difference.empty()) return {name, LinkState::broken, result.difference};
  if (result.values == 0) return {name, LinkState::broken, "there is nothing to score again"};
  return {name, LinkState::holds,
          fmt::format("{} values of {} cases are equal when scored again", result.values, result.cases)};
}

// Why the links that need the dataset can't be checked; empty if they can.
std::string reason_without_data(const fs::path& folder, const Rescorer* rescorer) {
  if (rescorer == nullptr) return "pass --data DIR, the dataset that the run was made from";
  if (!fs::exists(folder / "inputs.json")) return "inputs.json, which names the split, is not here";
  const fs::path split = read_json_file(folder / "inputs.json").value("split", "");
  return fs::exists(split) ? "" : fmt::format("the split {} is not here", split.string());
}

// From the label maps back to images and labels. Without a dataset its links stand there unchecked.
bool check_data(Chain& chain, const std::string& name, const fs::path& folder, Rescorer* rescorer) {
  const json record = read_json_file(folder / "run.json");
  const std::string data = name + ": images, labels and preprocessing";
  const auto scores = [&](const std::string& grid) {
    return fmt::format("{}: scores of the label maps, {} grid", name, grid);
  };
  const std::string why_not = reason_without_data(folder, rescorer);
  const auto link = [&](const std::string& text, auto made) {
    return chain.add(why_not.empty() ? made() : VerifiedLink{text, LinkState::unchecked, why_not});
  };
  if (!link(data, [&] { return data_link(data, folder, record, *rescorer); })) return false;
  for (const std::string& grid : scored_grids(record)) {
    if (!link(scores(grid), [&] { return score_link(scores(grid), folder, grid, *rescorer); })) return false;
  }
  return true;
}

bool check_run(Chain& chain, const json& run, const VerifyRequest& request, Rescorer* rescorer) {
  const std::string name = run.at("folder");
  const fs::path folder = request.runs / name;
  if (!check_record(chain, run, folder) || !check_results(chain, run, folder)) return false;
  if (run.at("state") != "done" || !run.contains("done_sha256")) return true;
  return check_data(chain, name, folder, rescorer);
}

// Scores of other programs: the file is all there is.
bool check_scores(Chain& chain, const json& run, const fs::path& base) {
  const std::string file = run.at("folder");
  return chain.add(hash_link(file, base / file, run.at("scores_sha256")));
}

std::string value_text(const json& document, const json::json_pointer& place) {
  return document.contains(place) ? document.at(place).dump() : "absent";
}

// "table1, cell ct_ct of single" from /0/values/3/mean; the path itself where there is no such name.
std::string place_name(const json& tables, const json::json_pointer& place) {
  const std::string text = place.to_string();
  json::json_pointer at = place;
  while (!at.empty()) {
    if (tables.contains(at) && tables.at(at).is_object() && tables.at(at).contains("cell") &&
        tables.at(at).contains("entry")) {
      const json& found = tables.at(at);
      return fmt::format("cell {} of {}{}", found.at("cell").get<std::string>(),
                         found.at("entry").get<std::string>(), text.substr(at.to_string().size()));
    }
    at = at.parent_pointer();
  }
  return text;
}

VerifiedLink equality_link(const std::string& name, const json& stored, const json& computed) {
  const json patch = json::diff(stored, computed);
  if (patch.empty()) return {name, LinkState::holds, "equal when recomputed"};
  const json::json_pointer place(patch.front().at("path").get<std::string>());
  return {name, LinkState::broken,
          fmt::format("{} is {} in the report, {} from the stored scores", place_name(stored, place),
                      value_text(stored, place), value_text(computed, place))};
}

json recomputed(const json& report, const VerifyRequest& request, const PublishedNumbers& published) {
  std::vector<TableSpec> tables;
  for (const json& table : report.at("tables")) {
    tables.push_back(read_table_spec(JsonReader(table.at("declared"), "report.json", "/tables")));
  }
  ReportInput input;
  if (report.at("provenance").at("source") == "runs") {
    input = read_runs(request.runs, tables);
  } else {
    input.tables = tables;
    std::set<std::pair<std::string, std::string>> seen;  // a file may hold several runs of an entry
    for (const json& run : report.at("provenance").at("runs")) {
      const std::string file = run.at("folder");
      if (!seen.emplace(run.at("id"), file).second) continue;
      const auto runs = read_named_scores(run.at("id"), request.runs / file, file);
      input.runs.insert(input.runs.end(), runs.begin(), runs.end());
    }
  }
  input.intersect = report.at("intersect");
  ReportOptions options;
  options.resamples = report.at("resampling").at("resamples");
  options.seed = report.at("resampling").at("seed");
  return json::parse(make_report(input, published, options).dump());  // as numbers look once written and read
}

bool check_numbers(Chain& chain, const json& report, const json& again) {
  for (std::size_t t = 0; t < report.at("tables").size(); ++t) {
    const json& table = report.at("tables")[t];
    if (!chain.add(equality_link("report.json: " + table.at("name").get<std::string>(), table,
                                 again.at("tables")[t]))) {
      return false;
    }
  }
  for (const char* part : {"size", "caveats", "failures", "warnings", "ledger", "provenance"}) {
    if (!chain.add(equality_link(std::string("report.json: ") + part, report.at(part), again.at(part))))
      return false;
  }
  return chain.add(equality_link("report.json: cases of the overlays",
                                 without_pictures(report.at("overlays")),
                                 without_pictures(again.at("overlays"))));
}

json read_report(const fs::path& path) {
  if (!fs::exists(path)) throw DataError(path.string() + ": there is no such report", true);
  const json report = read_json_file(path);
  for (const char* key : {"format", "tables", "files", "provenance", "resampling", "intersect"}) {
    if (!report.contains(key))
      throw DataError(fmt::format("{}: is no report of totum: it has no {}", path.string(), key), true);
  }
  return report;
}

void follow(Chain& chain, const json& report, const VerifyRequest& request,
            const PublishedNumbers& published) {
  for (const auto& [name, hash] : report.at("files").items()) {
    if (!chain.add(hash_link(name, request.report_json.parent_path() / name, hash))) return;
  }
  const bool of_runs = report.at("provenance").at("source") == "runs";
  std::optional<Rescorer> rescorer;
  if (of_runs && !request.data.empty()) rescorer.emplace(request.data);
  for (const json& run : report.at("provenance").at("runs")) {
    const bool holds = of_runs ? check_run(chain, run, request, rescorer ? &*rescorer : nullptr)
                               : check_scores(chain, run, request.runs);
    if (!holds) return;
  }
  check_numbers(chain, report, recomputed(report, request, published));
}

}  // namespace

std::string_view to_string(LinkState state) {
  switch (state) {
    case LinkState::holds:
      return "holds";
    case LinkState::broken:
      return "BROKEN";
    case LinkState::unchecked:
      return "unchecked";
  }
  return "";
}

std::vector<VerifiedLink> verify_report(const VerifyRequest& request, const PublishedNumbers& published) {
  const json report = read_report(request.report_json);
  Chain chain;
  try {
    follow(chain, report, request, published);
  } catch (const Error& error) {  // a file that can't be read any more is a broken link
    chain.add({"recomputing", LinkState::broken, error.what()});
  } catch (const json::exception& error) {
    chain.add({"report.json", LinkState::broken, fmt::format("is not what totum writes: {}", error.what())});
  }
  return chain.take();
}

}  // namespace totum
