#include "baselines/uniseg.h"

#include <torch/torch.h>

#include <algorithm>

#include "baselines/assembly.h"
#include "baselines/one_softmax.h"
#include "core/random.h"
#include "methods/optimiser.h"
#include "methods/state.h"
#include "networks/initialise.h"
#include "networks/prompt_unet.h"

namespace totum {

namespace {

struct UniSegOptions {
  bool task_slices = false;   // else all organs in one softmax
  bool image_prompt = false;  // in prediction; else each organ's owner's
  SegmentationLossForm seg;
};

UniSegOptions read_options(JsonReader options) {
  UniSegOptions out;
  std::string output = "all-organs";
  std::string prompt = "owner";
  options.optional("output", output, one_of({"all-organs", "task-slices"}));
  options.optional("prompt", prompt, one_of({"owner", "image"}));
  out.task_slices = output == "task-slices";
  out.image_prompt = prompt == "image";
  if (out.task_slices && options.has("seg")) options.fail("seg", "must not be there with task-slices");
  out.seg = read_segmentation_form(options);
  options.no_more_keys();
  return out;
}

std::int64_t output_channels(const MethodSetup& setup, const UniSegOptions& options) {
  if (!options.task_slices) return 1 + kOrgans;
  std::size_t largest = 0;
  for (const Task& task : setup.tasks) largest = std::max(largest, task.organs.size());
  return 1 + static_cast<std::int64_t>(largest);
}

class UniSeg final : public Method {
 public:
  UniSeg(const MethodSetup& setup, const UniSegOptions& options)
      : setup_(setup),
        options_(options),
        network_(backbone_shape(output_channels(setup, options), setup.backbone.base_width,
                                setup.backbone.stem_stride),
                 static_cast<std::int64_t>(setup.tasks.size()), setup.patch_voxels),
        organs_(organ_indices(setup.tasks, setup.device)) {
    initialise_parameters(*network_, setup.seed, "network");
    draw_prompt();
    network_->to(setup.device);
    optimiser_ = make_adam(network_->parameters(), setup.optimiser);
  }

  StepReport train_step(const Batch& batch, const StepContext& context) override {
    const OptimiserConfig& config = setup_.optimiser;
    set_learning_rate(*optimiser_, poly_learning_rate(config.learning_rate, context.epoch, context.epochs,
                                                      config.poly_power));
    network_->train();
    const at::Tensor task = at::tensor(batch.task, at::kLong).to(setup_.device);
    const at::Tensor logits = network_->forward(batch.image, task);
    const at::Tensor loss = options_.task_slices
                                ? mean_slice_loss(logits, batch)
                                : mean_segmentation_loss(logits, batch, organs_, options_.seg);
    optimiser_->zero_grad();
    loss.backward();
    optimiser_->step();
    return {{"loss", loss.detach()}};
  }

  // Encoder and FUSE once; the decoder once for each task whose prompt is asked.
  at::Tensor predict(const at::Tensor& patch, Modality modality) override {
    const c10::InferenceMode inference;
    network_->eval();
    const std::vector<std::int64_t> asked = asked_tasks(modality);
    const auto passes = static_cast<std::int64_t>(asked.size());
    const UNetLevels levels = network_->encode(patch);
    const at::Tensor prompts = network_->prompts(levels)
                                   .index_select(1, at::tensor(asked, at::kLong).to(setup_.device))
                                   .flatten(0, 1)
                                   .unsqueeze(1);  // [B·passes,1,d,h,w]
    const at::Tensor logits =
        network_->decode(repeat_images(levels, passes), prompts, patch.sizes().slice(2));
    const at::Tensor by_task = logits.unflatten(0, {patch.size(0), passes});  // [B,passes,outputs,D,H,W]
    if (options_.image_prompt && !options_.task_slices) return by_task.softmax(2).mean(1);
    std::vector<at::Tensor> heads;
    std::vector<Task> tasks;
    for (std::int64_t pass = 0; pass < passes; ++pass) {
      const auto t = static_cast<std::size_t>(asked[static_cast<std::size_t>(pass)]);
      heads.push_back(task_head(by_task.select(1, pass), organs_[t]));
      tasks.push_back(setup_.tasks[t]);
    }
    return assemble_organs(heads, tasks);
  }

  void visit_state(StateVisitor& visitor) override {
    visit_module(visitor, "network.", *network_);
    visitor.optimiser("network_adam", *optimiser_);
  }

 private:
  // N(0,1), as in the original.
  void draw_prompt() {
    const torch::NoGradGuard no_grad;
    at::Tensor prompt = network_->universal_prompt();
    RandomStream random(setup_.seed, "network/universal_prompt");
    std::vector<float> values(static_cast<std::size_t>(prompt.numel()));
    for (float& value : values) value = static_cast<float>(random.normal());
    prompt.copy_(at::tensor(values).view_as(prompt));
  }

  [[nodiscard]] std::vector<std::int64_t> asked_tasks(Modality modality) const {
    std::vector<std::int64_t> asked;
    for (std::size_t t = 0; t < setup_.tasks.size(); ++t) {
      if (options_.image_prompt && setup_.tasks[t].modality != modality) continue;
      asked.push_back(static_cast<std::int64_t>(t));
    }
    TORCH_CHECK(!asked.empty(), "no task has images of modality ", to_string(modality),
                ", so there is no prompt for them; use \"prompt\": \"owner\"");
    return asked;
  }

  // Softmax probabilities of background and the task's organs, [B,1+|L_t|,D,H,W].
  [[nodiscard]] at::Tensor task_head(const at::Tensor& logits, const at::Tensor& organs) const {
    if (options_.task_slices) return logits.slice(1, 0, 1 + organs.size(0)).softmax(1);
    const at::Tensor p = logits.softmax(1);
    return at::cat({p.slice(1, 0, 1), p.index_select(1, organs)}, 1);
  }

  [[nodiscard]] at::Tensor mean_slice_loss(const at::Tensor& logits, const Batch& batch) const {
    at::Tensor loss = at::zeros({}, logits.options());
    for (std::size_t b = 0; b < batch.task.size(); ++b) {
      const at::Tensor& organs = organs_[static_cast<std::size_t>(batch.task[b])];
      const auto image = static_cast<std::int64_t>(b);
      loss = loss + full_label_loss(logits[image].slice(0, 0, 1 + organs.size(0)).flatten(1),
                                    head_target(batch.label[image].flatten(), organs));
    }
    return loss / static_cast<double>(batch.task.size());
  }

  MethodSetup setup_;
  UniSegOptions options_;
  PromptUNet network_;
  std::vector<at::Tensor> organs_;  // by task, [|L_t|]
  std::unique_ptr<torch::optim::Adam> optimiser_;
};

}  // namespace

std::unique_ptr<Method> make_uniseg(const MethodSetup& setup, JsonReader options) {
  return std::make_unique<UniSeg>(setup, read_options(std::move(options)));
}

}  // namespace totum
