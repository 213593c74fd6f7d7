#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/sha256.h"
#include "reports/render.h"

namespace totum {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::string_view kStagingPrefix = ".report-";

}  // namespace

std::map<std::string, std::string> rendered_files(json report) {
  report.erase("files");
  std::map<std::string, std::string> files{{"report.html", render_html(report)},
                                           {"report.md", render_markdown(report)},
                                           {"report.tex", render_latex_document(report)}};
  for (const json& table : report.at("tables")) {
    const std::string name = "tables/" + table.at("name").get<std::string>();
    files[name + ".tex"] = render_latex_table(report, table);
    files[name + ".csv"] = render_csv_values(report, table);
    files[name + "_tests.csv"] = render_csv_tests(report, table);
    files[name + "_rankings.csv"] = render_csv_rankings(report, table);
    files[name + "_organs.csv"] = render_csv_organs(report, table);
  }
  files.merge(render_figures(report));
  if (!report.at("ledger").at("entries").empty()) {
    files["tables/ledger.csv"] = render_csv_ledger(report);
    files["tables/hyper_parameters.csv"] = render_csv_hyper_parameters(report);
  }
  return files;
}

namespace {

// Staging folders of processes that are no more.
void remove_stale_staging(const fs::path& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kStagingPrefix)) continue;
    const std::string process = name.substr(kStagingPrefix.size());
    if (!fs::exists("/proc/" + process)) fs::remove_all(entry.path(), error);
  }
}

// Where files wait until all of them are on disk; removed at the end, also after an error.
class Staging {
 public:
  explicit Staging(const fs::path& folder)
      : path_(folder / fmt::format("{}{}", kStagingPrefix, ::getpid())) {}
  ~Staging() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// Files that the report which stands in `folder` names, to be removed if the new one lacks them.
std::set<std::string> files_of_earlier_report(const fs::path& folder) {
  std::set<std::string> names;
  if (!fs::exists(folder / "report.json")) return names;
  const json earlier = json::parse(read_file(folder / "report.json"), nullptr, /*allow_exceptions=*/false);
  if (!earlier.is_object() || !earlier.contains("files") || !earlier.at("files").is_object()) return names;
  for (const auto& [name, hash] : earlier.at("files").items()) {
    const bool is_ours =
        (name.starts_with("tables/") || name.starts_with("figures/")) && name.find("..") == std::string::npos;
    if (is_ours) names.insert(name);
  }
  return names;
}

void move_into_place(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_directories(to.parent_path(), error);
  if (!error) fs::rename(from, to, error);
  if (error) throw RunError(fmt::format("{}: can't be written: {}", to.string(), error.message()));
}

}  // namespace

void write_report(const fs::path& folder, json report) {
  report["times"]["created_at"] = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
  const auto files = rendered_files(report);
  report["files"] = json::object();
  for (const auto& [name, text] : files) report["files"][name] = sha256(std::string_view(text));
  remove_stale_staging(folder);
  const Staging staging(folder);
  for (const auto& [name, text] : files) write_file_atomically(staging.path() / name, text);
  write_file_atomically(staging.path() / "report.json",
                        report.dump(1, ' ', false, json::error_handler_t::replace) + "\n");
  std::set<std::string> superfluous = files_of_earlier_report(folder);
  for (const auto& [name, text] : files) {
    move_into_place(staging.path() / name, folder / name);
    superfluous.erase(name);
  }
  move_into_place(staging.path() / "report.json", folder / "report.json");
  std::error_code ignored;  // a file too many harms nobody
  for (const std::string& name : superfluous) fs::remove(folder / name, ignored);
}

}  // namespace totum
