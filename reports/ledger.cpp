#include "reports/ledger.h"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace totum {

namespace {

using nlohmann::json;

// Mean of the numbers at a place in all documents; null if none has it.
json mean_of(const std::vector<const json*>& documents, const std::string& place) {
  double sum = 0;
  double count = 0;
  for (const json* document : documents) {
    const json::json_pointer at(place);
    if (!document->contains(at)) continue;
    sum += document->at(at).get<double>();
    ++count;
  }
  return count > 0 ? json(sum / count) : json();
}

// The label that the tables give the entry.
std::string label_of(const ReportInput& input, const std::string& id) {
  for (const TableSpec& table : input.tables) {
    for (const TableEntry& entry : table.entries) {
      if (entry.id == id) return entry.label;
    }
  }
  return id;
}

json entry_of(const std::string& id, const std::string& label, const std::vector<const ReportRun*>& runs) {
  std::vector<const json*> done;
  json folders = json::array();
  for (const ReportRun* run : runs) {
    done.push_back(&run->done);
    folders.push_back(run->folder);
  }
  const json& first = runs.front()->done.at("ledger");
  json entry{{"id", id},
             {"label", label},
             {"method", runs.front()->record.value("method", "")},
             {"runs", folders},
             {"patches", mean_of(done, "/patches")},
             {"iterations", mean_of(done, "/ledger/iterations")},
             {"parameters", mean_of(done, "/parameters")},
             {"observed_iterations", mean_of(done, "/ledger/observed_iterations")},
             {"multiply_adds", mean_of(done, "/ledger/multiply_adds")},
             {"optimisers", first.value("optimisers", json::object())},
             {"options", first.value("options", json::array())}};
  entry["multiply_adds_per_iteration"] =
      entry.at("multiply_adds").is_null() || entry.at("iterations").is_null()
          ? json()
          : json(entry.at("multiply_adds").get<double>() / entry.at("iterations").get<double>());
  return entry;
}

}  // namespace

json make_ledger(const ReportInput& input) {
  std::vector<std::string> order;
  std::map<std::string, std::vector<const ReportRun*>> by_id;
  json common = json::array();
  for (const ReportRun& run : input.runs) {
    if (run.done.is_null() || !run.done.contains("ledger")) continue;
    if (by_id[run.id].empty()) order.push_back(run.id);
    by_id[run.id].push_back(&run);
    if (common.empty()) common = run.done.at("ledger").value("common", json::array());
  }
  json entries = json::array();
  for (const std::string& id : order) entries.push_back(entry_of(id, label_of(input, id), by_id.at(id)));
  return {{"entries", entries}, {"common", common}};
}

json ledger_measured(const json& report, const json& entry) {
  const auto folders = entry.at("runs").get<std::set<std::string>>();
  std::vector<const json*> timings;
  for (const json& run : report.at("times").at("runs")) {
    if (folders.contains(run.at("folder").get<std::string>())) timings.push_back(&run.at("timing"));
  }
  json measured;
  for (const char* key : {"training_s", "prediction_s"})
    measured[key] = mean_of(timings, std::string("/") + key);
  for (const char* key : {"peak_memory_bytes", "peak_device_bytes"}) {
    json& largest = measured[key] = nullptr;
    for (const json* timing : timings) {
      if (!timing->contains(key)) continue;
      if (largest.is_null() || timing->at(key) > largest) largest = timing->at(key);
    }
  }
  return measured;
}

}  // namespace totum
