#pragma once
// The options of the proposed method, their defaults (those of the paper's text) and their strict reading.

#include <cstdint>
#include <optional>
#include <string>

#include "core/json_reader.h"
#include "methods/aman.h"
#include "methods/aprn.h"
#include "methods/losses.h"
#include "methods/micpam.h"

namespace totum {

struct ProposedOptions {
  bool aprn = true;
  bool aman = true;
  bool micpam = true;
  std::string order = "sequential";  // APRN steps before it makes the pseudo-labels; joint: after, as in the
                                     // published code
  SegmentationLossForm seg;
  double pseudo_weight = 1.0;  // λ1
  std::string pseudo_target = "soft";
  double pseudo_confidence = 0.1;  // 0: every voxel counts
  double ramp_from = 0.0;          // ρ rises from 0 to 1 between these shares of the epochs
  double ramp_to = 50.0 / 600.0;
  std::optional<std::int64_t> ramp_epochs;  // in place of the shares: ρ = min(k / ramp_epochs, 1)
  AprnOptions aprn_network;
  AmanOptions aman_network;
  MicpamOptions micpam_network;
};

/// Throws ConfigError for unknown keys, wrong types and values that are not allowed.
ProposedOptions read_proposed_options(JsonReader options);

/// ρ of epoch `epoch` of `epochs`, in [0,1].
double ramp(const ProposedOptions& options, std::int64_t epoch, std::int64_t epochs);

}  // namespace totum
