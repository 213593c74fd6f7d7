#include "experiments/registry.h"

#include <fmt/format.h>

#include <array>
#include <string>
#include <vector>

#include "baselines/atlas_only.h"
#include "baselines/cond_dec.h"
#include "baselines/dar_unet.h"
#include "baselines/dodnet.h"
#include "baselines/full_labels.h"
#include "baselines/mh_net.h"
#include "baselines/pann.h"
#include "baselines/pcl.h"
#include "baselines/single.h"
#include "baselines/u2pl.h"
#include "baselines/uniseg.h"
#include "baselines/vat.h"
#include "core/error.h"
#include "experiments/external_method.h"
#include "methods/proposed.h"

namespace totum {

namespace {

// Rows that are not of the paper.
constexpr MethodTraits kFullLabels{
    Supervision::full, false,
    "not of the paper: trained with the hidden labels of the training cases, which no other method sees; an "
    "upper bound"};
constexpr MethodTraits kAtlasOnly{Supervision::partial, false,
                                  "not of the paper: no network, the argmax of the atlas; a lower bound"};
constexpr MethodTraits kExternal{
    Supervision::partial, false,
    "not of the paper: another program, given permitted labels only; totum does not see how it was trained"};

}  // namespace

std::span<const MethodEntry> all_methods() {
  static constexpr std::array kMethods{
      MethodEntry{"proposed", "Proposed", "liu2024partially", make_proposed},
      MethodEntry{"single", "Single", "liu2024partially", make_single},
      MethodEntry{"mh_net", "MH-Net", "chen2019med3d", make_mh_net},
      MethodEntry{"cond_dec", "Cond-Dec", "dmitriev2019learning", make_cond_dec},
      MethodEntry{"dodnet", "DoDNet", "zhang2021dodnet", make_dodnet},
      MethodEntry{"pann", "PaNN", "zhou2019prior", make_pann},
      MethodEntry{"vat", "VAT", "miyato2019virtual", make_vat},
      MethodEntry{"pcl", "PCL", "alonso2021semi", make_pcl},
      MethodEntry{"u2pl", "U2PL", "wang2022semi", make_u2pl},
      MethodEntry{"uniseg", "UniSeg", "ye2023uniseg", make_uniseg},
      MethodEntry{"dar_unet", "DAR-UNet", "yao2022novel", make_dar_unet},
      // `totum new-baseline` adds its line above this one.
      MethodEntry{"full_labels", "Full labels", "", make_full_labels, kFullLabels},
      MethodEntry{"atlas_only", "Atlas only", "", nullptr, kAtlasOnly, make_atlas_only},
      MethodEntry{"external", "External program", "", nullptr, kExternal, make_external},
  };
  return kMethods;
}

const MethodEntry& find_method(std::string_view name) {
  std::vector<std::string> names;
  for (const MethodEntry& entry : all_methods()) {
    if (entry.name == name) return entry;
    names.emplace_back(entry.name);
  }
  const std::string nearest = nearest_name(name, names);
  throw ConfigError(fmt::format("unknown method \"{}\"; {}`totum methods` lists them all", name,
                                nearest.empty() ? "" : fmt::format("did you mean \"{}\"? ", nearest)));
}

std::unique_ptr<Method> make_method(std::string_view name, const MethodSetup& setup, JsonReader options) {
  const MethodEntry& entry = find_method(name);
  if (entry.make == nullptr) {
    throw RunError(
        fmt::format("{} is not trained by totum and has no weights; its label maps lie in the "
                    "run's folders predictions and predictions_network",
                    name));
  }
  return entry.make(setup, std::move(options));
}

}  // namespace totum
