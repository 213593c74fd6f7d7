#include "methods/micpam.h"

#include "core/random.h"
#include "methods/optimiser.h"
#include "methods/state.h"
#include "networks/initialise.h"

namespace totum {

namespace {

at::Tensor standard_normal(at::IntArrayRef shape, RandomStream random) {
  at::Tensor values = at::empty(shape, at::kFloat);
  float* data = values.data_ptr<float>();
  for (std::int64_t i = 0; i < values.numel(); ++i) data[i] = static_cast<float>(random.normal());
  return values;
}

// The class of each voxel where the network is right about a labelled organ, else 0: [B,D,H,W].
at::Tensor rightly_predicted(const at::Tensor& known_label, const at::Tensor& logits) {
  return known_label * (std::get<1>(logits.max(1)) == known_label);
}

}  // namespace

at::Tensor attention_probability(const at::Tensor& attention, const std::string& map) {
  if (map == "sigmoid") return attention.sigmoid();
  if (map == "softmax") return attention.softmax(-4);
  std::vector<std::int64_t> null_shape = attention.sizes().vec();
  null_shape[null_shape.size() - 4] = 1;
  const at::Tensor with_null = at::cat({at::zeros(null_shape, attention.options()), attention}, -4);
  return with_null.softmax(-4).slice(-4, 1);
}

void update_prototypes(at::Tensor& prototypes, const at::Tensor& features, const at::Tensor& class_map,
                       double ema) {
  const torch::NoGradGuard no_grad;
  const auto type = features.scalar_type();
  const at::Tensor resized =
      at::upsample_nearest3d(class_map.unsqueeze(1).to(type), features.sizes().slice(2)).flatten();  // [B·N]
  const at::Tensor classes = at::arange(1, prototypes.size(0) + 1, features.options());
  const at::Tensor members = (resized.unsqueeze(0) == classes.unsqueeze(1)).to(type);    // [C,B·N]
  const at::Tensor rows = features.detach().transpose(0, 1).flatten(1).transpose(0, 1);  // [B·N,n]
  const at::Tensor voxels = members.sum(1, true);                                        // [C,1]
  const at::Tensor mean = members.matmul(rows) / voxels.clamp_min(1);
  prototypes.copy_(at::where(voxels > 0, ema * prototypes + (1 - ema) * mean, prototypes));
}

at::Tensor mean_cosine_similarity(const at::Tensor& prototypes) {
  const at::Tensor unit = prototypes / prototypes.norm(2, 1, true).clamp_min(1e-12);
  const auto organs = static_cast<double>(prototypes.size(0));
  const at::Tensor all = unit.matmul(unit.t());
  return (all.sum() - all.trace()) / (organs * (organs - 1));
}

Micpam::ModuleImpl::ModuleImpl(std::int64_t base_width, std::uint64_t seed) {
  for (std::size_t scale = 0; scale < 3; ++scale) {
    const std::int64_t channels = (4 * base_width) >> scale;
    const std::string number = std::to_string(scale + 1);
    attention[scale] = register_module("attention" + number, PrototypeAttention(channels));
    prototypes[scale] = register_buffer(
        "prototypes" + number,
        standard_normal({kOrgans, channels}, RandomStream(seed, "micpam/prototypes", 0, scale)));
  }
}

Micpam::Micpam(const MethodSetup& setup, const MicpamOptions& options)
    : options_(options),
      organs_(setup.tasks, setup.device),
      module_(std::make_shared<ModuleImpl>(setup.backbone.base_width, setup.seed)) {
  initialise_parameters(*module_, setup.seed, "micpam");
  module_->to(setup.device);
  optimiser_ = make_adam(module_->parameters(), setup.optimiser);
}

void Micpam::set_learning_rate(double learning_rate) { totum::set_learning_rate(*optimiser_, learning_rate); }

std::array<at::Tensor, 3> Micpam::attention(const std::array<at::Tensor, 3>& features) {
  module_->train();
  std::array<at::Tensor, 3> attention;
  for (std::size_t scale = 0; scale < 3; ++scale) {
    attention[scale] = module_->attention[scale](features[scale], module_->prototypes[scale]);
  }
  return attention;
}

at::Tensor Micpam::prototype_loss(const Batch& batch, const std::array<at::Tensor, 3>& attention,
                                  const std::vector<PseudoLabel>& pseudo) {
  const std::int64_t images = batch.image.size(0);
  at::Tensor sum = at::zeros({}, attention[0].options());
  for (std::size_t scale = 0; scale < 3; ++scale) {
    const at::Tensor t = attention_probability(upsample_to(attention[scale], batch.image.sizes().slice(2)),
                                               options_.map);  // [B,C,D,H,W]
    for (std::int64_t b = 0; b < images; ++b) {
      const at::Tensor maps = t[b].index_select(0, organs_.of(batch, b).unlabelled - 1).flatten(1);
      sum = sum + options_.scales[scale] * pseudo_label_loss(maps, pseudo[static_cast<std::size_t>(b)]);
    }
  }
  return sum / static_cast<double>(images);
}

StepReport Micpam::update(const Batch& batch, const UNetOutput& output) {
  const torch::NoGradGuard no_grad;
  const at::Tensor right = rightly_predicted(organs_.known_labels(batch), output.logits);
  const auto each = static_cast<double>(module_->prototypes.size());
  at::Tensor moved = at::zeros({}, output.logits.options());
  at::Tensor cosine = at::zeros({}, output.logits.options());
  for (std::size_t scale = 0; scale < 3; ++scale) {
    at::Tensor& prototypes = module_->prototypes[scale];
    const at::Tensor before = prototypes.clone();
    const at::Tensor& features = output.features[scale];
    const std::int64_t images = options_.update == "image" ? 1 : features.size(0);  // of one update
    for (std::int64_t b = 0; b < features.size(0); b += images) {
      update_prototypes(prototypes, features.slice(0, b, b + images), right.slice(0, b, b + images),
                        options_.ema);
    }
    moved += (prototypes - before).norm(2, 1).mean() / each;
    cosine += mean_cosine_similarity(prototypes) / each;
  }
  return {{"prototype_step", moved}, {"prototype_cosine", cosine}};
}

void Micpam::visit_state(StateVisitor& visitor) {
  visit_module(visitor, "micpam.", *module_);
  visitor.optimiser("micpam_adam", *optimiser_);
}

}  // namespace totum
