#include "reports/json_difference.h"

#include <fmt/format.h>

#include <algorithm>

namespace totum {

namespace {

using nlohmann::json;

std::string text_of(const json& value, const char* key) {
  if (!value.contains(key)) return "";
  const json& found = value.at(key);
  if (found.is_string()) return found.get<std::string>();
  return found.is_number() ? found.dump() : "";
}

// What an element of an array is; empty if nothing in it says so.
std::string name_of(const json& element) {
  if (element.is_string()) return "\"" + element.get<std::string>() + "\"";
  if (!element.is_object()) return "";
  const auto text = [&](const char* key) { return text_of(element, key); };
  if (element.contains("cell") && element.contains("entry")) {
    const std::string organ = text("organ");
    return fmt::format("cell {} of {}{}", text("cell"), text("entry"),
                       organ.empty() ? "" : ", organ " + organ);
  }
  if (element.contains("cell") && element.contains("scheme"))
    return fmt::format("cell {}, scheme {}", text("cell"), text("scheme"));
  if (element.contains("id") && element.contains("seed"))
    return fmt::format("seed-{} of {}", text("seed"), text("id"));
  for (const char* key : {"folder", "id", "entry", "case", "name", "cell", "organ", "text"}) {
    if (const std::string name = text(key); !name.empty())
      return std::string(key) == "case" ? "case " + name : name;
  }
  return "";
}

bool holds(const json& list, const json& wanted) {
  const std::string name = name_of(wanted);
  return std::any_of(list.begin(), list.end(), [&](const json& other) {
    return name.empty() ? other == wanted : name_of(other) == name;
  });
}

std::string difference(const json& stored, const json& computed, const std::string& place);

std::string at(const std::string& place) { return place.empty() ? "" : " in " + place; }

std::string described(const json& element) {
  const std::string name = name_of(element);
  return name.empty() ? element.dump() : name;
}

// "single" of an array's element: its own name if it has one, else the array's with the number.
std::string element_place(const std::string& place, const json& element, std::size_t index) {
  const std::string name = name_of(element);
  return name.empty() || element.is_string() ? fmt::format("{}/{}", place, index) : name;
}

std::string array_difference(const json& stored, const json& computed, const std::string& place) {
  if (stored.size() != computed.size()) {
    for (const json& element : stored) {
      if (!holds(computed, element))
        return fmt::format("{} stands in the report{}, but not in what is stored", described(element),
                           at(place));
    }
    for (const json& element : computed) {
      if (!holds(stored, element))
        return fmt::format("{} is missing in the report{}, but not in what is stored", described(element),
                           at(place));
    }
    return fmt::format("{} has {} elements in the report, {} in what is stored",
                       place.empty() ? "the list" : place, stored.size(), computed.size());
  }
  for (std::size_t i = 0; i < stored.size(); ++i) {
    const std::string found = difference(stored[i], computed[i], element_place(place, stored[i], i));
    if (!found.empty()) return found;
  }
  return "";
}

std::string object_difference(const json& stored, const json& computed, const std::string& place) {
  json keys = stored;
  keys.update(computed);
  for (const auto& [key, unused] : keys.items()) {
    const std::string below = place.empty() ? key : place + "/" + key;
    if (!computed.contains(key)) return below + " stands in the report, but not in what is stored";
    if (!stored.contains(key)) return below + " is missing in the report, but not in what is stored";
    const std::string found = difference(stored.at(key), computed.at(key), below);
    if (!found.empty()) return found;
  }
  return "";
}

std::string difference(const json& stored, const json& computed, const std::string& place) {
  if (stored == computed) return "";
  if (stored.is_array() && computed.is_array()) return array_difference(stored, computed, place);
  if (stored.is_object() && computed.is_object()) return object_difference(stored, computed, place);
  return fmt::format("{}{}is {} in the report, {} from what is stored", place, place.empty() ? "" : " ",
                     stored.dump(), computed.dump());
}

}  // namespace

std::string first_difference(const json& stored, const json& computed) {
  return difference(stored, computed, "");
}

}  // namespace totum
