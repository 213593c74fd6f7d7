#include "baselines/u2pl.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "baselines/assembly.h"
#include "baselines/cutmix.h"
#include "baselines/ema_teacher.h"
#include "baselines/mixing_partner.h"
#include "baselines/one_softmax.h"
#include "baselines/u2pl_losses.h"
#include "core/random.h"
#include "methods/optimiser.h"
#include "methods/organ_sets.h"
#include "methods/state.h"
#include "networks/initialise.h"
#include "networks/representation_unet.h"

namespace totum {

double u2pl_teacher_momentum(std::int64_t i, double ceiling) {
  return std::min(1 - 1 / static_cast<double>(i + 1), ceiling);
}

std::int64_t warmup_epochs(double share, std::int64_t epochs) {
  return std::max<std::int64_t>(1, std::llround(share * static_cast<double>(epochs)));
}

namespace {

struct U2plOptions {
  double ema = 0.99;
  double warmup = 1.0 / 80;
  double drop = 0.2;
  std::int64_t low_rank = 3;
  ContrastSettings contrast;
  std::int64_t bank = 30000;
  std::int64_t bank_background = 50000;
  double anchor_probability = 0.3;
  double cutmix = 0.5;
  SegmentationLossForm seg;
};

U2plOptions read_options(JsonReader options) {
  U2plOptions out;
  options.optional("ema", out.ema, between(0.0, 1.0));
  options.optional("warmup", out.warmup, between(0.0, 1.0));
  options.optional("drop", out.drop, between(0.0, 0.5));
  options.optional("low_rank", out.low_rank, between(1, kOrgans));
  options.optional("queries", out.contrast.queries, positive());
  options.optional("negatives", out.contrast.negatives, positive());
  options.optional("temperature", out.contrast.temperature, positive());
  options.optional("bank", out.bank, positive());
  options.optional("bank_background", out.bank_background, positive());
  options.optional("anchor_probability", out.anchor_probability, between(0.0, 1.0));
  options.optional("cutmix", out.cutmix, between(0.0, 1.0));
  out.seg = read_segmentation_form(options.object("seg"));
  options.no_more_keys();
  return out;
}

// What the second half of a step works on: the batch, or the batch after CutMix.
struct View {
  at::Tensor image;     // x' [B,1,D,H,W]
  at::Tensor known;     // [B,D,H,W] int64: labels of the voxel's own image
  at::Tensor labelled;  // bool [B,C], or [B,C,D,H,W] after CutMix
  at::Tensor pseudo;    // ŷ' [B,D,H,W] int64
};

// The teacher on an image, without gradient.
struct Judgement {
  at::Tensor probability;     // [B,1+C,D,H,W]
  at::Tensor corrected;       // the same with what the labels say
  at::Tensor representation;  // [B,width,d,h,w]
};

class U2pl final : public Method {
 public:
  U2pl(const MethodSetup& setup, const U2plOptions& options)
      : setup_(setup),
        options_(options),
        organ_table_(setup.tasks, setup.device),
        organs_(organ_indices(setup.tasks, setup.device)),
        student_(backbone_shape(1 + kOrgans, setup.backbone.base_width, setup.backbone.stem_stride)),
        teacher_(backbone_shape(1 + kOrgans, setup.backbone.base_width, setup.backbone.stem_stride)),
        bank_(capacities(options), 8 * setup.backbone.base_width, setup.device) {
    initialise_parameters(*student_->network(), setup.seed,
                          "network");  // the plain network's initial weights
    initialise_parameters(*student_->head(), setup.seed, "representation");
    freeze(*teacher_);
    follow_student(*teacher_, *student_, 0);
    student_->to(setup.device);
    teacher_->to(setup.device);
    optimiser_ = make_adam(student_->parameters(), setup.optimiser);
  }

  StepReport train_step(const Batch& batch, const StepContext& context) override {
    const OptimiserConfig& config = setup_.optimiser;
    set_learning_rate(*optimiser_, poly_learning_rate(config.learning_rate, context.epoch, context.epochs,
                                                      config.poly_power));
    student_->train();
    optimiser_->zero_grad();
    const bool warms_up = context.epoch < warmup_epochs(options_.warmup, context.epochs);
    const Losses losses = warms_up ? supervised_step(batch) : full_step(batch, context);
    optimiser_->step();
    if (!warms_up)
      follow_student(*teacher_, *student_, u2pl_teacher_momentum(teacher_updates_++, options_.ema));
    return {{"loss", (losses.seg + losses.unsup + losses.con).detach()},
            {"seg", losses.seg.detach()},
            {"unsup", losses.unsup.detach()},
            {"con", losses.con.detach()}};
  }

  // The teacher, as the original validates it; the student while there is none.
  at::Tensor predict(const at::Tensor& patch, Modality) override {
    const c10::InferenceMode inference;
    RepresentationUNet& network = teacher_updates_ > 0 ? teacher_ : student_;
    network->eval();
    return network->logits(patch).softmax(1);
  }

  void visit_state(StateVisitor& visitor) override {
    visit_module(visitor, "student.", *student_);
    visit_module(visitor, "teacher.", *teacher_);
    visitor.counter("teacher_updates", teacher_updates_);
    bank_.visit_state(visitor, "bank.");
    visitor.optimiser("student_adam", *optimiser_);
  }

 private:
  struct Losses {
    at::Tensor seg, unsup, con;
  };

  static std::vector<std::int64_t> capacities(const U2plOptions& options) {
    std::vector<std::int64_t> rows(1 + kOrgans, options.bank);
    rows[0] = options.bank_background;
    return rows;
  }

