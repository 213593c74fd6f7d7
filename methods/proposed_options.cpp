#include "methods/proposed_options.h"

#include <algorithm>

namespace totum {

namespace {

AprnOptions read_aprn(JsonReader json) {
  AprnOptions out;
  json.optional("base", out.base, multiple_of(8));
  json.optional("stem_stride", out.stem_stride, between(2, 4));
  if (out.stem_stride == 3) json.fail("stem_stride", "must be 2 or 4");
  json.optional("copies", out.copies, between(1, 16));
  json.optional("mask", out.mask, one_of({"independent", "shared", "none"}));
  json.optional("schedule", out.schedule, one_of({"poly", "constant"}));
  json.optional("reduction", out.reduction, one_of({"mean", "sum"}));
  json.optional("by_image", out.by_image);
  json.no_more_keys();
  return out;
}

AmanOptions read_aman(JsonReader network, JsonReader adv) {
  AmanOptions out;
  network.optional("base", out.base, between(1, 1024));
  network.no_more_keys();
  adv.optional("weight", out.weight, at_least(0));
  adv.optional("reduction", out.reduction, one_of({"mean", "sum"}));
  adv.optional("lr", out.learning_rate, positive());
  adv.optional("optimizer", out.optimiser, one_of({"adam", "fresh-adam"}));
  adv.no_more_keys();
  return out;
}

MicpamOptions read_micpam(JsonReader json) {
  MicpamOptions out;
  json.optional("weight", out.weight, at_least(0));
  json.optional("scales", out.scales, at_least(0));
  json.optional("ema", out.ema, between(0, 1));
  json.optional("map", out.map, one_of({"null-softmax", "sigmoid", "softmax"}));
  json.optional("update", out.update, one_of({"batch", "image"}));
  json.no_more_keys();
  return out;
}

void read_pseudo(JsonReader json, ProposedOptions& out) {
  json.optional("weight", out.pseudo_weight, at_least(0));
  json.optional("target", out.pseudo_target, one_of({"soft", "hard"}));
  json.optional("confidence", out.pseudo_confidence, between(0, 0.5));
  json.no_more_keys();
}

void read_ramp(JsonReader& options, ProposedOptions& out) {
  std::int64_t epochs = 0;
  if (options.optional("ramp_epochs", epochs, at_least(0))) {
    if (options.has("ramp")) options.fail("ramp_epochs", "give either this or \"ramp\"");
    out.ramp_epochs = epochs;
  }
  JsonReader ramp = options.object("ramp");
  ramp.optional("from", out.ramp_from, between(0, 1));
  ramp.optional("to", out.ramp_to, between(0, 1));
  if (out.ramp_to < out.ramp_from) ramp.fail("to", "must not be below \"from\"");
  ramp.no_more_keys();
}

}  // namespace

ProposedOptions read_proposed_options(JsonReader options) {
  ProposedOptions out;
  options.optional("aprn", out.aprn);
  options.optional("aman", out.aman);
  options.optional("micpam", out.micpam);
  options.optional("order", out.order, one_of({"sequential", "joint"}));
  out.seg = read_segmentation_form(options.object("seg"));
  read_pseudo(options.object("pseudo"), out);
  read_ramp(options, out);
  out.aprn_network = read_aprn(options.object("aprn_network"));
  JsonReader aman_network = options.object("aman_network");
  out.aman_network = read_aman(std::move(aman_network), options.object("adv"));
  out.micpam_network = read_micpam(options.object("proto"));
  options.no_more_keys();
  return out;
}

double ramp(const ProposedOptions& options, std::int64_t epoch, std::int64_t epochs) {
  if (options.ramp_epochs) {
    if (epoch >= *options.ramp_epochs) return 1.0;
    return static_cast<double>(epoch) / static_cast<double>(*options.ramp_epochs);
  }
  const double share = static_cast<double>(epoch) / static_cast<double>(epochs);
  if (share >= options.ramp_to) return 1.0;
  return std::max(0.0, (share - options.ramp_from) / (options.ramp_to - options.ramp_from));
}

}  // namespace totum
