#include "baselines/pcl.h"

#include <torch/torch.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "baselines/assembly.h"
#include "baselines/class_contrast.h"
#include "baselines/class_memory.h"
#include "baselines/ema_teacher.h"
#include "baselines/one_softmax.h"
#include "baselines/strong_view.h"
#include "methods/optimiser.h"
#include "methods/organ_sets.h"
#include "methods/state.h"
#include "networks/contrast_heads.h"
#include "networks/initialise.h"
#include "networks/residual_unet.h"

namespace totum {

double pseudo_label_ramp(double share, double ramp) {
  if (share >= ramp) return 1.0;
  const double rest = 1 - share / ramp;
  return std::exp(-5 * rest * rest);
}

double pcl_teacher_momentum(std::int64_t iteration, double share) {
  const double average = 1 - 1 / (10 * static_cast<double>(iteration) + 1);
  return std::min(average, 1 - 0.005 * (std::cos(std::numbers::pi * share) + 1) / 2);
}

at::Tensor confident_cross_entropy(const at::Tensor& logits, const PartialPseudoLabel& pseudo, double power) {
  const at::Tensor log_p = logits.log_softmax(1).gather(1, pseudo.label.unsqueeze(1)).squeeze(1);
  const at::Tensor open = pseudo.given.logical_not().to(logits.scalar_type());
  const at::Tensor weight = pseudo.confidence.pow(power) * open;
  const at::Tensor voxels = open.flatten(1).sum(1).clamp_min(1);  // [B]
  return (-(weight * log_p).flatten(1).sum(1) / voxels).mean();
}

at::Tensor mean_entropy(const at::Tensor& logits) {
  const at::Tensor log_p = logits.log_softmax(1);
  return -(log_p.exp() * log_p).sum(1).mean() / std::log(static_cast<double>(logits.size(1)));
}

namespace {

// Voxels of a class and batch that may enter the memory, or take part in the contrast; of more, as many are
// drawn at random. Ours.
constexpr std::int64_t kMostVoxels = 4096;

struct PclOptions {
  std::int64_t views = 1;
  double ramp = 0.06;  // R
  std::int64_t bank = 256;
  std::int64_t per_image = 2;
  double confidence = 0.95;
  double contrast = 0.1;
  double entropy = 0.01;
  double power = 6;
  double classmix = 0.75;
  SegmentationLossForm seg;
};

PclOptions read_options(JsonReader options) {
  PclOptions out;
  options.optional("views", out.views, between(1, 2));
  options.optional("ramp", out.ramp, between(0, 1));
  options.optional("bank", out.bank, at_least(2));
  options.optional("per_image", out.per_image, positive());
  options.optional("confidence", out.confidence, between(0, 1));
  options.optional("contrast", out.contrast, at_least(0));
  options.optional("entropy", out.entropy, at_least(0));
  options.optional("power", out.power, at_least(0));
  options.optional("classmix", out.classmix, between(0, 1));
  out.seg = read_segmentation_form(options.object("seg"));
  options.no_more_keys();
  return out;
}

// A network with its heads: the student, or the teacher.
struct Learner {
  ResidualUNet network;
  ContrastHeads heads;

  explicit Learner(const BackboneConfig& backbone)
      : network(backbone_shape(1 + kOrgans, backbone.base_width, backbone.stem_stride)),
        heads(2 * backbone.base_width, 1 + kOrgans) {}

