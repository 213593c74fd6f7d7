#pragma once
// Full labels: the backbone trained on all 13 labels of every training case, with the loss of the plain
// network (L_seg with L = {1..13}). The difference to the plain network is what partial labels cost: the
// upper bound of the tables. Not a method of the paper, and the only one that may see hidden labels; its
// registry entry declares that.

#include <memory>

#include "methods/method.h"

namespace totum {

/// Options: seg.dice mean (default) or fourteenth, seg.ce binary (default) or marginal, as for the proposed
/// method. A training step refuses batches of partial supervision.
std::unique_ptr<Method> make_full_labels(const MethodSetup& setup, JsonReader options);

}  // namespace totum
