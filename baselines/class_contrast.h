#pragma once
// PCL's contrastive term: voxels' predicted vectors are drawn to the remembered vectors of their own class.
// There is attraction only, no negatives.
//
// Source: Alonso et al., ICCV 2021, Eq. 5-7; its code (contrastive_losses.py). That code divides the memory's
// scores by their sum over an axis of length 1, so that all its memory weights are 1 and the memory selectors
// learn nothing; here they weigh the memory as the paper says.

#include <ATen/core/Tensor.h>

#include <vector>

#include "baselines/class_memory.h"
#include "core/random.h"
#include "networks/contrast_heads.h"

namespace totum {

/// Voxels grouped by class.
struct ClassVoxels {
  at::Tensor index;                  // [K] int64 into the flattened map; class 0's first, then class 1's, …
  std::vector<std::int64_t> counts;  // by class; sum K
};

/// The voxels of each class 0..classes-1, in raster order; other values belong to none. Of a class that has
/// more than `most`, that many drawn without repetition. label int64 of any shape.
ClassVoxels voxels_by_class(const at::Tensor& label, std::int64_t classes, std::int64_t most,
                            RandomStream& random);

/// n σ_i / Σ σ: weights of mean 1 from scores σ [n]. Differentiable.
at::Tensor selector_weights(const at::Tensor& scores);

/// Σ over the classes of mean over i, j of w_i w'_j (1 - cos(f_i, μ_j)), divided by the number of classes. w
/// are the weights of the vectors (their selector sees them without gradient), w' those of the memory (its
/// selector sees unit vectors). A class with fewer than two vectors on either side is skipped (batch norm).
///
/// heads    of the student, in training mode
/// vectors  [N,256] predicted, ordered by class; counts[c] of class c
/// returns  scalar
at::Tensor class_contrast(ContrastHeads& heads, const at::Tensor& vectors,
                          const std::vector<std::int64_t>& counts, const ClassMemory& memory);

}  // namespace totum
