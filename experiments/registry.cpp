#include "experiments/registry.h"

#include <fmt/format.h>

#include <array>
#include <string>
#include <vector>

#include "baselines/cond_dec.h"
#include "baselines/dodnet.h"
#include "baselines/mh_net.h"
#include "baselines/single.h"
#include "baselines/uniseg.h"
#include "core/error.h"
#include "methods/proposed.h"

namespace totum {

std::span<const MethodEntry> all_methods() {
  static constexpr std::array kMethods{
      MethodEntry{"proposed", "Proposed (APRN)", "liu2024partially", make_proposed},
      MethodEntry{"single", "Single", "liu2024partially", make_single},
      MethodEntry{"mh_net", "MH-Net", "chen2019med3d", make_mh_net},
      MethodEntry{"cond_dec", "Cond-Dec", "dmitriev2019learning", make_cond_dec},
      MethodEntry{"dodnet", "DoDNet", "zhang2021dodnet", make_dodnet},
      MethodEntry{"uniseg", "UniSeg", "ye2023uniseg", make_uniseg},
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

}  // namespace totum
