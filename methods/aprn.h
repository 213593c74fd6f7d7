#pragma once
// APRN, the atlas-guided pseudo-label refiner network: block masking, its training loss, and the
// pseudo-labels. The refiner sees one organ at a time, so organs (of all images) form its batch axis. Source:
// paper section 2, "APRN"; block masking from the published code (utils.py), as the text is silent.

#include <torch/torch.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/random.h"
#include "methods/method.h"
#include "methods/organ_sets.h"
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

struct AprnOptions {
  std::int64_t base = 24;
  std::int64_t stem_stride = 2;  // 2: the paper's "downsampled scale of 1/2"; 4: a quarter, for small presets
  std::int64_t copies = 2;       // masked copies of each map
  std::string mask = "independent";  // shared: all copies are one map masked `copies` times, as in the
                                     // published code, which masks in place; none: no masking
  std::string schedule = "poly";     // constant: the published code's rate of the refiner
  std::string reduction = "mean";    // over organs and copies; sum: the published code's
  bool by_image = false;             // one image's graph at a time: less memory, the same sums of gradients
};

class Aprn {
 public:
  Aprn(const MethodSetup& setup, const AprnOptions& options);

  void set_learning_rate(const StepContext& context);
  /// One step on the labelled organs of all images. p [B,1+C,D,H,W] without graph, so nothing reaches the
  /// main network (paper, footnote 4). Reports L_APRN ("aprn") and the Dice of the refined maps of the masked
  /// input, over all labelled organs together ("refiner_dice").
  StepReport train_step(const Batch& batch, const at::Tensor& p, const StepContext& context);
  /// Refined maps of each image's unlabelled organs, from unmasked input, soft, without graph: B of
  /// [|U|,D,H,W].
  std::vector<at::Tensor> pseudo_labels(const Batch& batch, const at::Tensor& p);
  void visit_state(StateVisitor& visitor);

 private:
  struct Rows;  // what some images give the refiner to learn from
  [[nodiscard]] Rows training_rows(const Batch& batch, const at::Tensor& p, std::int64_t b,
                                   const StepContext& context) const;
  [[nodiscard]] std::vector<at::Tensor> masked_copies(const at::Tensor& maps, std::int64_t b,
                                                      const StepContext& context) const;
  [[nodiscard]] std::vector<std::vector<std::int64_t>> image_groups(std::int64_t images) const;

  OptimiserConfig config_;
  std::uint64_t seed_;
  AprnOptions options_;
  OrganTable organs_;
  ResidualUNet refiner_;
  std::unique_ptr<torch::optim::Adam> optimiser_;
};

}  // namespace totum
