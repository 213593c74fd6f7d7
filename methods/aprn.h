#pragma once
// APRN, the atlas-guided pseudo-label refiner network: its training loss, block masking and pseudo-labels.
// The refiner sees one organ at a time, so organs (of all images) form its batch axis. Source: paper section
// 2, "APRN"; block masking and the confidence mask from the published code (utils.py, losses.py), as the text
// is silent.

#include <torch/torch.h>

#include <cstdint>

#include "core/random.h"
#include "networks/residual_unet.h"

namespace totum {

/// The number of blocks along D,H,W: edges of 16 voxels where 16 divides the axis, else four blocks.
std::array<std::int64_t, 3> mask_blocks(at::IntArrayRef patch_voxels);

/// Sets random blocks of each map to 0 or 1. One ratio, 1/8 or 1/16 with equal chance, for the call; for each
/// map, with chance 1/2 that share of its blocks (rounded down) becomes 0, then with chance 1/2 as many,
/// drawn anew, become 1. maps [K,D,H,W]; returns new maps.
at::Tensor mask_random_blocks(const at::Tensor& maps, RandomStream& random);

/// ½ [D(r0, 1-y) + D(r1, y)] of each row, r = softmax of the refiner's two logits.
/// logits [K,2,D,H,W], y [K,D,H,W] in {0,1}; returns [K].
at::Tensor refiner_loss(const at::Tensor& logits, const at::Tensor& y);

/// Refined probability of the organ, soft, without gradient: p, atlas [K,D,H,W] -> [K,D,H,W].
at::Tensor refine(ResidualUNet& refiner, const at::Tensor& p, const at::Tensor& atlas);

}  // namespace totum
