#include "data/label_names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/json_reader.h"
#include "data/label_synonyms.json.h"
#include "data/organs.h"

namespace totum {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::int64_t kLastLabel = 15;  // of AMOS22

std::string plain(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (c != ' ' && c != '_' && c != '-')
      text.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  }
  return text;
}

std::map<std::string, std::int64_t> read_synonyms() {
  std::map<std::string, std::int64_t> labels;
  const json lists = json::parse(kLabelSynonymsJson);
  for (const auto& [label, names] : lists.items()) {
    for (const json& name : names) labels.emplace(plain(name.get<std::string>()), std::stoll(label));
  }
  return labels;
}

std::string amos_name(std::int64_t label) {
  if (label <= kOrgans) return std::string(organ_name(label));
  return label == 14 ? "bladder" : "prostate/uterus";
}

std::optional<std::int64_t> whole_number(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// (label, name) of both spellings; regions of several labels are no labels of their own.
std::vector<std::pair<std::int64_t, std::string>> named_labels(const json& labels) {
  std::vector<std::pair<std::int64_t, std::string>> named;
  for (const auto& [key, value] : labels.items()) {
    const json& one = value.is_array() && value.size() == 1 ? value[0] : value;
    if (one.is_number_integer()) {
      named.emplace_back(one.get<std::int64_t>(), key);
    } else if (const auto label = whole_number(key); label && value.is_string()) {
      named.emplace_back(*label, value.get<std::string>());
    } else if (const auto number = one.is_string() ? whole_number(one.get<std::string>()) : std::nullopt) {
      named.emplace_back(*number, key);
    }
  }
  std::sort(named.begin(), named.end());
  return named;
}

// What is wrong with a name; empty if nothing is.
std::string fault_of(std::int64_t label, const std::string& name, const LabelIds& ids) {
  const auto meant = amos_label_of_name(name);
  if (!ids.empty()) {
    const auto mapped = ids.find(label);
    if (mapped == ids.end() || mapped->second == 0 || !meant || *meant == mapped->second) return "";
    return fmt::format("label {} is \"{}\", but the label map makes it {}", label, name,
                       organ_name(mapped->second));
  }
  if (label < 0 || label > kLastLabel) return "";  // refused where a voxel has it
  if (meant == label) return "";
  return fmt::format("label {} is \"{}\", here {} is {}", label, name, label, amos_name(label));
}

}  // namespace

std::optional<std::int64_t> amos_label_of_name(std::string_view name) {
  static const std::map<std::string, std::int64_t> synonyms = read_synonyms();
  const auto found = synonyms.find(plain(name));
  return found == synonyms.end() ? std::nullopt : std::optional(found->second);
}

void check_label_names(const fs::path& dataset_json, const LabelIds& ids, std::string_view advice) {
  if (!fs::is_regular_file(dataset_json)) return;
  const json dataset = read_json_file(dataset_json);
  const json labels = dataset.is_object() ? dataset.value("labels", json()) : json();
  if (!labels.is_object()) return;
  std::vector<std::string> faults;
  for (const auto& [label, name] : named_labels(labels)) {
    if (std::string fault = fault_of(label, name, ids); !fault.empty()) faults.push_back(std::move(fault));
  }
  if (faults.empty()) return;
  throw DataError(fmt::format("{}: {}; {}", dataset_json.string(), fmt::join(faults, "; "), advice), true);
}

}  // namespace totum
