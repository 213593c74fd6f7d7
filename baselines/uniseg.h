#pragma once
// UniSeg: a learned universal prompt is fused with the image's features at the bottleneck; the prompt of the
// wanted task goes on to the decoder.
//
// Source: Ye et al., UniSeg: a prompt-driven universal segmentation model as well as a strong representation
// learner, MICCAI 2023, 508-518; its code (Prompt_generic_UNet.py, UniSeg_Trainer.py). There the body is an
// nnU-Net with deep supervision; here it is the shared backbone without.

#include <memory>

#include "methods/method.h"

namespace totum {

/// Options:
///   "output"  "all-organs" (default): 1+C channels and L_seg. "task-slices", as the original: as many
///             channels as the largest task needs; the first 1+|L_t| of them are task t's, with L_head.
///   "prompt"  in prediction. "owner" (default): each organ from its owning task's prompt. "image": prompts
///             of the image's modality only, their probabilities averaged; with task-slices that cannot find
///             organs of the other modality.
///   "seg"     form of L_seg, as in `proposed`; all-organs only.
std::unique_ptr<Method> make_uniseg(const MethodSetup& setup, JsonReader options);

}  // namespace totum
