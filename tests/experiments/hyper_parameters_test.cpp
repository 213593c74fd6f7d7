#include "experiments/hyper_parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "core/error.h"
#include "experiments/registry.h"
#include "experiments/resources.h"
#include "methods/state.h"
#include "reports/table_spec.h"
#include "tests/experiments/tiny_record.h"
#include "tests/methods/small_setup.h"

namespace totum {
namespace {

using nlohmann::json;

// Builds a method or a source from options; what it says if it refuses them, else "".
std::string refusal(const MethodEntry& entry, const json& options) {
  try {
    if (entry.make != nullptr) {
      (void)entry.make(small_setup(), JsonReader(options, "o"));
    } else {
      (void)entry.make_source(JsonReader(options, "o"));
    }
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

// The keys that a method knows in the object at `path`, from what it says to a key that it can't know.
std::set<std::string> known_keys(const MethodEntry& entry, const std::string& path) {
  json options = entry.name == "external" ? json{{"command", {"x"}}} : json::object();
  const json unknown{{"?????????????????", 1}};
  if (path.empty()) {
    options.update(unknown);
  } else {
    options[json::json_pointer(path)] = unknown;
  }
  const std::string text = refusal(entry, options);
  std::set<std::string> keys;
  std::smatch match;
  if (!std::regex_search(text, match, std::regex("unknown key [^;]*; known here: ([^\n]*)"))) return keys;
  const std::string list = match[1];
  const std::regex name("[a-z0-9_]+");
  for (auto it = std::sregex_iterator(list.begin(), list.end(), name); it != std::sregex_iterator(); ++it)
    keys.insert(it->str());
  return keys;
}

// All options of a method as paths. A key is an object if the method takes one there.
std::set<std::string> all_options(const MethodEntry& entry) {
  std::set<std::string> names;
  for (const std::string& key : known_keys(entry, "")) {
    const auto inner = known_keys(entry, "/" + key);
    const bool is_object = !inner.empty() && !inner.contains(key);
    if (!is_object) names.insert(key);
    for (const std::string& name : inner) {
      if (is_object) names.insert(key + "/" + name);
    }
  }
  return names;
}

std::set<std::string> keys_of(const json& object) {
  std::set<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.insert(key);
  return keys;
}

class Origins : public testing::TestWithParam<std::string> {};

TEST_P(Origins, AreNamedForEveryOptionAndForNothingElse) {
  const json table = read_hyper_parameter_table();
  const MethodEntry& entry = find_method(GetParam());
  EXPECT_EQ(keys_of(table.at("methods").value(GetParam(), json::object())), all_options(entry));
}

// Written out, the table's defaults are the method's own: the same weights before and after a step in the
// last epoch, when every term is at work.
TEST_P(Origins, HaveTheDefaultsOfTheMethod) {
  const MethodEntry& entry = find_method(GetParam());
  if (entry.make == nullptr) GTEST_SKIP() << "is not trained";
  json options = json::object();
  const json table = read_hyper_parameter_table();
  const json origins = table.at("methods").value(GetParam(), json::object());
  for (const auto& [name, origin] : origins.items()) {
    if (!origin.at("default").is_null()) options[json::json_pointer("/" + name)] = origin.at("default");
  }
  const SmallTrainingData data(entry.traits.supervision);
  const auto weights = [&](const json& chosen) {
    const auto method = entry.make(small_setup(), JsonReader(chosen, "options"));
    method->begin_training(data);
    const Batch batch = small_batch(small_setup(), tasks_of(method->parts()[0]), 1, entry.traits.supervision);
    (void)method->train_step(batch, {0, 0, 9, 10});
    return state_sha256(*method);
  };
  EXPECT_EQ(weights(options), weights(json::object()));
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const MethodEntry& entry : all_methods()) all.emplace_back(entry.name);
  return all;
}
INSTANTIATE_TEST_SUITE_P(Registry, Origins, testing::ValuesIn(names()),
                         [](const auto& test) { return test.param; });

json value_of(const json& list, const std::string& name) {
  for (const json& item : list) {
    if (item.at("name") == name) return item;
  }
  return nullptr;
}

TEST(HyperParameters, TellPaperCodeAndOursApart) {
  RunRecord record = tiny_record("pann", {{"lambda_prior", 0.1}, {"seg", {{"dice", "fourteenth"}}}});
  record.options["lambda_pseudo"] = 0.5;
  record.options["invented"] = {{"deep", 3}};
  const json found = hyper_parameters(record, read_hyper_parameter_table()).at("options");
  EXPECT_EQ(value_of(found, "lambda_prior"),
            json({{"name", "lambda_prior"}, {"value", 0.1}, {"origin", "paper"}}));
  EXPECT_EQ(value_of(found, "seg/dice").at("origin"), "code");
  EXPECT_EQ(value_of(found, "lambda_pseudo"),
            json({{"name", "lambda_pseudo"}, {"value", 0.5}, {"origin", "ours"}}));
  EXPECT_EQ(value_of(found, "prior_crops").at("value"), 200);
  EXPECT_EQ(value_of(found, "invented/deep").at("origin"), "not stated");
}

// Every preset's and every table's values have an origin that is stated.
TEST(HyperParameters, AreStatedForEveryPresetAndTable) {
  const json table = read_hyper_parameter_table();
  for (const std::string& preset : preset_names()) {
    RunRecord record = tiny_record("proposed");
    record.preset = load_preset(preset);
    for (const auto& [method, options] : record.preset.method_options.items()) {
      record.method = method;
      record.options = options;
      const json found = hyper_parameters(record, table);
      for (const char* part : {"options", "common"}) {
        for (const json& item : found.at(part))
          EXPECT_NE(item.at("origin"), "not stated") << preset << " " << method << " " << item;
      }
    }
  }
  for (const std::string& name : table_names()) {
    for (const TableEntry& entry : read_table_spec(table_file(name)).entries) {
      RunRecord record = tiny_record(entry.method, entry.options);
      const json found = hyper_parameters(record, table);  // outlives the loop over a part of it
      for (const json& item : found.at("options"))
        EXPECT_NE(item.at("origin"), "not stated") << name << " " << entry.id << " " << item;
    }
  }
}

TEST(HyperParameters, OfThePaperAndTheCodeAreKnownAsSuch) {
  RunRecord record = tiny_record("proposed");
  record.preset = load_preset("amos22-paper");
  const json paper = hyper_parameters(record, read_hyper_parameter_table()).at("common");
  EXPECT_EQ(value_of(paper, "schedule/epochs").at("origin"), "paper");
  record.preset = load_preset("amos22-published-code");
  const json code = hyper_parameters(record, read_hyper_parameter_table()).at("common");
  EXPECT_EQ(value_of(code, "schedule/epochs"),
            json({{"name", "schedule/epochs"}, {"value", 500}, {"origin", "code"}}));
  record.preset = load_preset("smoke");
  const json smoke = hyper_parameters(record, read_hyper_parameter_table()).at("common");
  EXPECT_EQ(value_of(smoke, "schedule/epochs").at("origin"), "ours");
}

}  // namespace
}  // namespace totum
