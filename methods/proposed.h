#pragma once
// The proposed method: one network for all organs, whose modules are switches. All switches off is ablation
// (a), plain training on partial labels; `aprn` adds the atlas-guided pseudo-labels of ablation (c).
//
// Source: Liu et al., Learning to Segment Multiple Organs from Multimodal Partially Labeled Datasets, MICCAI
// 2024.

#include <memory>

#include "methods/method.h"

namespace totum {

/// Options: `aprn` (true) or an object with `base`, `copies`, `mask`, `schedule`; `seg`: `dice` =
/// mean|fourteenth, `ce` = binary|marginal; `pseudo`: `weight`, `target` = soft|hard, `confidence`; `ramp`:
/// `from`, `to` as shares of the epochs.
std::unique_ptr<Method> make_proposed(const MethodSetup& setup, JsonReader options);

}  // namespace totum
