#include "experiments/hyper_parameters.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <array>
#include <regex>
#include <set>
#include <tuple>

#include "core/error.h"
#include "core/random.h"
#include "core/sha256.h"
#include "experiments/registry.h"
#include "experiments/resources.h"
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

// All that a method keeps: parameters, counters, moments, and the size of what is still empty.
class KeptState final : public StateVisitor {
 public:
  void tensor(const std::string& name, at::Tensor& value) override {
    const at::Tensor host = value.detach().cpu().contiguous();
    kept[name] =
        fmt::format("{} {}", fmt::join(host.sizes(), "x"),
                    sha256(std::string_view(static_cast<const char*>(host.const_data_ptr()), host.nbytes())));
  }
  void counter(const std::string& name, std::int64_t& value) override { kept[name] = std::to_string(value); }
  void rows(const std::string& name, at::Tensor& buffer, std::int64_t used) override {
    kept[name + " capacity"] = std::to_string(buffer.size(0));
    StateVisitor::rows(name, buffer, used);
  }
  void optimiser(const std::string& name, torch::optim::Optimizer& value) override {
    std::size_t j = 0;
    for (const at::Tensor& parameter : value.param_groups()[0].params()) {
      const auto found = value.state().find(parameter.unsafeGetTensorImpl());
      const std::string moment = fmt::format("{}#{}", name, j++);
      if (found != value.state().end())
        tensor(moment, static_cast<torch::optim::AdamParamState&>(*found->second).exp_avg());
    }
  }
  std::map<std::string, std::string> kept;
};

// Makes an untrained network sure of some voxels and unsure of others, and a teacher old, so that thresholds
// and the final momentum are at work from the first step.
class Awakening final : public StateVisitor {
 public:
  // background: what is added to its logit
  explicit Awakening(double background) : background_(background) {}
  void tensor(const std::string& name, at::Tensor& value) override {
    constexpr double kSharper = 8;
    const torch::NoGradGuard no_grad;
    if (name.ends_with("head_conv.weight")) value.mul_(kSharper);
    if (name.ends_with("head_conv.bias") && value.size(0) == 1 + kOrgans) value[0] += background_;
  }
  void counter(const std::string& name, std::int64_t& value) override {
    if (name == "teacher_updates") value = 1000;
  }
  void optimiser(const std::string&, torch::optim::Optimizer&) override {}

 private:
  double background_;
};

// The iterations, of the first thousand, whose draw decides for and against a chance by a hair: with another
// chance one of them goes the other way.
std::array<std::int64_t, 2> close_draws(const std::string& purpose, double chance) {
  std::array<std::int64_t, 2> nearest{};
  double below = -1, above = 2;
  for (std::int64_t i = 0; i < 1000; ++i) {
    const double drawn = RandomStream(small_setup().seed, purpose, static_cast<std::uint64_t>(i)).uniform();
    if (drawn < chance && drawn > below) std::tie(below, nearest[0]) = std::tie(drawn, i);
    if (drawn >= chance && drawn < above) std::tie(above, nearest[1]) = std::tie(drawn, i);
  }
  return nearest;
}

// How to train a method so that every one of its options is at work.
struct Lesson {
  json options = json::object();          // that the networks be small
  std::vector<std::int64_t> tasks{0, 2};  // of parts that see all tasks
  std::vector<StepContext> steps;         // of each part
  double background = 0;                  // Awakening
};

Lesson lesson_for(const std::string& method) {
  // In a ramp, if there is one, and behind all; two steps, since some of what the first leaves shows in the
  // second alone.
  Lesson lesson{.steps = {{0, 1, 4, 100}, {0, 2, 90, 100}}};
  if (method == "dar_unet") lesson.options = {{"slice", 32}, {"translator", {{"width", 4}}}};
  if (method == "pann") {  // one epoch before each stage and its first
    lesson.steps = {{0, 0, 24, 100}, {0, 1, 25, 100}, {0, 2, 49, 100},
                    {0, 3, 50, 100}, {0, 4, 74, 100}, {0, 5, 75, 100}};
  }
  if (method == "u2pl") {  // the last epoch of the warm-up; two images of CT that are mixed, and not
    const auto [mixed, not_mixed] = close_draws("u2pl/mixes", 0.5);
    lesson.tasks = {0, 1};
    lesson.steps = {{0, 1, 99, 8000}, {0, mixed, 100, 8000}, {0, not_mixed, 100, 8000}};
    lesson.background = 2;  // about as probable as "anchor_probability"
  }
  if (method == "pcl") {  // before the memory begins and after, both in the ramp; behind it as above
    const auto [mixed, not_mixed] = close_draws("pcl/view", 0.75);
    lesson.tasks = {0, 1};
    lesson.steps = {
        {0, 1, 29, 1000}, {0, 2, 30, 1000}, {0, 3, 59, 1000}, {0, mixed, 60, 1000}, {0, not_mixed, 60, 1000}};
    lesson.background = 6;  // about as probable as "confidence"
  }
  return lesson;
}

// Written out, the table's defaults are the method's own: the same parts, and the same state after the same
// steps of all of them.
TEST_P(Origins, HaveTheDefaultsOfTheMethod) {
  const MethodEntry& entry = find_method(GetParam());
  if (entry.make == nullptr) GTEST_SKIP() << "is not trained";
  const Lesson lesson = lesson_for(GetParam());
  json options = json::object();
  const json table = read_hyper_parameter_table();
  const json origins = table.at("methods").value(GetParam(), json::object());
  for (const auto& [name, origin] : origins.items()) {
    if (!origin.at("default").is_null()) options[json::json_pointer("/" + name)] = origin.at("default");
  }
  options.merge_patch(lesson.options);
  const SmallTrainingData data(entry.traits.supervision);
  const auto trained = [&](const json& chosen) {
    const auto method = entry.make(small_setup(), JsonReader(chosen, "options"));
    method->begin_training(data);
    Awakening awakening(lesson.background);
    method->visit_state(awakening);
    KeptState state;
    const auto parts = method->parts();
    for (std::size_t p = 0; p < parts.size(); ++p) {
      const auto tasks = parts[p].tasks.empty() ? lesson.tasks : tasks_of(parts[p]);
      const Batch batch = small_batch(small_setup(), tasks, p + 1, entry.traits.supervision);
      for (StepContext step : lesson.steps) {
        step.part = static_cast<std::int64_t>(p);
        (void)method->train_step(batch, step);
      }
      state.kept["part " + parts[p].name] = fmt::format("{} {}", parts[p].epochs, parts[p].own_iterations);
    }
    method->visit_state(state);
    return state.kept;
  };
  const auto written_out = trained(options);
  const auto by_default = trained(lesson.options);
  EXPECT_EQ(written_out, by_default);
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
