#include "experiments/hyper_parameters.h"

#include "core/json_reader.h"
#include "experiments/resources.h"

namespace totum {

namespace {

using nlohmann::json;

json::json_pointer place_of(const std::string& name) { return json::json_pointer("/" + name); }

// Names of all values of nested objects, as paths.
void add_names(const json& object, const std::string& prefix, std::vector<std::string>& names) {
  for (const auto& [key, value] : object.items()) {
    if (value.is_object()) {
      add_names(value, prefix + key + "/", names);
    } else {
      names.push_back(prefix + key);
    }
  }
}

std::string origin_of(const json& entry, const json& value) {
  if (value == entry.at("default")) return entry.at("origin");
  for (const char* source : {"paper", "code"}) {
    if (entry.contains(source) && entry.at(source) == value) return source;
  }
  return "ours";
}

// The named values of `set`, or their defaults; then those that are set and have no entry.
json listed(const json& entries, const json& set) {
  json list = json::array();
  for (const auto& [name, entry] : entries.items()) {
    const json value = set.contains(place_of(name)) ? set.at(place_of(name)) : entry.at("default");
    if (value.is_null()) continue;  // not set, and without a default
    list.push_back({{"name", name}, {"value", value}, {"origin", origin_of(entry, value)}});
  }
  std::vector<std::string> names;
  add_names(set, "", names);
  for (const std::string& name : names) {
    if (!entries.contains(name))
      list.push_back({{"name", name}, {"value", set.at(place_of(name))}, {"origin", "not stated"}});
  }
  return list;
}

// What a preset sets for all methods alike and a training depends on.
json common_values(const Preset& preset) {
  const json all = to_json(preset);
  json values;
  for (const char* part : {"sampler", "backbone", "optimiser"}) values[part] = all.at(part);
  for (const char* key : {"epochs", "validate_every_epochs", "selection"})
    values["schedule"][key] = all.at("schedule").at(key);
  return values;
}

void check_entry(JsonReader entry) {
  std::string origin;
  if (!entry.has("default")) entry.fail("default", "is missing");
  (void)entry.raw("default");
  entry.required("origin", origin, one_of({"paper", "code", "ours"}));
  for (const char* source : {"paper", "code"}) (void)entry.raw(source);
  entry.no_more_keys();
}

void check_entries(JsonReader entries, const json& value) {
  for (const auto& [name, entry] : value.items()) check_entry(entries.object(name));
  entries.no_more_keys();
}

}  // namespace

json read_hyper_parameter_table() {
  const std::filesystem::path file = resource_folder() / "experiments" / "hyper_parameters.json";
  const json table = read_json_file(file);
  JsonReader reader(table, file.string());
  check_entries(reader.object("common"), table.value("common", json::object()));
  JsonReader methods = reader.object("methods");
  const json by_method = table.value("methods", json::object());  // outlives the loop over its items
  for (const auto& [method, entries] : by_method.items()) check_entries(methods.object(method), entries);
  methods.no_more_keys();
  reader.no_more_keys();
  return table;
}

json hyper_parameters(const RunRecord& record, const json& table) {
  const json options = table.at("methods").value(record.method, json::object());
  return {{"options", listed(options, record.options)},
          {"common", listed(table.at("common"), common_values(record.preset))}};
}

}  // namespace totum
