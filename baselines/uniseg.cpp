#include "baselines/uniseg.h"

#include <torch/torch.h>

#include <algorithm>

#include "baselines/assembly.h"
#include "baselines/one_network.h"
#include "baselines/one_softmax.h"
#include "core/random.h"
#include "methods/losses.h"
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
  out.seg = read_segmentation_form(options.object("seg"));
  options.no_more_keys();
  return out;
}

std::int64_t output_channels(const MethodSetup& setup, const UniSegOptions& options) {
  if (!options.task_slices) return 1 + kOrgans;
  std::size_t largest = 0;
  for (const Task& task : setup.tasks) largest = std::max(largest, task.organs.size());
  return 1 + static_cast<std::int64_t>(largest);
}

class UniSeg final : public OneNetwork<PromptUNet> {
 public:
  UniSeg(const MethodSetup& setup, const UniSegOptions& options)
      : OneNetwork(setup, PromptUNet(backbone_of(setup, output_channels(setup, options)),
                                     static_cast<std::int64_t>(setup.tasks.size()), setup.patch_voxels)),
        options_(options) {
    draw_prompt();
  }

 private:
  StepReport losses(const Batch& batch, const StepContext&) override {
    const at::Tensor task = at::tensor(batch.task, at::kLong).to(setup().device);
    const at::Tensor logits = network()->forward(batch.image, task);
    const at::Tensor loss = options_.task_slices
                                ? mean_slice_loss(logits, batch)
                                : mean_segmentation_loss(logits, batch, organs(), options_.seg);
    return {{"loss", loss}};
  }

  // Encoder and FUSE once; the decoder once for each task whose prompt is asked.
  at::Tensor probabilities(const at::Tensor& patch, Modality modality) override {
    const std::vector<std::int64_t> asked = asked_tasks(modality);
    const auto passes = static_cast<std::int64_t>(asked.size());
    const UNetLevels levels = network()->encode(patch);
    const at::Tensor prompts = network()
                                   ->prompts(levels)
                                   .index_select(1, at::tensor(asked, at::kLong).to(setup().device))
                                   .flatten(0, 1)
                                   .unsqueeze(1);  // [B·passes,1,d,h,w]
    const at::Tensor logits =
        network()->decode(repeat_images(levels, passes), prompts, patch.sizes().slice(2));
    const at::Tensor by_task = logits.unflatten(0, {patch.size(0), passes});  // [B,passes,outputs,D,H,W]
    if (options_.image_prompt && !options_.task_slices) return by_task.softmax(2).mean(1);
    std::vector<at::Tensor> heads;
    std::vector<Task> tasks;
    for (std::int64_t pass = 0; pass < passes; ++pass) {
      const auto t = static_cast<std::size_t>(asked[static_cast<std::size_t>(pass)]);
      heads.push_back(task_head(by_task.select(1, pass), organs()[t]));
      tasks.push_back(setup().tasks[t]);
    }
    return assemble_organs(heads, tasks);
  }

  // N(0,1), as in the original.
  void draw_prompt() {
    const torch::NoGradGuard no_grad;
    at::Tensor prompt = network()->universal_prompt();
    RandomStream random(setup().seed, "network/universal_prompt");
    std::vector<float> values(static_cast<std::size_t>(prompt.numel()));
    for (float& value : values) value = static_cast<float>(random.normal());
    prompt.copy_(at::tensor(values).view_as(prompt));
  }

  [[nodiscard]] std::vector<std::int64_t> asked_tasks(Modality modality) const {
    std::vector<std::int64_t> asked;
    for (std::size_t t = 0; t < setup().tasks.size(); ++t) {
      if (options_.image_prompt && setup().tasks[t].modality != modality) continue;
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
    return mean_over_images(batch, [&](std::int64_t b, std::size_t task) {
      const at::Tensor& own = organs()[task];
      return full_label_loss(logits[b].slice(0, 0, 1 + own.size(0)).flatten(1),
                             head_target(batch.label[b].flatten(), own));
    });
  }

  UniSegOptions options_;
};

}  // namespace

std::unique_ptr<Method> make_uniseg(const MethodSetup& setup, JsonReader options) {
  return std::make_unique<UniSeg>(setup, read_options(std::move(options)));
}

}  // namespace totum
