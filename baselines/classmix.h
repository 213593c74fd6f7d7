#pragma once
// ClassMix: voxels of some classes of one image are pasted over another, with their pseudo-labels.
//
// Source: Olsson et al., ClassMix: segmentation-based data augmentation for semi-supervised learning, WACV
// 2021, 1369-1378; as PCL's code uses it (trainSSL.py, utils/transformsgpu.py).

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "baselines/partial_pseudo_label.h"
#include "core/random.h"

namespace totum {

/// Images with what a teacher says of them.
struct TaughtImages {
  at::Tensor image;           // [B,1,D,H,W]
  PartialPseudoLabel pseudo;  // [B,D,H,W] each
};

/// Of n classes present, ⌊n/2⌋+1 drawn without repetition: more than half. present[c]: is class c in the
/// image? Background (class 0) is left out unless it is alone. Ascending.
std::vector<std::int64_t> draw_pasted_classes(const std::vector<bool>& present, RandomStream& random);

/// Is each class somewhere in each image? label [B,D,H,W] int64 in 0..classes-1; result[b][c].
std::vector<std::vector<bool>> classes_present(const at::Tensor& label, std::int64_t classes);

/// Image b gets the voxels of its partner where the partner's pseudo-label is one of pasted[partner], the
/// rest stays. An image without partner stays whole. Order of images kept.
TaughtImages class_mix(const TaughtImages& images, const std::vector<std::optional<std::int64_t>>& partners,
                       const std::vector<std::vector<std::int64_t>>& pasted);

}  // namespace totum