  Losses supervised_step(const Batch& batch) {
    const at::Tensor seg = segmentation(student_->logits(batch.image), batch);
    seg.backward();
    const at::Tensor zero = at::zeros({}, seg.options());
    return {seg, zero, zero};
  }

  // Where images were mixed the student sees two batches; the graph of the first is gone before the second is
  // made, since gradients add up. Else x' is x, and one pass serves all terms.
  Losses full_step(const Batch& batch, const StepContext& context) {
    if (teacher_updates_ == 0) follow_student(*teacher_, *student_, 0);
    const at::Tensor known = organ_table_.known_labels(batch);
    const CutMix mix = cutmix(batch, context.iteration);
    View view{batch.image, known, batch.labelled, {}};
    Judgement judgement = judge(view);
    view.pseudo = judgement.corrected.argmax(1);
    if (!mix.changes_anything()) {
      const RepresentationOutput output = student_->forward(batch.image);
      const at::Tensor seg = segmentation(output.logits, batch);
      const auto [unsup, con] = pseudo_label_losses(output, view, judgement, context);
      (seg + unsup + con).backward();
      return {seg, unsup, con};
    }
    const at::Tensor seg = segmentation(student_->logits(batch.image), batch);
    seg.backward();
    view = mixed(view, mix);
    judgement = judge(view);
    const auto [unsup, con] = pseudo_label_losses(student_->forward(view.image), view, judgement, context);
    (unsup + con).backward();
    return {seg, unsup, con};
  }

  [[nodiscard]] at::Tensor segmentation(const at::Tensor& logits, const Batch& batch) const {
    return mean_segmentation_loss(logits, batch, organs_, options_.seg);
  }

  // One throw for the batch, as in the original.
  [[nodiscard]] CutMix cutmix(const Batch& batch, std::int64_t iteration) const {
    RandomStream random(setup_.seed, "u2pl/mixes", static_cast<std::uint64_t>(iteration));
    if (!random.chance(options_.cutmix)) return {};
    const at::IntArrayRef size = batch.image.sizes().slice(2);
    return draw_cutmix(mixing_partners(batch.modality), {size[0], size[1], size[2]}, setup_.seed, iteration);
  }

  static View mixed(const View& view, const CutMix& mix) {
    std::vector<std::int64_t> shape = view.known.sizes().vec();
    shape.insert(shape.begin() + 1, view.labelled.size(1));
    const at::Tensor labelled = view.labelled.unsqueeze(-1).unsqueeze(-1).unsqueeze(-1).expand(shape);
    return {mix(view.image), mix(view.known), mix(labelled), mix(view.pseudo)};
  }

  Judgement judge(const View& view) {
    const torch::NoGradGuard no_grad;
    const RepresentationOutput output = teacher_->forward(view.image);
    const at::Tensor probability = output.logits.softmax(1);
    return {probability, corrected_probability(probability, view.known, view.labelled),
            output.representation};
  }

  // L_unsup at full size and L_con at the representation's; the bank takes this batch's negatives first.
  std::pair<at::Tensor, at::Tensor> pseudo_label_losses(const RepresentationOutput& student, const View& view,
                                                        const Judgement& teacher,
                                                        const StepContext& context) {
    const at::Tensor entropy = -at::xlogy(teacher.corrected, teacher.corrected).sum(1);
    const at::Tensor open = view.known == 0;
    const EntropyMasks masks =
        split_by_entropy(entropy, open, unreliable_share(options_.drop, context.epoch, context.epochs));
    const at::Tensor unsup = reliable_cross_entropy(student.logits, view.pseudo, open, masks.high);
    const ContrastMasks contrast =
        contrast_masks(contrast_voxels(view, teacher, masks), options_.anchor_probability, options_.low_rank);
    const at::Tensor vectors = rows(teacher.representation);
    remember_negatives(bank_, vectors, contrast.negative);
    const at::Tensor con = contrastive_loss(rows(student.representation), vectors, contrast, bank_,
                                            options_.contrast, {setup_.seed, context.iteration});
    return {unsup, con};
  }

  static ContrastVoxels contrast_voxels(const View& view, const Judgement& teacher,
                                        const EntropyMasks& masks) {
    const at::IntArrayRef size = teacher.representation.sizes().slice(2);
    const auto small = [&](const at::Tensor& x) { return nearest_resized(x, size); };
    const at::Tensor given = small(view.known) > 0;
    const at::Tensor probability =
        at::where(given.unsqueeze(1), small(teacher.probability), small(teacher.corrected));
    return {small(view.pseudo).flatten(), given.flatten(), small(masks.low).flatten(),
            small(masks.high).flatten(), rows(probability)};
  }

  static at::Tensor rows(const at::Tensor& x) {  // [B,K,d,h,w] -> [B·d·h·w,K]
    return x.permute({0, 2, 3, 4, 1}).flatten(0, 3);
  }

  MethodSetup setup_;
  U2plOptions options_;
  OrganTable organ_table_;
  std::vector<at::Tensor> organs_;  // by task, [|L_t|]
  RepresentationUNet student_, teacher_;
  std::int64_t teacher_updates_ = 0;  // since the warm-up's end
  MemoryBank bank_;
  std::unique_ptr<torch::optim::Adam> optimiser_;
};

}  // namespace

std::unique_ptr<Method> make_u2pl(const MethodSetup& setup, JsonReader options) {
  return std::make_unique<U2pl>(setup, read_options(std::move(options)));
}

}  // namespace totum
