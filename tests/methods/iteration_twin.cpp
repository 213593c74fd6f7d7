#include "tests/methods/iteration_twin.h"

#include <cmath>

#include "core/random.h"

namespace totum::twin {

namespace {

constexpr double kEpsilon = 1e-5;
constexpr std::array<double, 3> kScales{0.125, 0.25, 0.5};

// D(p,y) over the voxels of the mask.
at::Tensor dice(const at::Tensor& p, const at::Tensor& y, const at::Tensor& mask) {
  const at::Tensor overlap = (mask * p * y).sum();
  return 1 - (2 * overlap + kEpsilon) / ((mask * p * p).sum() + (mask * y * y).sum() + kEpsilon);
}
at::Tensor dice(const at::Tensor& p, const at::Tensor& y) { return dice(p, y, at::ones_like(p)); }

at::Tensor upsampled(const at::Tensor& x, at::IntArrayRef size) {  // [n,d,h,w] -> [n,D,H,W]
  return at::upsample_trilinear3d(x.unsqueeze(0), size, false)[0];
}

bool contains(const std::vector<std::int64_t>& organs, std::int64_t organ) {
  for (const std::int64_t c : organs) {
    if (c == organ) return true;
  }
  return false;
}

at::Tensor map_of(const at::Tensor& label, std::int64_t organ) { return (label == organ).to(at::kDouble); }

// One call of the published mask_: a ratio for all organs, then for each organ zeros and ones in 16^3 blocks.
void mask_in_place(std::vector<at::Tensor>& maps, RandomStream& random) {
  const std::int64_t depth = maps[0].size(0) / 16, height = maps[0].size(1) / 16,
                     width = maps[0].size(2) / 16;
  const std::int64_t total = depth * height * width;
  const std::int64_t count = random.chance(0.5) ? total / 8 : total / 16;
  for (at::Tensor& map : maps) {
    for (const double value : {0.0, 1.0}) {
      if (!random.chance(0.5)) continue;
      const auto order = random.permutation(total);
      for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t at_block = order[static_cast<std::size_t>(i)];
        const std::int64_t z = at_block / (height * width), y = at_block / width % height,
                           x = at_block % width;
        map.slice(0, 16 * z, 16 * z + 16)
            .slice(1, 16 * y, 16 * y + 16)
            .slice(2, 16 * x, 16 * x + 16)
            .fill_(value);
      }
    }
  }
}

double poly(double rate, std::int64_t epoch, std::int64_t epochs) {
  return rate * std::pow(1 - static_cast<double>(epoch) / static_cast<double>(epochs), 0.9);
}

}  // namespace

Twin::Twin(std::map<std::string, at::Tensor> tensors, const Settings& settings) : settings_(settings) {
  for (auto& [name, value] : tensors) {
    const bool is_prototype = name.starts_with("micpam.prototypes");
    tensors_[name] = value.detach().clone().set_requires_grad(!is_prototype);
  }
}

at::Tensor Twin::conv(const std::string& name, const at::Tensor& x, std::int64_t stride) const {
  const at::Tensor& weight = w(name + ".weight");
  const auto [variance, mean] = at::var_mean(weight, {1, 2, 3, 4}, /*unbiased=*/true, /*keepdim=*/true);
  const at::Tensor filters = (weight - mean) / (variance + 1e-12).sqrt();  // weight standardisation
  return at::conv3d(x.unsqueeze(0), filters, {}, stride, weight.size(2) / 2)[0];
}

at::Tensor Twin::norm_relu(const std::string& name, const at::Tensor& x, std::int64_t groups) const {
  const at::Tensor parts = x.reshape({groups, -1});
  const auto [variance, mean] = at::var_mean(parts, {1}, /*unbiased=*/false, /*keepdim=*/true);
  const at::Tensor normal = ((parts - mean) / (variance + 1e-5).sqrt()).view_as(x);
  const at::Tensor scaled =
      normal * w(name + ".weight").view({-1, 1, 1, 1}) + w(name + ".bias").view({-1, 1, 1, 1});
  return scaled.clamp_min(0);
}

at::Tensor Twin::block(const std::string& name, const at::Tensor& x, std::int64_t stride,
                       std::int64_t groups) const {
  at::Tensor u = conv(name + ".conv1", norm_relu(name + ".norm1", x, groups), stride);
  u = conv(name + ".conv2", norm_relu(name + ".norm2", u, groups), 1);
  if (!tensors_.contains(name + ".shortcut_conv.weight")) return x + u;
  return conv(name + ".shortcut_conv", norm_relu(name + ".shortcut_norm", x, groups), stride) + u;
}

