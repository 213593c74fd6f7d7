#include "reports/table_spec.h"

#include <fmt/format.h>
#include <libfccp/csv.h>

#include <algorithm>
#include <set>

#include "core/error.h"
#include "evaluation/metric.h"

namespace totum {

namespace {

constexpr const char* kPlainWords = "must consist of letters, digits, '_' and '-'";

bool is_plain(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-';
  });
}

void read_entries(JsonReader& json, TableSpec& table) {
  std::set<std::string> ids;
  for (JsonReader& reader : json.objects("entries")) {
    TableEntry entry;
    reader.required("id", entry.id);
    reader.required("method", entry.method);
    entry.label = entry.id;
    reader.optional("label", entry.label);
    reader.optional("paper_method", entry.paper_method);
    entry.options = reader.raw("options");
    if (bool compared = true; reader.optional("compared", compared)) entry.compared = compared;
    if (entry.options.is_null()) entry.options = nlohmann::json::object();
    if (!ids.insert(entry.id).second) reader.fail("id", "stands twice in this table");
    if (!entry.options.is_object()) reader.fail("options", "must be an object");
    if (!is_plain(entry.id)) reader.fail("id", std::string(kPlainWords) + ", since it names a folder");
    reader.no_more_keys();
    table.entries.push_back(std::move(entry));
  }
  if (table.entries.empty()) json.fail("entries", "must name at least one method");
}

// Parts must be independent samples: two cells of one modality's test images have the same patients.
void check_parts(JsonReader& reader, const TableSpec& table, const TableCell& cell) {
  std::set<Modality> seen;
  for (const TableCell& earlier : table.cells) {
    const bool is_part =
        std::find(cell.mean_of.begin(), cell.mean_of.end(), earlier.id) != cell.mean_of.end();
    if (!is_part || !earlier.test_modality || seen.insert(*earlier.test_modality).second) continue;
    reader.fail("mean_of", fmt::format("names two cells of {} test images, which have the same patients; the "
                                       "parts of a mean must have different ones",
                                       to_string(*earlier.test_modality)));
  }
}

void read_cells(JsonReader& json, TableSpec& table) {
  std::set<std::string> ids, basic;
  for (JsonReader& reader : json.objects("cells")) {
    TableCell cell;
    reader.required("id", cell.id);
    cell.label = cell.id;
    reader.optional("label", cell.label);
    reader.optional("shown", cell.shown);
    reader.optional("mean_of", cell.mean_of);
    for (const std::string& part : cell.mean_of) {
      if (!ids.contains(part)) {
        reader.fail("mean_of", fmt::format("names \"{}\", which is no earlier cell", part));
      }
      if (!basic.contains(part)) {
        reader.fail("mean_of", fmt::format("names \"{}\"; must be a basic cell, no mean itself", part));
      }
    }
    check_parts(reader, table, cell);
    if (cell.mean_of.empty()) {
      std::string modality, relation;
      reader.required("test_modality", modality, one_of({"ct", "mr"}));
      reader.required("relation", relation, one_of({"intra", "cross"}));
      cell.test_modality = parse_modality(modality);
      cell.relation = relation == "intra" ? Relation::intra : Relation::cross;
      basic.insert(cell.id);
    }
    JsonReader paper = reader.object("paper");
    paper.optional("test_modality", cell.paper_test_modality);
    paper.optional("label_modality", cell.paper_label_modality);
    paper.no_more_keys();
    if (!ids.insert(cell.id).second) reader.fail("id", "stands twice in this table");
    reader.no_more_keys();
    table.cells.push_back(std::move(cell));
  }
  if (table.cells.empty()) json.fail("cells", "must name at least one cell");
}

void read_tests(JsonReader reader, TableSpec& table) {
  TableTests& tests = table.tests;
  std::string zeros = "pratt";
  std::string alternative = "two-sided";
  reader.required("reference", tests.reference);
  reader.optional("pairs", tests.pairs, one_of({"patient", "pooled"}));
  reader.optional("zeros", zeros, one_of({"pratt", "wilcox", "zsplit"}));
  reader.optional("alternative", alternative, one_of({"two-sided", "greater", "less"}));
  reader.optional("correction", tests.correction, one_of({"holm", "hochberg", "benjamini-hochberg"}));
  reader.optional("alpha", tests.alpha, between(0, 0.5));
  tests.equivalence_margin = default_equivalence_margin(table.metric);
  reader.optional("equivalence_margin", tests.equivalence_margin,
                  between(0, is_fraction(table.metric) ? 1 : 1000));
  reader.optional("post_hoc", tests.post_hoc, one_of({"wilcoxon-holm", "nemenyi"}));
  reader.optional("tie_tolerance", tests.tie_tolerance, between(0, 0.01));
  tests.zeros = zeros == "pratt" ? ZeroRule::pratt : zeros == "wilcox" ? ZeroRule::wilcox : ZeroRule::zsplit;
  tests.alternative = alternative == "greater" ? Alternative::greater
                      : alternative == "less"  ? Alternative::less
                                               : Alternative::two_sided;
  const bool known = std::any_of(table.entries.begin(), table.entries.end(),
                                 [&](const TableEntry& entry) { return entry.id == tests.reference; });
  if (!known) reader.fail("reference", "must be the id of an entry");
  for (const TableEntry& entry : table.entries) {
    if (entry.id == tests.reference && !entry.compared.value_or(true))
      reader.fail("reference", "must be an entry that is compared");
  }
  reader.no_more_keys();
}

