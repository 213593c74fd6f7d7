#pragma once
// The proposed method: one network for all organs, with three modules that are switches. All switches off is
// ablation (a), plain training on partial labels.
//
// Source: Liu et al., Learning to Segment Multiple Organs from Multimodal Partially Labeled Datasets, MICCAI
// 2024, and the published code where the text is silent; docs/method.md has the equations.

#include <memory>

#include "methods/method.h"

namespace totum {

/// Switches `aprn`, `aman`, `micpam` (all true); `order` = sequential|joint; `seg`: `dice` = mean|fourteenth,
/// `ce` = binary|marginal; `pseudo`: `weight`, `target` = soft|hard, `confidence`; `ramp`: `from`, `to` as
/// shares of the epochs, or `ramp_epochs`; `aprn_network`: `base`, `copies`, `mask` =
/// independent|shared|none, `schedule` = poly|constant, `reduction` = mean|sum, `by_image`; `aman_network`:
/// `base`; `adv`: `weight`, `reduction` = mean|sum, `lr`, `optimizer` = adam|fresh-adam; `proto`: `weight`,
/// `scales`, `ema`, `map` = null-softmax|sigmoid|softmax, `update` = batch|image.
std::unique_ptr<Method> make_proposed(const MethodSetup& setup, JsonReader options);

}  // namespace totum