// The residual U-Net of either size: "network." or "aprn.". x [channels,D,H,W].
Twin::Output Twin::unet(const std::string& prefix, const at::Tensor& x) const {
  const bool is_refiner = prefix == "aprn.";
  const std::int64_t base = w(prefix + "encoder.stem.weight").size(0);
  const std::int64_t groups = is_refiner ? 4 : 16;
  at::Tensor y = conv(prefix + "encoder.stem", x, is_refiner ? 2 : settings_.stem_stride);
  if (is_refiner) y = conv(prefix + "encoder.second_stem", y, 1);
  std::vector<at::Tensor> skips;
  for (int stage = 0; stage < 5; ++stage) {
    const std::string name = prefix + "encoder.stage" + std::to_string(stage) + "_";
    y = block(name + "0", y, stage == 0 ? 1 : 2, groups);
    if (!is_refiner && stage > 0) y = block(name + "1", y, 1, groups);
    skips.push_back(y);
  }
  y = conv(prefix + "encoder.fusion_conv",
           norm_relu(prefix + "encoder.fusion_norm", y, is_refiner ? base / 2 : 16), 1);
  Output output;
  for (int level = 0; level < 4; ++level) {
    const at::Tensor& skip = skips[static_cast<std::size_t>(3 - level)];
    y = block(prefix + "decoder.block" + std::to_string(level), upsampled(y, skip.sizes().slice(1)) + skip, 1,
              groups);
    if (level < 3) output.features[static_cast<std::size_t>(level)] = y;
  }
  y = norm_relu(prefix + "decoder.head_norm", y, is_refiner ? base / 4 : 16);
  const at::Tensor logits = at::conv3d(y.unsqueeze(0), w(prefix + "decoder.head_conv.weight"),
                                       w(prefix + "decoder.head_conv.bias"))[0];
  output.logits = upsampled(logits, x.sizes().slice(1));
  return output;
}

at::Tensor Twin::refine(const at::Tensor& p, const at::Tensor& atlas) const {  // two logits [2,D,H,W]
  return unet("aprn.", at::stack({p, atlas})).logits;
}

// log f_D and log(1 - f_D) of one map: [2], the latter first.
at::Tensor Twin::discriminate(const at::Tensor& p, const at::Tensor& atlas) const {
  at::Tensor y = at::stack({p, atlas}).unsqueeze(0);
  for (int layer = 0; tensors_.contains("aman.conv" + std::to_string(layer) + ".weight"); ++layer) {
    const std::string name = "aman.conv" + std::to_string(layer);
    y = at::conv3d(y, w(name + ".weight"), w(name + ".bias"), 2, 1);
    y = at::where(y > 0, y, 0.2 * y);
  }
  const at::Tensor logits = w("aman.head.weight").mv(y.mean({0, 2, 3, 4})) + w("aman.head.bias");
  return logits - logits.logsumexp(0);
}

// a_c at the features' size, as the mean over four heads.
at::Tensor Twin::attention(std::size_t scale, std::int64_t organ, const at::Tensor& features) const {
  const std::string number = std::to_string(scale + 1);
  const std::string name = "micpam.attention" + number + ".";
  const auto normed = [&](const at::Tensor& x, const std::string& which) {  // over the last dimension
    const at::Tensor centred = x - x.mean(-1, true);
    return centred / (centred.pow(2).mean(-1, true) + 1e-5).sqrt() * w(name + which + ".weight") +
           w(name + which + ".bias");
  };
  const at::Tensor prototype = w("micpam.prototypes" + number)[organ - 1].clone();
  const at::Tensor q = w(name + "prototype_projection.weight").mv(normed(prototype, "prototype_norm"));
  const at::Tensor f = normed(features.permute({1, 2, 3, 0}), "feature_norm")
                           .matmul(w(name + "feature_projection.weight").t());
  const std::int64_t width = q.size(0) / 4;
  at::Tensor sum = at::zeros(features.sizes().slice(1), features.options());
  for (std::int64_t head = 0; head < 4; ++head) {
    const std::int64_t from = head * width;
    sum = sum + (f.slice(3, from, from + width) * q.slice(0, from, from + width)).sum(3);
  }
  return sum / 4;
}

