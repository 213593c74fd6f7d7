#include "baselines/classmix.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace totum {

std::vector<std::int64_t> draw_pasted_classes(const std::vector<bool>& present, RandomStream& random) {
  std::vector<std::int64_t> classes;
  for (std::size_t c = 1; c < present.size(); ++c) {
    if (present[c]) classes.push_back(static_cast<std::int64_t>(c));
  }
  if (classes.empty()) classes.push_back(0);
  std::vector<std::int64_t> drawn;
  for (const std::int64_t place : random.permutation(static_cast<std::int64_t>(classes.size()))) {
    if (drawn.size() <= classes.size() / 2) drawn.push_back(classes[static_cast<std::size_t>(place)]);
  }
  std::sort(drawn.begin(), drawn.end());
  return drawn;
}

std::vector<std::vector<bool>> classes_present(const at::Tensor& label, std::int64_t classes) {
  std::vector<at::Tensor> counts;
  for (std::int64_t b = 0; b < label.size(0); ++b)
    counts.push_back(at::bincount(label[b].flatten(), {}, classes));
  const at::Tensor host = at::stack(counts).cpu();  // one wait for all images
  std::vector<std::vector<bool>> present(counts.size(), std::vector<bool>(static_cast<std::size_t>(classes)));
  for (std::size_t b = 0; b < present.size(); ++b) {
    const auto* count = host[static_cast<std::int64_t>(b)].const_data_ptr<std::int64_t>();
    for (std::size_t c = 0; c < present[b].size(); ++c) present[b][c] = count[c] > 0;
  }
  return present;
}

TaughtImages class_mix(const TaughtImages& images, const std::vector<std::optional<std::int64_t>>& partners,
                       const std::vector<std::vector<std::int64_t>>& pasted) {
  const PartialPseudoLabel& pseudo = images.pseudo;
  std::vector<std::int64_t> from;  // the partner, or the image itself
  std::vector<at::Tensor> masks;   // [D,H,W] each: what is pasted
  for (std::size_t b = 0; b < partners.size(); ++b) {
    from.push_back(partners[b].value_or(static_cast<std::int64_t>(b)));
    const at::Tensor classes =
        at::tensor(pasted[static_cast<std::size_t>(from.back())], pseudo.label.options());
    masks.push_back(at::isin(pseudo.label[from.back()], classes));
  }
  const at::Tensor mask = at::stack(masks);  // [B,D,H,W]
  const at::Tensor donor = at::tensor(from, pseudo.label.options());
  const auto mix = [&](const at::Tensor& map) { return at::where(mask, map.index_select(0, donor), map); };
  return {at::where(mask.unsqueeze(1), images.image.index_select(0, donor), images.image),
          {mix(pseudo.label), mix(pseudo.given), mix(pseudo.confidence), mix(pseudo.entropy)}};
}

}  // namespace totum
