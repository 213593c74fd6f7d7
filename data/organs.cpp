#include "data/organs.h"

#include <charconv>
#include <string>

#include "core/error.h"

namespace totum {

std::string_view organ_name(std::int64_t organ) {
  static constexpr std::array<std::string_view, kOrgans + 1> kNames{"background",
                                                                    "spleen",
                                                                    "right kidney",
                                                                    "left kidney",
                                                                    "gallbladder",
                                                                    "esophagus",
                                                                    "liver",
                                                                    "stomach",
                                                                    "aorta",
                                                                    "inferior vena cava",
                                                                    "pancreas",
                                                                    "right adrenal gland",
                                                                    "left adrenal gland",
                                                                    "duodenum"};
  if (organ < 0 || organ > kOrgans) throw DataError("organ " + std::to_string(organ) + " is not in 0..13");
  return kNames[static_cast<std::size_t>(organ)];
}

std::string_view to_string(Modality modality) { return modality == Modality::ct ? "ct" : "mr"; }

std::optional<Modality> parse_modality(std::string_view token) {
  if (token == "ct" || token == "CT") return Modality::ct;
  if (token == "mr" || token == "MR" || token == "MRI") return Modality::mr;
  return std::nullopt;
}

std::optional<Modality> modality_of_amos_id(std::string_view case_id) {
  constexpr std::string_view kPrefix = "amos_";
  if (!case_id.starts_with(kPrefix)) return std::nullopt;  // another program's numbers tell no modality
  const std::string_view digits = case_id.substr(kPrefix.size());
  int number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  constexpr int kFirstMr = 507;
  return number < kFirstMr ? Modality::ct : Modality::mr;
}

std::string_view to_string(Subset subset) {
  switch (subset) {
    case Subset::train:
      return "train";
    case Subset::val:
      return "val";
    case Subset::test:
      return "test";
  }
  return "";
}

std::optional<Subset> parse_subset(std::string_view token) {
  for (const Subset subset : {Subset::train, Subset::val, Subset::test}) {
    if (token == to_string(subset)) return subset;
  }
  return std::nullopt;
}

}  // namespace totum