// L_APRN of one image: the mean over organs and copies, or in the code their sum.
at::Tensor Twin::refiner_loss(const Image& image, const at::Tensor& p, std::int64_t iteration,
                              std::size_t b) const {
  constexpr std::size_t kCopies = 2;
  const auto fresh_maps = [&] {
    std::vector<at::Tensor> maps;
    for (const std::int64_t c : image.labelled) maps.push_back(p[c].detach().clone());
    return maps;
  };
  std::vector<std::vector<at::Tensor>> copies{fresh_maps(), fresh_maps()};
  for (std::size_t copy = 0; copy < kCopies; ++copy) {
    RandomStream random(settings_.seed, "block masking", static_cast<std::uint64_t>(iteration),
                        kCopies * b + copy);
    mask_in_place(copies[settings_.is_code ? 0 : copy], random);
  }
  if (settings_.is_code) copies[1] = copies[0];  // both are one tensor
  at::Tensor sum = at::zeros({}, p.options());
  for (const auto& copy : copies) {
    for (std::size_t k = 0; k < image.labelled.size(); ++k) {
      const std::int64_t c = image.labelled[k];
      const at::Tensor r = refine(copy[k], image.atlas[c - 1]).softmax(0);
      const at::Tensor y = map_of(image.label, c);
      sum = sum + 0.5 * (dice(r[0], 1 - y) + dice(r[1], y));
    }
  }
  return settings_.is_code ? sum : sum / static_cast<double>(kCopies * image.labelled.size());
}

// Adam, betas .9 and .999, eps 1e-8, decay added to the gradient, on all parameters of the networks.
void Twin::adam(const std::vector<std::string>& networks, const at::Tensor& loss, const Step& step) {
  std::vector<std::string> names;
  std::vector<at::Tensor> parameters;
  for (const std::string& network : networks) {
    for (const auto& [name, value] : tensors_) {
      if (!name.starts_with(network) || !value.requires_grad()) continue;
      names.push_back(name);
      parameters.push_back(value);
    }
  }
  const auto gradients = torch::autograd::grad({loss}, parameters);
  const torch::NoGradGuard no_grad;
  for (std::size_t j = 0; j < names.size(); ++j) {
    Moments& m = moments_[names[j]];
    if (step.fresh || !m.first.defined())
      m = {at::zeros_like(parameters[j]), at::zeros_like(parameters[j]), 0};
    const at::Tensor g = gradients[j] + step.decay * parameters[j];
    ++m.steps;
    m.first = 0.9 * m.first + 0.1 * g;
    m.second = 0.999 * m.second + 0.001 * g * g;
    const at::Tensor first = m.first / (1 - std::pow(0.9, static_cast<double>(m.steps)));
    const at::Tensor second = m.second / (1 - std::pow(0.999, static_cast<double>(m.steps)));
    parameters[j].sub_(step.rate * first / (second.sqrt() + 1e-8));
  }
}

void Twin::move_prototypes(const std::vector<Image>& images, const std::vector<Output>& outputs) {
  for (std::size_t scale = 0; scale < 3; ++scale) {
    at::Tensor prototypes = tensors_.at("micpam.prototypes" + std::to_string(scale + 1));
    for (std::int64_t c = 1; c <= 13; ++c) {
      at::Tensor sum = at::zeros_like(prototypes[c - 1]);
      double voxels = 0;
      for (std::size_t b = 0; b < images.size(); ++b) {
        if (!contains(images[b].labelled, c)) continue;
        const at::Tensor& features = outputs[b].features[scale];
        const at::Tensor right = (images[b].label == c).logical_and(outputs[b].logits.argmax(0) == c);
        // Nearest: voxel i of the small grid takes voxel floor(i size / small size) of the large one.
        at::Tensor member = right;
        for (std::int64_t axis = 0; axis < 3; ++axis) {
          const std::int64_t large = right.size(axis), small = features.size(axis + 1);
          member = member.index_select(axis, at::arange(small, at::kLong).mul(large).floor_divide(small));
        }
        const double count = member.sum().item<double>();
        const at::Tensor total = (features.detach() * member.to(at::kDouble)).sum({1, 2, 3});
        if (!settings_.is_code) {
          sum += total;
          voxels += count;
        } else if (count > 0) {
          prototypes[c - 1] = 0.99 * prototypes[c - 1] + 0.01 * total / count;
        }
      }
      if (voxels > 0) prototypes[c - 1] = 0.99 * prototypes[c - 1] + 0.01 * sum / voxels;
    }
  }
}

