#pragma once
// DoDNet: one network whose last three convolutions are made anew for each image and task by a controller.
// Sigmoid outputs, no channel for background.
//
// Source: Zhang et al., DoDNet: learning to segment multi-organ and tumors from multiple partially labeled
// datasets, CVPR 2021, 1195-1204; its code (unet3D_DynConv882.py, loss.py). There each of 7 tasks has 2
// outputs (organ, tumour); here each has as many as the largest task has organs.

#include <ATen/core/Tensor.h>

#include <memory>

#include "methods/method.h"

namespace totum {

/// DoDNet's Dice loss of each row: 1 - 2 Σ p y / (Σ p + Σ y + 1). No squares, and 1 in the denominator alone,
/// so an empty row gives 1. p, y [K,N]; returns [K].
at::Tensor dodnet_dice_loss(const at::Tensor& p, const at::Tensor& y);

/// Loss of one image: Dice plus binary cross entropy, mean over its task's channels. logits, y [|L_t|,N].
at::Tensor dodnet_loss(const at::Tensor& logits, const at::Tensor& y);

/// Options: "width" (8): channels of the dynamic head; "outputs" (5): its outputs, at least as many as the
/// largest task has organs. Channel j of a task is its j-th organ, ascending; the others enter no loss.
std::unique_ptr<Method> make_dodnet(const MethodSetup& setup, JsonReader options);

}  // namespace totum
