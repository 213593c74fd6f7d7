#include "baselines/vat.h"

#include <torch/torch.h>

#include <vector>

#include "baselines/one_network.h"
#include "baselines/one_softmax.h"
#include "core/random.h"

namespace totum {

at::Tensor local_distributional_smoothness(const at::Tensor& logits, const at::Tensor& perturbed_logits) {
  const at::Tensor log_p = logits.detach().log_softmax(1);
  return (log_p.exp() * (log_p - perturbed_logits.log_softmax(1))).sum(1).mean();
}

at::Tensor unit_rms(const at::Tensor& d) {
  std::vector<std::int64_t> axes;
  for (std::int64_t axis = 1; axis < d.dim(); ++axis) axes.push_back(axis);
  return d / (d.square().mean(axes, true).sqrt() + 1e-12);
}

at::Tensor virtual_adversarial_perturbation(const std::function<at::Tensor(const at::Tensor&)>& forward,
                                            const at::Tensor& image, const at::Tensor& logits,
                                            const at::Tensor& noise, const VirtualAdversary& adversary) {
  at::Tensor d = unit_rms(noise.detach());
  for (std::int64_t i = 0; i < adversary.power_iterations; ++i) {
    d.requires_grad_(true);
    const at::Tensor divergence = local_distributional_smoothness(logits, forward(image + adversary.xi * d));
    // Times the number of voxels: a mean over millions of them has gradients near the 1e-12 of unit_rms.
    const auto voxels = static_cast<double>(image.numel());
    d = unit_rms(torch::autograd::grad({divergence * voxels}, {d})[0].detach());
  }
  return adversary.epsilon * d;
}

namespace {

struct VatOptions {
  double weight = 1.0;  // α
  VirtualAdversary adversary;
  SegmentationLossForm seg;
};

VatOptions read_options(JsonReader options) {
  VatOptions out;
  options.optional("weight", out.weight, at_least(0.0));
  options.optional("epsilon", out.adversary.epsilon, at_least(0.0));
  options.optional("xi", out.adversary.xi, positive());
  options.optional("power_iterations", out.adversary.power_iterations, positive());
  out.seg = read_segmentation_form(options.object("seg"));
  options.no_more_keys();
  return out;
}

class Vat final : public PlainNetwork {
 public:
  Vat(const MethodSetup& setup, const VatOptions& options) : PlainNetwork(setup), options_(options) {}

 private:
  // L_seg goes back before the perturbed images go forward, so that only one graph is held at a time;
  // gradients add up to those of the sum.
  StepReport losses(const Batch& batch, const StepContext& context) override {
    const auto forward = [this](const at::Tensor& image) { return logits(image); };
    at::Tensor z = forward(batch.image);
    at::Tensor seg = mean_segmentation_loss(z, batch, organs(), options_.seg);
    seg.backward();
    seg = seg.detach();
    z = z.detach();
    const at::Tensor perturbation = virtual_adversarial_perturbation(
        forward, batch.image, z, noise(batch.image, context.iteration), options_.adversary);
    const at::Tensor smoothness = local_distributional_smoothness(z, forward(batch.image + perturbation));
    return {{"loss", seg + options_.weight * smoothness}, {"seg", seg}, {"smoothness", smoothness}};
  }

  // N(0,1) of the image's shape, one stream for each image.
  [[nodiscard]] at::Tensor noise(const at::Tensor& image, std::int64_t iteration) const {
    at::Tensor values = at::empty(image.sizes(), at::kFloat);
    const std::int64_t voxels = image[0].numel();
    for (std::int64_t b = 0; b < image.size(0); ++b) {
      RandomStream random(setup().seed, "vat/noise", static_cast<std::uint64_t>(iteration),
                          static_cast<std::uint64_t>(b));
      float* out = values[b].data_ptr<float>();
      for (std::int64_t v = 0; v < voxels; ++v) out[v] = static_cast<float>(random.normal());
    }
    return values.to(image.options());
  }

  VatOptions options_;
};

}  // namespace

std::unique_ptr<Method> make_vat(const MethodSetup& setup, JsonReader options) {
  return std::make_unique<Vat>(setup, read_options(std::move(options)));
}

}  // namespace totum