Losses Twin::iterate(const std::vector<Image>& images, std::int64_t iteration, std::int64_t epoch) {
  const bool code = settings_.is_code;
  const double rho = epoch >= settings_.ramp_epochs
                         ? 1.0
                         : static_cast<double>(epoch) / static_cast<double>(settings_.ramp_epochs);
  const double lambda1 = code ? 0.1 : 1.0, lambda2 = code ? 0.001 : 0.01, lambda3 = 0.1;
  const double rate = poly(settings_.learning_rate, epoch, settings_.epochs);
  const double share = 1.0 / static_cast<double>(images.size());
  std::vector<Output> outputs;
  std::vector<at::Tensor> p;
  for (const Image& image : images) {
    outputs.push_back(unet("network.", image.image.unsqueeze(0)));
    p.push_back(outputs.back().logits.softmax(0));
  }
  at::Tensor aprn = at::zeros({}, at::kDouble);
  for (std::size_t b = 0; b < images.size(); ++b) {
    aprn = aprn + share * refiner_loss(images[b], p[b], iteration, b);
  }
  // PAPER: APRN steps first. CODE: its pseudo-labels come from before any step.
  if (!code) adam({"aprn."}, aprn, {rate, settings_.weight_decay, false});
  std::vector<std::map<std::int64_t, at::Tensor>> pseudo(images.size());
  for (std::size_t b = 0; b < images.size(); ++b) {
    for (std::int64_t c = 1; c <= 13; ++c) {
      pseudo[b][c] = refine(p[b][c].detach(), images[b].atlas[c - 1]).softmax(0)[1].detach();
    }
  }
  at::Tensor seg = at::zeros({}, at::kDouble), pseudo_loss = seg, adv = seg, proto = seg, aman = seg;
  for (std::size_t b = 0; b < images.size(); ++b) {
    const Image& image = images[b];
    at::Tensor dice_sum = at::zeros({}, at::kDouble);
    for (const std::int64_t c : image.labelled) {
      const at::Tensor y = map_of(image.label, c);
      dice_sum = dice_sum + dice(p[b][c], y);
      const at::Tensor log_p = p[b][c].log().clamp_min(-100), log_not = (1 - p[b][c]).log().clamp_min(-100);
      seg = seg - share * (y * log_p + (1 - y) * log_not).mean();
    }
    seg = seg + share * dice_sum / (code ? 14.0 : static_cast<double>(image.labelled.size()));
    const auto unlabelled = 13.0 - static_cast<double>(image.labelled.size());
    std::array<std::vector<at::Tensor>, 3> a;  // by scale and organ, at full size
    for (std::size_t scale = 0; scale < 3; ++scale) {
      for (std::int64_t c = 1; c <= 13; ++c) {
        const at::Tensor map = attention(scale, c, outputs[b].features[scale]);
        a[scale].push_back(upsampled(map.unsqueeze(0), image.image.sizes())[0]);
      }
    }
    for (std::int64_t c = 1; c <= 13; ++c) {
      if (contains(image.labelled, c)) continue;
      const at::Tensor& yhat = pseudo[b].at(c);
      const at::Tensor mask = (yhat > 0.9).logical_or(yhat < 0.1).to(at::kDouble);
      pseudo_loss = pseudo_loss + share / unlabelled * dice(p[b][c], yhat, mask);
      for (std::size_t scale = 0; scale < 3; ++scale) {
        const at::Tensor& own = a[scale][static_cast<std::size_t>(c - 1)];
        at::Tensor t = 1 / (1 + (-own).exp());
        if (!code) {
          at::Tensor all = at::ones_like(own);
          for (const at::Tensor& other : a[scale]) all = all + other.exp();
          t = own.exp() / all;
        }
        proto = proto + share / unlabelled * kScales[scale] * dice(t, yhat, mask);
      }
    }
    for (const std::int64_t c : image.cross) {
      adv = adv -
            share / static_cast<double>(image.cross.size()) * discriminate(p[b][c], image.atlas[c - 1])[1];
    }
    for (std::int64_t c = 1; c <= 13; ++c) {
      const std::int64_t target = contains(image.cross, c) ? 0 : 1;
      aman = aman - share / 13 * discriminate(p[b][c].detach(), image.atlas[c - 1])[target];
    }
  }
  const at::Tensor loss = seg + rho * lambda1 * pseudo_loss + rho * lambda3 * proto + lambda2 * adv;
  adam({"network.", "micpam."}, loss, {rate, settings_.weight_decay, false});
  if (code) adam({"aprn."}, aprn, {settings_.learning_rate, settings_.weight_decay, false});
  adam({"aman."}, aman, {poly(1e-4, epoch, settings_.epochs), 0.0, code});
  {
    const torch::NoGradGuard no_grad;
    move_prototypes(images, outputs);
  }
  return {seg.item<double>(),   pseudo_loss.item<double>(), adv.item<double>(),
          proto.item<double>(), aprn.item<double>(),        aman.item<double>()};
}

}  // namespace totum::twin
