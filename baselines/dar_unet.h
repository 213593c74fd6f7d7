#pragma once
// DAR-UNet: domain adaptation in two stages. A translator of axial slices is trained on unpaired CT and MR
// slices by disentangling content from style; every training volume is then translated into the other
// modality in a few styles, its partial labels unchanged; and each modality gets a segmenter of its own,
// trained on its real volumes and on those translated into it. An image is segmented by its modality's
// network.
//
// Source: Yao et al., IEEE JBHI 2022, and its published code. Ours: two segmenters, each with half of the
// common iterations, since the original adapts to one target; both modalities labelled in part; Adam for
// AdaBelief; no flips and, for the segmenter, no augmentation. The original trains on translated volumes
// alone, since its target has no labels.

#include <memory>

#include "baselines/dar_translator.h"
#include "methods/method.h"

namespace totum {

/// Options. The small presets set what is scaled down.
struct DarUnetOptions {
  std::int64_t stage1_iterations = 20000;
  std::int64_t styles = 6;      // a volume's translations
  double segmenter_lr = 5e-4;   // half a cosine down to a thousandth of it
  double focal = 10;            // weight of the focal term beside Dice
  double norm_momentum = 0.01;  // of the attention's batch norms
  TranslatorConfig translator;
};

/// Keys: "stage1_iterations", "styles", "slice" (pixels, a multiple of 16), "segmenter_lr", "focal",
/// "norm_momentum" and "translator": {"width", "batch", "lr", "ema"}. "slice" defaults to 4/3 of the crop's
/// longer in-plane side, rounded up (256 at full size), the translator's width to the backbone's (32); its
/// discriminators learn at twice "lr".
DarUnetOptions read_dar_unet_options(const MethodSetup& setup, JsonReader json);

/// The parts "translator", "s_ct" and "s_mr", in this order.
std::unique_ptr<Method> make_dar_unet(const MethodSetup& setup, JsonReader options);

}  // namespace totum
