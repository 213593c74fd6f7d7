#include "baselines/dar_unet.h"

#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <optional>

#include "baselines/dar_gallery.h"
#include "baselines/dar_losses.h"
#include "baselines/dar_translation.h"
#include "methods/optimiser.h"
#include "methods/state.h"
#include "networks/dar_unet.h"
#include "networks/initialise.h"

namespace totum {

namespace {

constexpr std::int64_t kTranslatorPart = 0;
constexpr double kWeightDecay = 1e-4;  // decoupled
constexpr std::int64_t kGalleryCases = 3;

// One modality's network.
struct Segmenter {
  Modality modality = Modality::ct;
  std::string name;  // "s_ct"
  DarUNet network{nullptr};
  std::unique_ptr<torch::optim::Adam> adam;
};

std::int64_t default_slice(const MethodSetup& setup) {
  const std::int64_t side = std::max(setup.patch_voxels[1], setup.patch_voxels[2]);
  return (side * 4 + 47) / 48 * 16;  // 4/3 of it, up to a multiple of 16
}

class DarUnetMethod final : public Method {
 public:
  DarUnetMethod(const MethodSetup& setup, const DarUnetOptions& options)
      : setup_(setup), options_(options), translator_(options.translator, setup.seed, setup.device) {
    for (const Modality modality : {Modality::ct, Modality::mr}) add_segmenter(modality);
    for (const Task& task : setup.tasks) {
      organs_.push_back(at::tensor(task.organs, at::kLong).to(setup.device));
    }
  }

  void begin_training(const TrainingData& data) override {
    data_ = &data;
    slices_.emplace(data, setup_.tasks);
    translation_.reset();
  }

  StepReport train_step(const Batch& batch, const StepContext& context) override {
    TORCH_CHECK(data_ != nullptr, "DAR-UNet was given no training data");
    if (context.part == kTranslatorPart) return translator_step(context.iteration);
    return segmenter_step(segmenters_.at(static_cast<std::size_t>(context.part - 1)), batch, context);
  }

  at::Tensor predict(const at::Tensor& patch, Modality modality) override {
    return predict_by(segmenters_[modality == Modality::ct ? 0 : 1], patch);
  }

  at::Tensor predict_part(std::int64_t part, const at::Tensor& patch, Modality) override {
    return predict_by(segmenters_.at(static_cast<std::size_t>(part - 1)), patch);
  }

  void visit_state(StateVisitor& visitor) override {
    translator_.visit(visitor, "translator/");
    for (Segmenter& s : segmenters_) {
      visit_module(visitor, s.name + "/network.", *s.network);
      visitor.optimiser(s.name + "/adam", *s.adam);
    }
  }

  [[nodiscard]] std::vector<TrainingPart> parts() const override {
    std::vector<TrainingPart> parts;
    parts.push_back({.name = "translator", .own_iterations = options_.stage1_iterations});
    // Together the common number of epochs.
    const std::array<std::int64_t, 2> epochs{(setup_.epochs + 1) / 2,
                                             std::max<std::int64_t>(setup_.epochs / 2, 1)};
    for (std::size_t s = 0; s < segmenters_.size(); ++s) {
      parts.push_back({.name = segmenters_[s].name,
                       .epochs = epochs[s],
                       .validation_tasks = tasks_in(segmenters_[s].modality)});
    }
    return parts;
  }

 private:
  void add_segmenter(Modality modality) {
    DarUNetShape shape = dar_unet_shape(setup_.backbone.base_width, setup_.backbone.stem_stride);
    shape.outputs = 1 + kOrgans;
    shape.block.norm_momentum = options_.norm_momentum;
    Segmenter s{modality, "s_" + std::string(to_string(modality)), DarUNet(shape), nullptr};
    initialise_parameters(*s.network, setup_.seed, "dar_unet/" + s.name);
    s.network->to(setup_.device);
    s.adam = make_adam(s.network->parameters(), {options_.segmenter_lr, 0.0});
    segmenters_.push_back(std::move(s));
  }

  [[nodiscard]] std::vector<std::int64_t> tasks_in(Modality modality) const {
    std::vector<std::int64_t> tasks;
    for (std::size_t t = 0; t < setup_.tasks.size(); ++t) {
      if (setup_.tasks[t].modality == modality) tasks.push_back(static_cast<std::int64_t>(t));
    }
    return tasks;
  }

  StepReport translator_step(std::int64_t iteration) {
    translation_.reset();  // its weights change now
    const auto slices = [&](Modality modality) {
      std::vector<at::Tensor> drawn;
      for (std::int64_t slot = 0; slot < options_.translator.batch; ++slot) {
        RandomStream random(setup_.seed, "dar_unet/slices/" + std::string(to_string(modality)),
                            static_cast<std::uint64_t>(iteration), static_cast<std::uint64_t>(slot));
        drawn.push_back(slices_->draw(modality, options_.translator.slice_pixels, random));
      }
      return at::stack(drawn).unsqueeze(1).to(setup_.device);  // [B,1,S,S]
    };
    return translator_.step(slices(Modality::ct), slices(Modality::mr));
  }

