#include "core/json_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/files.h"

namespace totum {

namespace {

// Levenshtein distance; the names are short.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

std::string shown(const nlohmann::json& value) {
  std::string text = value.dump();
  if (text.size() > 80) text = text.substr(0, 77) + "...";
  return text;
}

std::string number_text(double value) { return fmt::format("{:g}", value); }

}  // namespace

namespace json_detail {

bool read(const nlohmann::json& value, bool& target) {
  if (!value.is_boolean()) return false;
  target = value.get<bool>();
  return true;
}

bool read(const nlohmann::json& value, std::int64_t& target) {
  if (!value.is_number_integer()) return false;
  if (value.is_number_unsigned() &&
      value.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return false;
  }
  target = value.get<std::int64_t>();
  return true;
}

bool read(const nlohmann::json& value, std::uint64_t& target) {
  if (!value.is_number_unsigned()) return false;
  target = value.get<std::uint64_t>();
  return true;
}

bool read(const nlohmann::json& value, int& target) {
  std::int64_t wide = 0;
  if (!read(value, wide) || wide < std::numeric_limits<int>::min() ||
      wide > std::numeric_limits<int>::max()) {
    return false;
  }
  target = static_cast<int>(wide);
  return true;
}

bool read(const nlohmann::json& value, double& target) {
  if (!value.is_number()) return false;
  target = value.get<double>();
  return std::isfinite(target);
}

bool read(const nlohmann::json& value, std::string& target) {
  if (!value.is_string()) return false;
  target = value.get<std::string>();
  return true;
}

bool meets(double value, const NumberRange& range) {
  return (range.low_open ? value > range.low : value >= range.low) && value <= range.high;
}
bool meets(std::int64_t value, const Multiple& multiple) { return value > 0 && value % multiple.of == 0; }
bool meets(const std::string& value, const OneOf& names) {
  return std::find(names.names.begin(), names.names.end(), value) != names.names.end();
}

std::string words(const NumberRange& range) { return range.text; }
std::string words(const Multiple& multiple) { return fmt::format("a positive multiple of {}", multiple.of); }
std::string words(const OneOf& names) { return fmt::format("one of {}", fmt::join(names.names, ", ")); }

}  // namespace json_detail

NumberRange between(double low, double high) {
  return {low, high, false, "between " + number_text(low) + " and " + number_text(high)};
}
NumberRange at_least(double low) {
  return {low, std::numeric_limits<double>::infinity(), false, "at least " + number_text(low)};
}
NumberRange positive() { return {0.0, std::numeric_limits<double>::infinity(), true, "positive"}; }
Multiple multiple_of(std::int64_t n) { return {n}; }
OneOf one_of(std::initializer_list<const char*> names) { return {{names.begin(), names.end()}}; }

JsonReader::JsonReader(const nlohmann::json& value, std::string file, std::string path)
    : value_(value), file_(std::move(file)), path_(std::move(path)) {
  if (value_.is_null()) value_ = nlohmann::json::object();
  if (!value_.is_object()) fail_at(path_.empty() ? "/" : path_, value_, "must be an object {…}");
}

const nlohmann::json* JsonReader::find(std::string_view key) {
  known_.emplace(key);
  const auto found = value_.find(key);
  return found == value_.end() ? nullptr : &*found;
}

bool JsonReader::has(std::string_view key) const { return value_.contains(key); }

JsonReader JsonReader::object(std::string_view key) {
  const nlohmann::json* value = find(key);
  return {value == nullptr ? nlohmann::json::object() : *value, file_, path_of(key)};
}

std::vector<JsonReader> JsonReader::objects(std::string_view key) {
  const nlohmann::json* value = find(key);
  std::vector<JsonReader> readers;
  if (value == nullptr) return readers;
  if (!value->is_array()) fail_at(path_of(key), *value, "must be an array");
  for (std::size_t i = 0; i < value->size(); ++i) {
    readers.emplace_back((*value)[i], file_, fmt::format("{}/{}", path_of(key), i));
  }
  return readers;
}

nlohmann::json JsonReader::raw(std::string_view key) {
  const nlohmann::json* value = find(key);
  return value == nullptr ? nlohmann::json() : *value;
}

void JsonReader::no_more_keys() const {
  const std::vector<std::string> known(known_.begin(), known_.end());
  std::vector<std::string> faults;
  for (const auto& [key, value] : value_.items()) {
    if (known_.contains(key)) continue;
    const std::string nearest = nearest_name(key, known);
    faults.push_back(fmt::format("{}: unknown key {}; {}", file_, path_of(key),
                                 nearest.empty() ? fmt::format("known here: {}", fmt::join(known, ", "))
                                                 : fmt::format("did you mean \"{}\"?", nearest)));
  }
  if (!faults.empty()) throw ConfigError(fmt::format("{}", fmt::join(faults, "\n")));
}

void JsonReader::fail(std::string_view key, const std::string& what) const {
  const auto found = value_.find(key);
  if (found == value_.end()) throw ConfigError(fmt::format("{}: {} {}", file_, path_of(key), what));
  fail_at(path_of(key), *found, what);
}

void JsonReader::fail_at(const std::string& path, const nlohmann::json& value,
                         const std::string& what) const {
  throw ConfigError(fmt::format("{}: {} is {}; {}", file_, path, shown(value), what));
}

std::string JsonReader::path_of(std::string_view key) const { return fmt::format("{}/{}", path_, key); }

nlohmann::json read_json_file(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  // No configuration nests like this; printing one that does would overflow the stack.
  constexpr int kDeepest = 64;
  const auto is_shallow = [&](int depth, nlohmann::json::parse_event_t, const nlohmann::json&) {
    if (depth > kDeepest)
      throw ConfigError(fmt::format("{}: nested more than {} deep", path.string(), kDeepest));
    return true;
  };
  try {
    return nlohmann::json::parse(text, is_shallow);
  } catch (const nlohmann::json::exception& error) {  // parse_error, and out_of_range for 1e999
    throw ConfigError(fmt::format("{}: not valid JSON: {}", path.string(), error.what()));
  }
}

std::string nearest_name(std::string_view name, const std::vector<std::string>& known) {
  std::string nearest;
  std::size_t best = std::max<std::size_t>(name.size() / 3, 1) + 1;
  for (const std::string& candidate : known) {
    const std::size_t distance = edit_distance(name, candidate);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace totum
