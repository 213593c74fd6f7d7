#include "reports/verify.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/json_reader.h"
#include "core/sha256.h"
#include "evaluation/rescore.h"
#include "reports/json_difference.h"
#include "reports/overlays.h"
#include "reports/record_hash.h"
#include "reports/render.h"
#include "reports/report.h"
#include "reports/rules.h"

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

// A link that does not hold, in a document that was made under earlier rules, by which it can't be made
// again.
VerifiedLink under_rules(VerifiedLink link, const json& document, bool only_of_scores) {
  const std::string changes = changed_since(rules_of(document), only_of_scores);
  if (link.state != LinkState::broken || changes.empty()) return link;
  link.state = LinkState::changed_rule;
  link.detail = fmt::format("made under the rules up to {}; changed since: {}. Now: {}", rules_of(document),
                            changes, link.detail);
  return link;
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

// A run of earlier rules may differ in what they measured otherwise, not in how many voxels agree.
VerifiedLink score_link(const std::string& name, const fs::path& folder, const std::string& grid,
                        const json& record, Rescorer& rescorer) {
  const Rescoring result = rescorer.rescore(folder, grid);
  if (!result.difference.empty()) {
    const VerifiedLink link{name, LinkState::broken, result.difference};
    return result.of_geometry ? under_rules(link, record, /*only_of_scores=*/true) : link;
  }
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
    const auto made = [&] { return score_link(scores(grid), folder, grid, record, *rescorer); };
    if (!link(scores(grid), made)) return false;
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

VerifiedLink equality_link(const std::string& name, const json& stored, const json& computed) {
  const std::string difference = first_difference(stored, computed);
  if (difference.empty()) return {name, LinkState::holds, "equal when recomputed"};
  return {name, LinkState::broken, difference};
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

// Logs hold times, so their hashes stand beside the times of the runs.
bool check_logs(Chain& chain, const json& report, const fs::path& runs) {
  for (const json& run : report.at("times").at("runs")) {
    const std::string name = run.at("folder").get<std::string>() + "/log.jsonl";
    if (!run.contains("log_sha256")) continue;
    if (!chain.add(hash_link(name, runs / name, run.at("log_sha256")))) return false;
  }
  return true;
}

// The list of declarations only grows: its first lines are those that the report was made with.
bool check_declarations(Chain& chain, const json& report, const fs::path& runs) {
  const json& times = report.at("times");
  if (!times.contains("declarations")) return true;
  const std::string name = "declarations.jsonl";
  if (!fs::exists(runs / name)) return chain.add({name, LinkState::broken, "the file is missing"});
  const std::string text = read_file(runs / name);
  std::size_t end = 0;
  for (auto lines = times.at("declarations").at("lines").get<std::int64_t>(); lines > 0; --lines) {
    end = text.find('\n', end);
    if (end == std::string::npos) return chain.add({name, LinkState::broken, "lines of it are missing"});
    ++end;
  }
  return chain.add(
      compared(name, sha256(std::string_view(text).substr(0, end)), times.at("declarations").at("sha256")));
}

bool check_numbers(Chain& chain, const json& report, const json& again) {
  const auto equal = [&](const std::string& name, const json& stored, const json& computed) {
    return chain.add(under_rules(equality_link("report.json: " + name, stored, computed), report, false));
  };
  // First which runs there are: without one of them every number below is another.
  if (!equal("provenance", report.at("provenance"), again.at("provenance"))) return false;
  for (std::size_t t = 0; t < report.at("tables").size(); ++t) {
    const json& table = report.at("tables")[t];
    if (!equal(table.at("name").get<std::string>(), table, again.at("tables")[t])) return false;
  }
  for (const char* part : {"title", "size", "caveats", "training", "failures", "warnings", "ledger"}) {
    if (!equal(part, report.at(part), again.at(part))) return false;
  }
  return equal("cases of the overlays", without_pictures(report.at("overlays")),
               without_pictures(again.at("overlays")));
}

// The pictures of each overlay, drawn again from the label maps and the cached images.
bool check_pictures(Chain& chain, const json& report, json again, const fs::path& runs) {
  if (report.at("provenance").at("source") != "runs") return true;
  add_overlay_pictures(again, runs);
  const json& cases = report.at("overlays").at("cases");
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const std::string name =
        fmt::format("report.json: pictures of {}", cases[i].at("case").get<std::string>());
    const json& drawn = again.at("overlays").at("cases").at(i);
    if (!cases[i].contains("planes")) continue;
    if (!drawn.contains("planes")) {
      if (!chain.add({name, LinkState::unchecked, drawn.value("why", "they can't be drawn here")}))
        return false;
      continue;
    }
    const bool same = cases[i].at("planes") == drawn.at("planes");
    VerifiedLink link{name, same ? LinkState::holds : LinkState::broken,
                      same ? "equal when drawn again" : "are not what the label maps give"};
    if (!chain.add(under_rules(std::move(link), report, false))) return false;
  }
  return true;
}

// Files in the report's own folders that the program did not write.
std::vector<std::string> strangers(const fs::path& folder,
                                   const std::map<std::string, std::string>& written) {
  std::vector<std::string> names;
  for (const char* own : {"tables", "figures"}) {
    if (!fs::is_directory(folder / own)) continue;
    for (const auto& item : fs::directory_iterator(folder / own)) {
      const std::string name = std::string(own) + "/" + item.path().filename().string();
      if (!written.contains(name)) names.push_back(name);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

// Which files there are: those that this program makes of the numbers, whatever report.json names.
bool check_file_set(Chain& chain, const json& report, const std::map<std::string, std::string>& written,
                    const fs::path& folder) {
  const auto wrong = [&](const std::string& name, const std::string& what) {
    return chain.add(under_rules({name, LinkState::broken, what}, report, false));
  };
  const json& named = report.at("files");
  for (const auto& [name, text] : written) {
    if (!named.contains(name) && !wrong(name, "a report has this file, and report.json does not name it"))
      return false;
  }
  for (const auto& [name, hash] : named.items()) {
    if (!written.contains(name) && !wrong(name, "report.json names it, and no report has such a file"))
      return false;
  }
  for (const std::string& name : strangers(folder, written)) {
    if (named.contains(name)) continue;  // said above
    if (!chain.add({name, LinkState::broken, "is no file of this report"})) return false;
  }
  return true;
}

// What the files say: the same as report.json, made again.
bool check_files(Chain& chain, const json& report, const json& again, const fs::path& folder) {
  json dated = again;
  dated["times"] = report.at("times");
  const bool current = changed_since(rules_of(report), false).empty();
  const auto written = rendered_files(current ? report : dated);
  if (!check_file_set(chain, report, written, folder)) return false;
  if (!current) {
    return chain.add(
        under_rules({"files of the report", LinkState::broken, "not made again"}, report, false));
  }
  for (const auto& [name, text] : written) {
    if (sha256(std::string_view(text)) != report.at("files").at(name))
      return chain.add({name, LinkState::broken, "is not what report.json gives"});
  }
  return chain.add({"files of the report", LinkState::holds, "equal when made again from report.json"});
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
  if (of_runs && !check_logs(chain, report, request.runs)) return;
  const json again = recomputed(report, request, published);
  if (!check_numbers(chain, report, again)) return;
  if (!check_pictures(chain, report, again, request.runs)) return;
  if (of_runs && !check_declarations(chain, report, request.runs)) return;
  check_files(chain, report, again, request.report_json.parent_path());
}

// A report of earlier rules need not be one that can be made today.
void follow_all(Chain& chain, const json& report, const VerifyRequest& request,
                const PublishedNumbers& published) {
  const auto failed = [&](const std::string& name, const std::string& what) {
    chain.add(under_rules({name, LinkState::broken, what}, report, false));
  };
  try {
    follow(chain, report, request, published);
  } catch (const Error& error) {  // a file that can't be read any more is a broken link
    failed("recomputing", error.what());
  } catch (const json::exception& error) {
    failed("report.json", fmt::format("is not what totum writes: {}", error.what()));
  }
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
    case LinkState::changed_rule:
      return "rule";
  }
  return "";
}

std::vector<VerifiedLink> verify_report(const VerifyRequest& request, const PublishedNumbers& published) {
  const json report = read_report(request.report_json);
  Chain chain;
  follow_all(chain, report, request, published);
  return chain.take();
}

}  // namespace totum
