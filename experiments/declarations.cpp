#include "experiments/declarations.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/files.h"

namespace totum {

namespace fs = std::filesystem;

void keep_declarations(const fs::path& runs, const std::vector<Declaration>& declared,
                       const RunCount& count) {
  const FileLock lock = FileLock::wait(runs / "declarations.lock");
  const fs::path file = runs / "declarations.jsonl";
  std::string text = fs::exists(file) ? read_file(file) : "";
  std::map<std::string, std::string> last;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto found = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (found.is_object()) last[found.value("table", "")] = found.value("sha256", "");
  }
  const std::string before = text;
  for (const Declaration& d : declared) {
    if (last[d.table] == d.sha256) continue;
    const nlohmann::json line{{"table", d.table},
                              {"sha256", d.sha256},
                              {"done", count.done},
                              {"runs", count.all},
                              {"at", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)))}};
    text += line.dump() + "\n";
  }
  if (text != before) write_file_atomically(file, text);
}

}  // namespace totum