  VolumeTranslation& translation() {
    if (!translation_) {
      translation_.emplace(
          translator_.averaged(), *slices_, *data_,
          TranslationConfig{options_.styles, setup_.seed, options_.translator.slice_pixels, setup_.device});
    }
    return *translation_;
  }

  StepReport segmenter_step(Segmenter& s, const Batch& batch, const StepContext& context) {
    if (context.iteration == 0) write_gallery(translation(), s.modality, kGalleryCases, *data_);
    const double rate = cosine_learning_rate(options_.segmenter_lr, context.epoch, context.epochs);
    set_learning_rate(*s.adam, rate);
    s.network->train();
    const auto outputs = s.network->forward(in_modality(s, batch, context.iteration));
    const auto images = static_cast<std::int64_t>(batch.task.size());
    DarLossTerms sum{at::zeros({}, batch.image.options()), at::zeros({}, batch.image.options())};
    for (std::int64_t b = 0; b < images; ++b) {
      std::vector<at::Tensor> own;  // [1+C,N] each
      for (const at::Tensor& output : outputs) own.push_back(output[b].flatten(1));
      const auto task = static_cast<std::size_t>(batch.task[static_cast<std::size_t>(b)]);
      const DarLossTerms terms = dar_loss(own, batch.label[b].flatten(), organs_[task]);
      sum.focal = sum.focal + terms.focal / static_cast<double>(images);
      sum.dice = sum.dice + terms.dice / static_cast<double>(images);
    }
    const at::Tensor loss = options_.focal * sum.focal + sum.dice;
    s.adam->zero_grad();
    loss.backward();
    decay_weights(*s.adam, rate * kWeightDecay);
    s.adam->step();
    return {{"loss", loss.detach()}, {"focal", sum.focal.detach()}, {"dice", sum.dice.detach()}};
  }

  // The batch's images, those of the other modality translated in a style drawn for this step.
  at::Tensor in_modality(const Segmenter& s, const Batch& batch, std::int64_t iteration) {
    at::Tensor images = batch.image.clone();
    for (std::size_t b = 0; b < batch.task.size(); ++b) {
      if (batch.modality[b] == s.modality) continue;
      RandomStream random(setup_.seed, "dar_unet/style/" + s.name, static_cast<std::uint64_t>(iteration), b);
      const std::int64_t style = random.below(translation().styles(s.modality));
      at::Tensor patch = translation()
                             .volume(batch.case_id[b], s.modality, style)
                             .patch(batch.place[b].start, setup_.patch_voxels);
      data_->augment(patch, batch.case_id[b], batch.place[b].epoch);
      images[static_cast<std::int64_t>(b)][0].copy_(patch);
    }
    return images;
  }

  static at::Tensor predict_by(Segmenter& s, const at::Tensor& patch) {
    const c10::InferenceMode inference;
    s.network->eval();
    return s.network->predict(patch).softmax(1);
  }

  MethodSetup setup_;
  DarUnetOptions options_;
  TranslatorTraining translator_;
  std::vector<Segmenter> segmenters_;  // CT, MR
  std::vector<at::Tensor> organs_;     // by task, [|L|]
  const TrainingData* data_ = nullptr;
  std::optional<AxialSlices> slices_;
  std::optional<VolumeTranslation> translation_;  // of the translator's present weights
};

}  // namespace

DarUnetOptions read_dar_unet_options(const MethodSetup& setup, JsonReader json) {
  DarUnetOptions options;
  options.translator.width = setup.backbone.base_width;
  options.translator.slice_pixels = default_slice(setup);
  json.optional("stage1_iterations", options.stage1_iterations, at_least(1));
  json.optional("styles", options.styles, at_least(1));
  json.optional("slice", options.translator.slice_pixels, multiple_of(16));
  json.optional("segmenter_lr", options.segmenter_lr, positive());
  json.optional("focal", options.focal, at_least(0.0));
  json.optional("norm_momentum", options.norm_momentum, between(0.0, 1.0));
  JsonReader translator = json.object("translator");
  translator.optional("width", options.translator.width, at_least(1));
  translator.optional("batch", options.translator.batch, at_least(1));
  translator.optional("lr", options.translator.learning_rate, positive());
  translator.optional("ema", options.translator.average, between(0.0, 1.0));
  translator.no_more_keys();
  json.no_more_keys();
  options.translator.discriminator_lr = 2 * options.translator.learning_rate;
  return options;
}

std::unique_ptr<Method> make_dar_unet(const MethodSetup& setup, JsonReader options) {
  return std::make_unique<DarUnetMethod>(setup, read_dar_unet_options(setup, std::move(options)));
}

}  // namespace totum
