#include "baselines/dar_translator.h"

#include "baselines/ema_teacher.h"
#include "methods/state.h"
#include "networks/initialise.h"
#include "networks/slice_discriminators.h"

namespace totum {

namespace {

// Weights of the terms, as published.
constexpr double kReconstruction = 10, kCycle = 10, kContent = 1, kStyle = 1;

std::unique_ptr<torch::optim::Adam> make_gan_adam(std::vector<at::Tensor> parameters, double learning_rate) {
  return std::make_unique<torch::optim::Adam>(
      std::move(parameters), torch::optim::AdamOptions(learning_rate).betas({0.5, 0.9}).eps(1e-8));
}

at::Tensor mean_difference(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().mean(); }

void require_gradients(const std::vector<at::Tensor>& parameters, bool required) {
  for (at::Tensor parameter : parameters) parameter.requires_grad_(required);
}

// What one pass makes of a batch; _ct, _mr: of real slices, _ct_mr: CT content in MR's style.
struct Pass {
  at::Tensor content_ct, content_mr, style_ct, style_mr;
  at::Tensor again_ct, again_mr;            // decoded with their own style
  at::Tensor ct_mr, mr_ct;                  // translated
  at::Tensor content_ct_mr, content_mr_ct;  // encoded again
  at::Tensor style_ct_mr, style_mr_ct;
  at::Tensor cycle_ct, cycle_mr;  // translated back
};

Pass run(SliceTranslatorImpl& net, const at::Tensor& ct, const at::Tensor& mr) {
  Pass p;
  const auto contents = net.content(at::cat({ct, mr})).chunk(2);
  p.content_ct = contents[0];
  p.content_mr = contents[1];
  p.style_ct = net.style(ct, false);
  p.style_mr = net.style(mr, true);
  const auto decoded = net.decode(at::cat({p.content_ct, p.content_mr, p.content_ct, p.content_mr}),
                                  at::cat({p.style_ct, p.style_mr, p.style_mr, p.style_ct}))
                           .chunk(4);
  p.again_ct = decoded[0];
  p.again_mr = decoded[1];
  p.ct_mr = decoded[2];
  p.mr_ct = decoded[3];
  const auto recoded = net.content(at::cat({p.ct_mr, p.mr_ct})).chunk(2);
  p.content_ct_mr = recoded[0];
  p.content_mr_ct = recoded[1];
  p.style_ct_mr = net.style(p.ct_mr, true);
  p.style_mr_ct = net.style(p.mr_ct, false);
  const auto back =
      net.decode(at::cat({p.content_ct_mr, p.content_mr_ct}), at::cat({p.style_ct, p.style_mr})).chunk(2);
  p.cycle_ct = back[0];
  p.cycle_mr = back[1];
  return p;
}

}  // namespace

struct TranslatorTraining::Parts {
  explicit Parts(const TranslatorConfig& config)
      : translator(SliceTranslatorShape{config.width, config.slice_pixels}),
        averaged(SliceTranslatorShape{config.width, config.slice_pixels}),
        judge_ct(config.width, config.slice_pixels),
        judge_mr(config.width, config.slice_pixels),
        judge_content(4 * config.width, content_reductions(config.slice_pixels / 4)) {}