nlohmann::json cell_to_json(const TableCell& cell) {
  nlohmann::json out{{"id", cell.id}, {"label", cell.label}, {"shown", cell.shown}};
  if (cell.mean_of.empty()) {
    out["test_modality"] = to_string(*cell.test_modality);
    out["relation"] = cell.relation == Relation::intra ? "intra" : "cross";
  } else {
    out["mean_of"] = cell.mean_of;
  }
  if (!cell.paper_test_modality.empty()) {
    out["paper"] = {{"test_modality", cell.paper_test_modality},
                    {"label_modality", cell.paper_label_modality}};
  }
  return out;
}

}  // namespace

TableSpec read_table_spec(const std::filesystem::path& path) {
  return read_table_spec(JsonReader(read_json_file(path), path.filename().string()));
}

TableSpec read_table_spec(JsonReader json) {
  TableSpec table;
  json.required("name", table.name);
  if (!is_plain(table.name)) json.fail("name", std::string(kPlainWords) + ", since it names files");
  json.optional("title", table.title);
  json.optional("paper_table", table.paper_table, between(0, 2));
  json.optional("metric", table.metric, OneOf{metric_ids()});
  json.optional("grid", table.grid, one_of({"network", "native"}));
  read_entries(json, table);
  read_cells(json, table);
  read_tests(json.object("tests"), table);
  json.no_more_keys();
  return table;
}

nlohmann::json to_json(const TableSpec& table) {
  nlohmann::json entries = nlohmann::json::array();
  for (const TableEntry& e : table.entries) {
    entries.push_back({{"id", e.id},
                       {"method", e.method},
                       {"label", e.label},
                       {"paper_method", e.paper_method},
                       {"options", e.options}});
    if (e.compared) entries.back()["compared"] = *e.compared;
  }
  nlohmann::json cells = nlohmann::json::array();
  for (const TableCell& cell : table.cells) cells.push_back(cell_to_json(cell));
  const TableTests& t = table.tests;
  return {{"name", table.name},
          {"title", table.title},
          {"paper_table", table.paper_table},
          {"metric", table.metric},
          {"grid", table.grid},
          {"entries", entries},
          {"cells", cells},
          {"tests",
           {{"reference", t.reference},
            {"pairs", t.pairs},
            {"zeros", to_string(t.zeros)},
            {"alternative", to_string(t.alternative)},
            {"correction", t.correction},
            {"alpha", t.alpha},
            {"equivalence_margin", t.equivalence_margin},
            {"post_hoc", t.post_hoc},
            {"tie_tolerance", t.tie_tolerance}}}};
}

PublishedNumbers::PublishedNumbers(const std::filesystem::path& csv) {
  const auto number = [](const std::string& text) {
    return text.empty() ? std::nullopt : std::optional(std::stod(text));
  };
  try {
    io::CSVReader<8, io::trim_chars<' ', '\t', '\r'>, io::double_quote_escape<',', '"'>> reader(csv.string());
    reader.read_header(io::ignore_no_column, "table", "test_modality", "label_modality", "method", "mean_dsc",
                       "std_dsc", "significant", "note");
    Row row;
    std::string mean, sd, note;
    while (reader.read_row(row.table, row.test_modality, row.label_modality, row.method, mean, sd,
                           row.cell.significant, note)) {
      row.cell.mean_percent = number(mean);
      row.cell.sd_percent = number(sd);
      rows_.push_back(row);
    }
  } catch (const io::error::base& error) {
    throw DataError(fmt::format("{}: {}", csv.string(), error.what()));
  }
}

std::optional<PublishedCell> PublishedNumbers::find(int table, const TableCell& cell,
                                                    const std::string& method) const {
  for (const Row& row : rows_) {
    if (row.table == table && row.test_modality == cell.paper_test_modality &&
        row.label_modality == cell.paper_label_modality && row.method == method) {
      return row.cell;
    }
  }
  return std::nullopt;
}

}  // namespace totum
