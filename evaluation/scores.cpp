#include "evaluation/scores.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <libfccp/csv.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "core/error.h"
#include "core/files.h"
#include "evaluation/metric.h"

namespace totum {

namespace {

constexpr const char* kColumns = "run,case,modality,organ,relation,grid,metric,in_reference,value";

struct Row {
  std::string run, case_id, modality, organ, relation, grid, metric, in_reference = "1", value;
};

// A CSV field: in quotes if it holds a separator, a quote or an outer space.
std::string field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos &&
      (text.empty() || (text.front() != ' ' && text.back() != ' ')))
    return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

template <class T>
std::optional<T> parse_number(const std::string& text) {
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// The known name that this is in another case; empty if there is none.
std::string in_any_case(const std::string& text, const std::vector<std::string>& known) {
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
  };
  for (const std::string& name : known) {
    if (std::equal(text.begin(), text.end(), name.begin(), name.end(), same)) return name;
  }
  return "";
}

// Empty if the row is good, else what is wrong with it.
std::string parse_row(const Row& row, Score& score) {
  const auto modality = parse_modality(row.modality);
  const auto organ = parse_number<std::int64_t>(row.organ);
  if (row.run.empty() || row.case_id.empty()) return "run and case must not be empty";
  if (!modality) return fmt::format("modality is \"{}\"; must be ct or mr", row.modality);
  if (!organ || *organ < 1 || *organ > kOrgans)
    return fmt::format("organ is \"{}\"; must be in 1..13", row.organ);
  if (row.relation != "intra" && row.relation != "cross") {
    return fmt::format("relation is \"{}\"; must be intra or cross", row.relation);
  }
  if (row.in_reference != "0" && row.in_reference != "1") {
    return fmt::format("in_reference is \"{}\"; must be 0 or 1", row.in_reference);
  }
  const std::string grid = in_any_case(row.grid, {"network", "native"});
  if (grid.empty()) return fmt::format("grid is \"{}\"; must be native or network", row.grid);
  if (row.metric.empty()) return "metric must not be empty";
  const std::string known_metric = in_any_case(row.metric, metric_ids());
  score = {row.run,
           row.case_id,
           *modality,
           *organ,
           row.relation == "intra" ? Relation::intra : Relation::cross,
           grid,
           known_metric.empty() ? row.metric : known_metric,
           std::nullopt,
           row.in_reference == "1"};
  if (row.value.empty()) return "";
  score.value = parse_number<double>(row.value);
  if (!score.value || !std::isfinite(*score.value))
    return fmt::format("value is \"{}\"; must be a finite number or empty", row.value);
  const MetricDescription* metric = find_metric(score.metric);
  if (metric == nullptr) return "";
  if (metric->unit.empty() && (*score.value < 0 || *score.value > 1))
    return fmt::format("value is {}; {} is a fraction in 0..1, not percent", row.value, metric->name);
  if (*score.value < 0)
    return fmt::format("value is {}; {} in {} is not below 0", row.value, metric->name, metric->unit);
  return "";
}

// The scores read so far, and what the next one must not contradict.
class Accepted {
 public:
  /// Empty if the score was taken, else what is wrong with it.
  std::string add(Score score, unsigned line) {
    const auto modality = said(modality_of_, score.case_id, score.modality, line);
    if (modality.value != score.modality)
      return fmt::format("case {} is both ct and mr (line {})", score.case_id, modality.line);
    const auto relation = said(relation_of_, std::pair(score.case_id, score.organ), score.relation, line);
    if (relation.value != score.relation) {
      return fmt::format("organ {} of {} is {}, but {} in line {}", score.organ, score.case_id,
                         to_string(score.relation), to_string(relation.value), relation.line);
    }
    const auto presence =
        said(presence_, std::tuple(score.case_id, score.organ, score.grid), score.in_reference, line);
    if (presence.value != score.in_reference) {
      return fmt::format("in_reference of organ {} of {} is {:d}, but {:d} in line {}", score.organ,
                         score.case_id, score.in_reference, presence.value, presence.line);
    }
    if (!seen_.emplace(score.run, score.case_id, score.organ, score.grid, score.metric).second) {
      return fmt::format("a second {} of organ {} of {} on the {} grid", score.metric, score.organ,
                         score.case_id, score.grid);
    }
    scores_.push_back(std::move(score));
    return "";
  }
  std::vector<Score> take() { return std::move(scores_); }

 private:
  template <class T>
  struct Said {
    T value;
    unsigned line;  // that said it first
  };
  template <class Key, class T>
  static Said<T> said(std::map<Key, Said<T>>& known, const Key& of, T value, unsigned line) {
    return known.try_emplace(of, Said<T>{value, line}).first->second;
  }

  std::vector<Score> scores_;
  std::map<std::string, Said<Modality>> modality_of_;
  std::map<std::pair<std::string, std::int64_t>, Said<Relation>> relation_of_;
  std::map<std::tuple<std::string, std::int64_t, std::string>, Said<bool>> presence_;
  std::set<std::tuple<std::string, std::string, std::int64_t, std::string, std::string>> seen_;
};

std::string faults_text(const std::vector<std::string>& faults) {
  constexpr std::ptrdiff_t kMostNamed = 20;
  const auto count = static_cast<std::ptrdiff_t>(faults.size());
  return fmt::format("{} fault(s)\n  {}{}", count,
                     fmt::join(faults.begin(), faults.begin() + std::min(count, kMostNamed), "\n  "),
                     count > kMostNamed ? "\n  …" : "");
}

}  // namespace

std::string_view to_string(Relation relation) { return relation == Relation::intra ? "intra" : "cross"; }

void write_scores(const std::filesystem::path& path, const std::vector<Score>& scores) {
  std::string text = std::string(kColumns) + '\n';
  for (const Score& s : scores) {
    text += fmt::format("{},{},{},{},{},{},{},{:d},{}\n", field(s.run), field(s.case_id),
                        to_string(s.modality), s.organ, to_string(s.relation), field(s.grid), field(s.metric),
                        s.in_reference, s.value ? fmt::format("{:.17g}", *s.value) : "");
  }
  write_file_atomically(path, text);
}

std::vector<Score> read_scores(const std::filesystem::path& path) {
  std::vector<std::string> faults;
  Accepted accepted;
  try {
    io::CSVReader<9, io::trim_chars<' ', '\t', '\r'>, io::double_quote_escape<',', '"'>> csv(path.string());
    csv.read_header(io::ignore_missing_column, "run", "case", "modality", "organ", "relation", "grid",
                    "metric", "in_reference", "value");
    for (const char* column : {"run", "case", "modality", "organ", "relation", "grid", "metric", "value"}) {
      if (!csv.has_column(column))
        throw DataError(
            fmt::format("{}: has no column {}; the columns are {}", path.string(), column, kColumns), true);
    }
    Row row;
    while (csv.read_row(row.run, row.case_id, row.modality, row.organ, row.relation, row.grid, row.metric,
                        row.in_reference, row.value)) {
      Score score;
      std::string fault = parse_row(row, score);
      if (fault.empty()) fault = accepted.add(std::move(score), csv.get_file_line());
      if (!fault.empty()) faults.push_back(fmt::format("line {}: {}", csv.get_file_line(), fault));
    }
  } catch (const io::error::base& error) {
    throw DataError(fmt::format("{}: {}; the columns are {}", path.string(), error.what(), kColumns), true);
  }
  if (!faults.empty()) throw DataError(fmt::format("{}: {}", path.string(), faults_text(faults)), true);
  return accepted.take();
}

}  // namespace totum
