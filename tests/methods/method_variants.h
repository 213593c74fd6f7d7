#pragma once
// Every method of the registry that totum trains, with its defaults where the smallest setup can do them, and
// option sets that are worth running beside them: terms that an untrained network does not wake.

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "experiments/registry.h"
#include "tests/methods/small_setup.h"

namespace totum {

struct Variant {
  std::string method;
  std::string name;  // of the option set
  nlohmann::json options;
};

// Small networks, and every loss with its full weight from the first step.
inline nlohmann::json small_proposed(bool aman, bool aprn, bool micpam) {
  return {{"aman", aman},
          {"aprn", aprn},
          {"micpam", micpam},
          {"aprn_network", {{"base", 8}}},
          {"aman_network", {{"base", 4}}},
          {"pseudo", {{"confidence", 0.0}}},  // an untrained refiner is confident of no voxel
          {"ramp", {{"from", 0.0}, {"to", 0.0}}}};
}

inline nlohmann::json published_code() {
  nlohmann::json options = small_proposed(true, true, true);
  options.update(
      {{"order", "joint"},
       {"seg", {{"dice", "fourteenth"}}},
       {"aprn_network", {{"base", 8}, {"mask", "shared"}, {"schedule", "constant"}, {"reduction", "sum"}}},
       {"adv", {{"weight", 0.001}, {"optimizer", "fresh-adam"}}},
       {"proto", {{"map", "sigmoid"}, {"update", "image"}}}});
  return options;
}

inline nlohmann::json rarer_options() {
  nlohmann::json options = small_proposed(true, true, true);
  options.update({{"aprn_network", {{"base", 8}, {"copies", 1}, {"by_image", true}}},
                  {"adv", {{"reduction", "sum"}}},
                  {"proto", {{"map", "softmax"}}},
                  {"pseudo", {{"target", "hard"}, {"confidence", 0.0}}},
                  {"seg", {{"ce", "marginal"}}}});
  return options;
}

inline nlohmann::json small_dar_unet() {
  return {{"styles", 2}, {"slice", 32}, {"translator", {{"width", 4}, {"batch", 1}}}};
}

inline std::vector<Variant> variants() {
  std::vector<Variant> all;
  for (const MethodEntry& entry : all_methods()) {
    if (entry.make == nullptr) continue;
    if (entry.name == "dar_unet") {
      all.push_back({"dar_unet", "small", small_dar_unet()});
      continue;
    }
    if (entry.name != "proposed") {
      all.push_back({std::string(entry.name), "defaults", nlohmann::json::object()});
      if (entry.name == "pcl") {  // no ramp, every right guess remembered, two views
        all.push_back({"pcl", "all_terms", {{"ramp", 0.0}, {"confidence", 0.0}, {"views", 2}}});
      }
      if (entry.name == "u2pl") {  // an untrained network is unsure of every voxel
        all.push_back({"u2pl", "with_anchors", {{"anchor_probability", 0.0}, {"bank", 100}}});
      }
      if (entry.name == "uniseg") {
        all.push_back({"uniseg", "task_slices", {{"output", "task-slices"}, {"prompt", "image"}}});
      }
      if (entry.name == "pann") {  // every term from the first step, another labeller within a few steps
        all.push_back({"pann", "from_the_start", {{"stages", {0.0, 0.2, 0.3}}, {"prior_crops", 2}}});
      }
      continue;
    }
    all.push_back({"proposed", "a", small_proposed(false, false, false)});
    all.push_back({"proposed", "b", small_proposed(true, false, false)});
    all.push_back({"proposed", "c", small_proposed(false, true, false)});
    all.push_back({"proposed", "d", small_proposed(false, false, true)});
    all.push_back({"proposed", "e", small_proposed(true, true, false)});
    all.push_back({"proposed", "f", small_proposed(false, true, true)});
    all.push_back({"proposed", "g", small_proposed(true, false, true)});
    all.push_back({"proposed", "full", small_proposed(true, true, true)});
    all.push_back({"proposed", "published_code", published_code()});
    all.push_back({"proposed", "rarer_options", rarer_options()});
  }
  return all;
}

/// A batch for a part of the method, with the labels that it may see.
inline Batch batch_for(const Method& method, const Variant& variant, std::int64_t part, std::uint64_t seed) {
  return small_batch(small_setup(), tasks_of(method.parts()[static_cast<std::size_t>(part)]), seed,
                     find_method(variant.method).traits.supervision);
}

}  // namespace totum