  void visit_state(StateVisitor& visitor, const std::string& prefix) {
    visit_module(visitor, prefix + "network.", *network);
    visit_module(visitor, prefix + "heads.", *heads);
  }
};

// F²: what the heads stand on, [B,2w,D/4,H/4,W/4] of the stem's size.
const at::Tensor& head_features(const UNetOutput& output) { return output.features[1]; }

// A map of classes at the features' size, nearest: [B,D,H,W] int64 -> [B,d,h,w].
at::Tensor classes_at(const at::Tensor& classes, const at::Tensor& features) {
  const at::Tensor small =
      at::upsample_nearest3d(classes.unsqueeze(1).to(at::kFloat), features.sizes().slice(2));
  return small.squeeze(1).to(at::kLong);
}

// Feature vectors of chosen voxels: [B,n,d,h,w] -> [K,n].
at::Tensor vectors_at(const at::Tensor& features, const at::Tensor& voxels) {
  return features.movedim(1, -1).flatten(0, -2).index_select(0, voxels);
}

TaughtImages joined(const TaughtImages& a, const TaughtImages& b) {
  const auto join = [](const at::Tensor& x, const at::Tensor& y) { return at::cat({x, y}); };
  return {join(a.image, b.image),
          {join(a.pseudo.label, b.pseudo.label), join(a.pseudo.given, b.pseudo.given),
           join(a.pseudo.confidence, b.pseudo.confidence), join(a.pseudo.entropy, b.pseudo.entropy)}};
}

class Pcl final : public Method {
 public:
  Pcl(const MethodSetup& setup, const PclOptions& options)
      : setup_(setup),
        options_(options),
        student_(setup.backbone),
        teacher_(setup.backbone),
        memory_(1 + kOrgans, options.bank, setup.device),
        table_(setup.tasks, setup.device),
        organs_(organ_indices(setup.tasks, setup.device)) {
    initialise_parameters(*student_.network, setup.seed, "network");  // the plain network's own
    initialise_parameters(*student_.heads, setup.seed, "pcl/heads");
    for (Learner* learner : {&student_, &teacher_}) {
      learner->network->to(setup.device);
      learner->heads->to(setup.device);
    }
    teach(0.0);
    freeze(*teacher_.network);
    freeze(*teacher_.heads);
    std::vector<at::Tensor> parameters = student_.network->parameters();
    for (const at::Tensor& parameter : student_.heads->parameters()) parameters.push_back(parameter);
    optimiser_ = make_adam(parameters, setup.optimiser);
  }

  StepReport train_step(const Batch& batch, const StepContext& context) override {
    const OptimiserConfig& config = setup_.optimiser;
    set_learning_rate(*optimiser_, poly_learning_rate(config.learning_rate, context.epoch, context.epochs,
                                                      config.poly_power));
    const double share = static_cast<double>(context.epoch) / static_cast<double>(context.epochs);
    const Stage stage{context.iteration, pseudo_label_ramp(share, options_.ramp), share >= options_.ramp / 2,
                      share >= options_.ramp};
    student_.network->train();
    optimiser_->zero_grad();
    const PartialPseudoLabel pseudo = ask_teacher(batch, stage);
    // What the images themselves give goes back before their views go forward, so that fewer graphs are held
    // at a time; gradients add up to those of the sum.
    const ImageTerms own = learn_images(batch, pseudo, stage);
    const ViewTerms seen = learn_views(views_of({batch.image, pseudo}, batch.modality, stage), stage);
    optimiser_->step();
    teach(pcl_teacher_momentum(context.iteration, share));
    return {{"loss", own.loss + seen.loss},
            {"seg", own.seg},
            {"pseudo", seen.cross_entropy},
            {"entropy", seen.entropy},
            {"contrast", own.contrast + seen.contrast}};
  }

  at::Tensor predict(const at::Tensor& patch, Modality) override {
    const c10::InferenceMode inference;
    student_.network->eval();
    return student_.network->forward(patch).logits.softmax(1);
  }

  void visit_state(StateVisitor& visitor) override {
    student_.visit_state(visitor, "");
    teacher_.visit_state(visitor, "teacher.");
    memory_.visit_state(visitor, "memory.");
    visitor.optimiser("adam", *optimiser_);
  }

 private:
  // How far the training is.
  struct Stage {
    std::int64_t iteration;
    double ramp;     // r
    bool remembers;  // from R/2 on
    bool contrasts;  // from R on; ClassMix too
  };
  // Scalars without gradient.
  struct ImageTerms {
    at::Tensor loss, seg, contrast;
  };
  struct ViewTerms {
    at::Tensor loss, cross_entropy, entropy, contrast;
  };

  void teach(double momentum) {
    follow_student(*teacher_.network, *student_.network, momentum);
    follow_student(*teacher_.heads, *student_.heads, momentum);
  }

