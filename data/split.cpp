#include "data/split.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <libfccp/csv.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "core/error.h"
#include "core/json_reader.h"
#include "core/sha256.h"

namespace totum {

namespace {

struct Row {
  std::string case_id, modality, subset, task, organs;
  unsigned line = 0;
};

std::vector<Row> read_rows(const std::filesystem::path& path) {
  std::vector<Row> rows;
  try {
    io::CSVReader<5, io::trim_chars<' ', '\t', '\r'>, io::double_quote_escape<',', '"'>> csv(path.string());
    csv.read_header(io::ignore_no_column, "case", "modality", "subset", "task", "labelled_organs");
    Row row;
    while (csv.read_row(row.case_id, row.modality, row.subset, row.task, row.organs)) {
      row.line = csv.get_file_line();
      rows.push_back(row);
    }
  } catch (const io::error::base& error) {
    throw ConfigError(fmt::format("split {}: {}; the columns are case,modality,subset,task,labelled_organs",
                                  path.filename().string(), error.what()));
  }
  return rows;
}

std::optional<std::vector<std::int64_t>> parse_organs(const std::string& text) {
  std::set<std::int64_t> organs;
  const char* place = text.data();
  const char* end = place + text.size();
  while (place != end) {
    if (*place == ' ') {
      ++place;
      continue;
    }
    std::int64_t organ = 0;
    const auto [next, error] = std::from_chars(place, end, organ);
    if (error != std::errc{} || organ < 1 || organ > kOrgans || (next != end && *next != ' '))
      return std::nullopt;
    organs.insert(organ);
    place = next;
  }
  if (organs.empty()) return std::nullopt;
  return std::vector<std::int64_t>(organs.begin(), organs.end());
}

// Turns rows into cases and tasks, and collects what is wrong on the way.
class SplitBuilder {
 public:
  explicit SplitBuilder(const std::vector<std::string>& known_tasks) : known_tasks_(known_tasks) {}

  void add(const Row& row) {
    const auto modality = parse_modality(row.modality);
    const auto subset = parse_subset(row.subset);
    const auto organs = parse_organs(row.organs);
    if (!modality) fault(row, fmt::format("modality is \"{}\"; must be ct or mr", row.modality));
    if (!subset) fault(row, fmt::format("subset is \"{}\"; must be train, val or test", row.subset));
    if (!organs) fault(row, fmt::format("labelled_organs is \"{}\"; must be numbers in 1..13", row.organs));
    if (row.case_id.empty()) fault(row, "case is empty");
    check_task_name(row);
    if (!modality || !subset || !organs) return;
    check_case(row, *subset);
    check_task(row, {row.task, *modality, *organs});
    cases_.emplace_back(SplitCase{row.case_id, *subset, 0}, row.task);
  }

  Split finish(const std::filesystem::path& path) {
    if (cases_.empty() && faults_.empty()) faults_.emplace_back("it names no cases");
    if (!faults_.empty()) {
      throw ConfigError(fmt::format("split {}: {} fault(s)\n  {}", path.filename().string(), faults_.size(),
                                    fmt::join(faults_, "\n  ")));
    }
    Split split{path.filename().string(), sha256_of_file(path), {}, {}};
    std::map<std::string, std::int64_t> index;
    for (const auto& [name, task] : tasks_) {
      index[name] = static_cast<std::int64_t>(split.tasks.size());
      split.tasks.push_back(task);
    }
    for (auto& [split_case, task] : cases_) {
      split_case.task = index[task];
      split.cases.push_back(split_case);
    }
    return split;
  }

 private:
  void fault(const Row& row, const std::string& what) {
    faults_.push_back(fmt::format("line {}: {}", row.line, what));
  }

  void check_task_name(const Row& row) {
    if (known_tasks_.empty() ||
        std::find(known_tasks_.begin(), known_tasks_.end(), row.task) != known_tasks_.end())
      return;
    const std::string nearest = nearest_name(row.task, known_tasks_);
    fault(row, fmt::format("unknown task \"{}\"; {}", row.task,
                           nearest.empty() ? fmt::format("known are {}", fmt::join(known_tasks_, ", "))
                                           : fmt::format("did you mean \"{}\"?", nearest)));
  }

  void check_case(const Row& row, Subset subset) {
    const auto [first, is_new] = first_line_.emplace(row.case_id, std::pair{row.line, subset});
    if (is_new) return;
    const auto& [line, earlier] = first->second;
    fault(row, earlier == subset ? fmt::format("case {} stands in line {} already", row.case_id, line)
                                 : fmt::format("case {} is in two subsets: {} (line {}) and {}", row.case_id,
                                               to_string(earlier), line, to_string(subset)));
  }

  void check_task(const Row& row, const Task& task) {
    const auto [first, is_new] = tasks_.emplace(row.task, task);
    if (is_new) return;
    if (first->second.modality != task.modality || first->second.organs != task.organs) {
      fault(row,
            fmt::format("task {} has another modality or other organs than in an earlier line", row.task));
    }
  }

  const std::vector<std::string>& known_tasks_;
  std::vector<std::string> faults_;
  std::map<std::string, std::pair<unsigned, Subset>> first_line_;
  std::map<std::string, Task> tasks_;
  std::vector<std::pair<SplitCase, std::string>> cases_;
};

}  // namespace

std::string_view to_string(Supervision supervision) {
  return supervision == Supervision::full ? "full" : "partial";
}

std::vector<SplitCase> Split::in(Subset subset) const {
  std::vector<SplitCase> found;
  std::copy_if(cases.begin(), cases.end(), std::back_inserter(found),
               [&](const SplitCase& c) { return c.subset == subset; });
  return found;
}

bool Split::labelled_in_modality(std::int64_t organ, Modality modality) const {
  return std::any_of(cases.begin(), cases.end(), [&](const SplitCase& c) {
    const Task& task = task_of(c);
    return c.subset == Subset::train && task.modality == modality &&
           std::find(task.organs.begin(), task.organs.end(), organ) != task.organs.end();
  });
}

Split read_split(const std::filesystem::path& path, const std::vector<std::string>& known_tasks) {
  SplitBuilder builder(known_tasks);
  for (const Row& row : read_rows(path)) builder.add(row);
  return builder.finish(path);
}

}  // namespace totum