  [[nodiscard]] std::vector<at::Tensor> judges() const {
    std::vector<at::Tensor> all = judge_ct->parameters();
    for (const auto& more : {judge_mr->parameters(), judge_content->parameters()})
      all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  // Fakes shall be 0, real slices 1; MR's content 0, CT's 1.
  at::Tensor judges_loss(const Pass& p, const at::Tensor& ct, const at::Tensor& mr) {
    return least_squares(judge_ct(p.mr_ct.detach()), 0) + least_squares(judge_ct(ct), 1) +
           least_squares(judge_mr(p.ct_mr.detach()), 0) + least_squares(judge_mr(mr), 1) +
           least_squares({judge_content(p.content_mr.detach())}, 0) +
           least_squares({judge_content(p.content_ct.detach())}, 1);
  }

  SliceTranslator translator, averaged;
  ImageDiscriminator judge_ct, judge_mr;
  ContentDiscriminator judge_content;
  std::unique_ptr<torch::optim::Adam> adam, judges_adam;
  double average = 0.999;
};

TranslatorTraining::TranslatorTraining(const TranslatorConfig& config, std::uint64_t seed,
                                       const c10::Device& device)
    : parts_(std::make_unique<Parts>(config)) {
  Parts& parts = *parts_;
  initialise_he(*parts.translator, seed, "dar_unet/translator");
  initialise_he(*parts.judge_ct, seed, "dar_unet/judge_ct");
  initialise_he(*parts.judge_mr, seed, "dar_unet/judge_mr");
  initialise_he(*parts.judge_content, seed, "dar_unet/judge_content");
  freeze(*parts.averaged);
  follow_student(*parts.averaged, *parts.translator, 0);
  const std::vector<torch::nn::Module*> modules{parts.translator.get(), parts.averaged.get(),
                                                parts.judge_ct.get(), parts.judge_mr.get(),
                                                parts.judge_content.get()};
  for (torch::nn::Module* module : modules) module->to(device);
  parts.adam = make_gan_adam(parts.translator->parameters(), config.learning_rate);
  parts.judges_adam = make_gan_adam(parts.judges(), config.discriminator_lr);
  parts.average = config.average;
}

TranslatorTraining::~TranslatorTraining() = default;

StepReport TranslatorTraining::step(const at::Tensor& ct, const at::Tensor& mr) {
  Parts& parts = *parts_;
  const Pass p = run(*parts.translator, ct, mr);
  const at::Tensor judges = parts.judges_loss(p, ct, mr);
  parts.judges_adam->zero_grad();
  judges.backward();
  parts.judges_adam->step();

  require_gradients(parts.judges(), false);
  const at::Tensor reconstruction = mean_difference(ct, p.again_ct) + mean_difference(mr, p.again_mr);
  const at::Tensor cycle = mean_difference(ct, p.cycle_ct) + mean_difference(mr, p.cycle_mr);
  const at::Tensor content =
      mean_difference(p.content_ct, p.content_ct_mr) + mean_difference(p.content_mr, p.content_mr_ct);
  const at::Tensor style =
      mean_difference(p.style_ct, p.style_mr_ct) + mean_difference(p.style_mr, p.style_ct_mr);
  const at::Tensor adversarial = least_squares(parts.judge_ct(p.mr_ct), 1) +
                                 least_squares(parts.judge_mr(p.ct_mr), 1) +
                                 least_squares({parts.judge_content(p.content_mr)}, 1) +
                                 least_squares({parts.judge_content(p.content_ct)}, 0);
  const at::Tensor loss =
      kReconstruction * reconstruction + kCycle * cycle + kContent * content + kStyle * style + adversarial;
  parts.adam->zero_grad();
  loss.backward();
  parts.adam->step();
  require_gradients(parts.judges(), true);
  follow_student(*parts.averaged, *parts.translator, parts.average);
  return {{"loss", loss.detach()},
          {"reconstruction", reconstruction.detach()},
          {"cycle", cycle.detach()},
          {"content", content.detach()},
          {"style", style.detach()},
          {"adversarial", adversarial.detach()},
          {"discriminators", judges.detach()}};
}

SliceTranslator TranslatorTraining::averaged() { return parts_->averaged; }

void TranslatorTraining::visit(StateVisitor& visitor, const std::string& prefix) {
  Parts& parts = *parts_;
  visit_module(visitor, prefix + "translator.", *parts.translator);
  visit_module(visitor, prefix + "averaged.", *parts.averaged);
  visit_module(visitor, prefix + "judge_ct.", *parts.judge_ct);
  visit_module(visitor, prefix + "judge_mr.", *parts.judge_mr);
  visit_module(visitor, prefix + "judge_content.", *parts.judge_content);
  visitor.optimiser(prefix + "adam", *parts.adam);
  visitor.optimiser(prefix + "judges_adam", *parts.judges_adam);
}

}  // namespace totum
