#include "tests/reports/json_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <regex>

namespace totum {

namespace {

using nlohmann::json;

class Validator {
 public:
  explicit Validator(const json& root) : root_(root) {}

  std::vector<std::string> faults(const json& value, const json& schema, const std::string& path) const {
    std::vector<std::string> found;
    for (const auto& [keyword, rule] : schema.items()) check(keyword, rule, schema, value, path, found);
    return found;
  }

 private:
  using Faults = std::vector<std::string>;

  static bool has_type(const json& value, const std::string& type) {
    if (type == "null") return value.is_null();
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_boolean();
    if (type == "integer") return value.is_number_integer();
    if (type == "number") return value.is_number();
    return false;
  }

  void append(Faults& found, const json& value, const json& schema, const std::string& path) const {
    const Faults more = faults(value, schema, path);
    found.insert(found.end(), more.begin(), more.end());
  }

  void check(const std::string& keyword, const json& rule, const json& schema, const json& value,
             const std::string& path, Faults& found) const {
    const auto fault = [&](const std::string& what) { found.push_back(fmt::format("{}: {}", path, what)); };
    if (keyword == "$ref") {
      append(found, value, root_.at(json::json_pointer(rule.get<std::string>().substr(1))), path);
    } else if (keyword == "type") {
      if (!has_type(value, rule)) fault("is no " + rule.get<std::string>());
    } else if (keyword == "const") {
      if (value != rule) fault("is not " + rule.dump());
    } else if (keyword == "enum") {
      if (std::find(rule.begin(), rule.end(), value) == rule.end())
        fault(value.dump() + " is none of " + rule.dump());
    } else if (keyword == "if") {
      if (faults(value, rule, path).empty()) append(found, value, schema.at("then"), path);
    } else if (keyword == "required") {
      for (const json& key : rule) {
        if (value.is_object() && !value.contains(key.get<std::string>()))
          fault("lacks " + key.get<std::string>());
      }
    } else if (keyword == "properties") {
      for (const auto& [key, sub] : rule.items()) {
        if (value.is_object() && value.contains(key)) append(found, value.at(key), sub, path + "/" + key);
      }
    } else if (keyword == "additionalProperties") {
      check_others(rule, schema, value, path, found);
    } else if (keyword == "items") {
      for (std::size_t i = 0; value.is_array() && i < value.size(); ++i) {
        append(found, value[i], rule, fmt::format("{}/{}", path, i));
      }
    } else if (keyword == "oneOf") {
      const auto fits = std::count_if(rule.begin(), rule.end(),
                                      [&](const json& s) { return faults(value, s, path).empty(); });
      if (fits != 1) fault(fmt::format("fits {} of the alternatives", fits));
    } else if (keyword == "not") {
      if (faults(value, rule, path).empty()) fault("fits what it must not");
    } else {
      check_limit(keyword, rule, value, path, found);
    }
  }

  void check_others(const json& rule, const json& schema, const json& value, const std::string& path,
                    Faults& found) const {
    if (!value.is_object()) return;
    for (const auto& [key, member] : value.items()) {
      if (schema.contains("properties") && schema.at("properties").contains(key)) continue;
      if (rule == false) {
        found.push_back(fmt::format("{}: has an unknown key {}", path, key));
      } else {
        append(found, member, rule, path + "/" + key);
      }
    }
  }

  static void check_limit(const std::string& keyword, const json& rule, const json& value,
                          const std::string& path, Faults& found) {
    const std::map<std::string, std::function<bool()>> limits{
        {"minimum", [&] { return !value.is_number() || value.get<double>() >= rule.get<double>(); }},
        {"maximum", [&] { return !value.is_number() || value.get<double>() <= rule.get<double>(); }},
        {"minItems", [&] { return !value.is_array() || value.size() >= rule.get<std::size_t>(); }},
        {"maxItems", [&] { return !value.is_array() || value.size() <= rule.get<std::size_t>(); }},
        {"minLength",
         [&] { return !value.is_string() || value.get<std::string>().size() >= rule.get<std::size_t>(); }},
        {"maxLength",
         [&] { return !value.is_string() || value.get<std::string>().size() <= rule.get<std::size_t>(); }},
        {"pattern", [&] {
           return !value.is_string() ||
                  std::regex_search(value.get<std::string>(), std::regex(rule.get<std::string>()));
         }}};
    for (const char* words : {"$schema", "then", "$id", "$defs", "title", "description"}) {
      if (keyword == words) return;
    }
    const auto limit = limits.find(keyword);
    if (limit == limits.end()) {
      found.push_back(fmt::format("{}: the schema has an unknown keyword {}", path, keyword));
    } else if (!limit->second()) {
      found.push_back(fmt::format("{}: {} breaks {} {}", path, value.dump(), keyword, rule.dump()));
    }
  }

  const json& root_;
};

}  // namespace

std::vector<std::string> schema_faults(const nlohmann::json& document, const nlohmann::json& schema) {
  return Validator(schema).faults(document, schema, "");
}

}  // namespace totum
