#include "baselines/mixing_partner.h"

namespace totum {

std::vector<std::optional<std::int64_t>> mixing_partners(const std::vector<Modality>& modality) {
  const std::size_t images = modality.size();
  std::vector<std::optional<std::int64_t>> partners(images);
  for (std::size_t b = 0; b < images; ++b) {
    for (std::size_t step = 1; step < images && !partners[b]; ++step) {
      const std::size_t other = (b + step) % images;
      if (modality[other] == modality[b]) partners[b] = static_cast<std::int64_t>(other);
    }
  }
  return partners;
}

}  // namespace totum