  // L_seg, and the contrast of given voxels; goes back.
  ImageTerms learn_images(const Batch& batch, const PartialPseudoLabel& pseudo, const Stage& stage) {
    const UNetOutput output = student_.network->forward(batch.image);
    const at::Tensor seg = mean_segmentation_loss(output.logits, batch, organs_, options_.seg);
    const at::Tensor contrast = contrast_of(output, at::where(pseudo.given, pseudo.label, -1), stage, 0);
    const at::Tensor loss = seg + options_.contrast * contrast;
    loss.backward();
    return {loss.detach(), seg.detach(), contrast.detach()};
  }

  // Pseudo-labels, entropy, and the contrast of all voxels of the views; goes back.
  ViewTerms learn_views(const TaughtImages& views, const Stage& stage) {
    const UNetOutput output = student_.network->forward(views.image);
    const at::Tensor cross_entropy = confident_cross_entropy(output.logits, views.pseudo, options_.power);
    const at::Tensor entropy = mean_entropy(output.logits);
    const at::Tensor contrast = contrast_of(output, views.pseudo.label, stage, 1);
    const at::Tensor loss =
        stage.ramp * cross_entropy + options_.entropy * entropy + options_.contrast * contrast;
    loss.backward();
    return {loss.detach(), cross_entropy.detach(), entropy.detach(), contrast.detach()};
  }

  // What the teacher says of the batch's images; on the way vectors of which it is sure go into the memory:
  // the best of at most kMostVoxels of a class.
  PartialPseudoLabel ask_teacher(const Batch& batch, const Stage& stage) {
    const torch::NoGradGuard no_grad;
    const UNetOutput output = teacher_.network->forward(batch.image);
    const at::Tensor probability = output.logits.softmax(1);
    const PartialPseudoLabel pseudo =
        partial_pseudo_label(probability, table_.known_labels(batch), batch.labelled);
    if (stage.remembers) {
      const at::Tensor trusted =
          trusted_classes(probability, pseudo.label, pseudo.given, options_.confidence);
      const at::Tensor& features = head_features(output);
      RandomStream random(setup_.seed, "pcl/memory", static_cast<std::uint64_t>(stage.iteration));
      const ClassVoxels voxels =
          voxels_by_class(classes_at(trusted, features), 1 + kOrgans, kMostVoxels, random);
      remember(memory_, teacher_.heads, vectors_at(features, voxels.index), voxels.counts,
               options_.per_image * batch.image.size(0));
    }
    return pseudo;
  }

  // All strong views of the batch, one behind the other.
  [[nodiscard]] TaughtImages views_of(const TaughtImages& images, const std::vector<Modality>& modality,
                                      const Stage& stage) const {
    const double classmix = stage.contrasts ? options_.classmix : 0.0;
    TaughtImages views = strong_view(images, modality, classmix, {setup_.seed, stage.iteration, 0});
    for (std::int64_t view = 1; view < options_.views; ++view)
      views = joined(views, strong_view(images, modality, classmix, {setup_.seed, stage.iteration, view}));
    return views;
  }

  // Of the voxels that have a class in 0..C, classes [B,D,H,W]; 0 before the contrast begins. `pass` 0: the
  // images, 1: their views.
  at::Tensor contrast_of(const UNetOutput& output, const at::Tensor& classes, const Stage& stage,
                         std::uint64_t pass) {
    const at::Tensor& features = head_features(output);
    const at::Tensor none = at::zeros({}, features.options());
    if (!stage.contrasts) return none;
    RandomStream random(setup_.seed, "pcl/contrast", static_cast<std::uint64_t>(stage.iteration), pass);
    const ClassVoxels voxels =
        voxels_by_class(classes_at(classes, features), 1 + kOrgans, kMostVoxels, random);
    if (voxels.index.size(0) < 2) return none;
    const at::Tensor projected = student_.heads->project(vectors_at(features, voxels.index));
    return class_contrast(student_.heads, student_.heads->predict(projected), voxels.counts, memory_);
  }

  MethodSetup setup_;
  PclOptions options_;
  Learner student_, teacher_;
  ClassMemory memory_;
  OrganTable table_;
  std::vector<at::Tensor> organs_;  // by task, [|L_t|]
  std::unique_ptr<torch::optim::Adam> optimiser_;
};

}  // namespace

std::unique_ptr<Method> make_pcl(const MethodSetup& setup, JsonReader options) {
  return std::make_unique<Pcl>(setup, read_options(std::move(options)));
}

}  // namespace totum
