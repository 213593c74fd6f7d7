#include "experiments/trainer.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "data/sampler/patch_sampler.h"
#include "evaluation/score_case.h"
#include "experiments/multiply_adds.h"
#include "experiments/predict_case.h"
#include "experiments/registry.h"
#include "experiments/run_store.h"
#include "experiments/train_log.h"
#include "experiments/training_source.h"
#include "methods/checkpoint.h"

namespace totum {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The trainer's own state; the method's is what visit_state shows.
struct Position {
  std::int64_t part = 0;
  std::int64_t iteration = 0;  // the next one
  std::vector<double> best_sums;
  std::int64_t log_bytes = 0;
  double elapsed_s = 0;
  std::vector<std::int64_t> observed_iterations, observed_multiply_adds;  // by part
  std::int64_t peak_memory_bytes = 0;
};

nlohmann::json to_json(const Position& p) {
  return {{"part", p.part},
          {"iteration", p.iteration},
          {"best_sums", p.best_sums},
          {"log_bytes", p.log_bytes},
          {"elapsed_s", p.elapsed_s},
          {"observed_iterations", p.observed_iterations},
          {"observed_multiply_adds", p.observed_multiply_adds},
          {"peak_memory_bytes", p.peak_memory_bytes}};
}

Position position_from_json(const nlohmann::json& json, const std::string& file) {
  JsonReader reader(json, file);
  Position p;
  reader.required("part", p.part);
  reader.required("iteration", p.iteration);
  reader.required("best_sums", p.best_sums);
  reader.required("log_bytes", p.log_bytes);
  reader.required("elapsed_s", p.elapsed_s);
  reader.required("observed_iterations", p.observed_iterations);
  reader.required("observed_multiply_adds", p.observed_multiply_adds);
  reader.required("peak_memory_bytes", p.peak_memory_bytes);
  reader.no_more_keys();
  return p;
}

// Whether a number in the method's tensors or in Adam's moments is NaN or infinite. All tensors are looked at
// before the one wait for the device.
class FiniteVisitor final : public StateVisitor {
 public:
  void tensor(const std::string& name, at::Tensor& value) override {
    if (!value.is_floating_point() || value.numel() == 0) return;
    names_.push_back(name);
    finite_.push_back(value.detach().isfinite().all());
  }
  void counter(const std::string&, std::int64_t&) override {}
  // A moment is called as in the checkpoint. One that overflowed leaves the weights finite: Adam divides by
  // it.
  void optimiser(const std::string& name, torch::optim::Optimizer& value) override {
    std::size_t j = 0;
    for (const auto& group : value.param_groups()) {
      for (const at::Tensor& parameter : group.params()) {
        const auto found = value.state().find(parameter.unsafeGetTensorImpl());
        if (found != value.state().end()) moments(fmt::format("{}#{}", name, j), *found->second);
        ++j;
      }
    }
  }
  /// The first tensor with such a number; "" if there is none.
  [[nodiscard]] std::string broken() const {
    if (finite_.empty()) return "";
    const at::Tensor finite = at::stack(finite_).cpu();
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (!finite[static_cast<std::int64_t>(i)].item<bool>()) return names_[i];
    }
    return "";
  }

 private:
  void moments(const std::string& name, torch::optim::OptimizerParamState& state) {
    auto* adam = dynamic_cast<torch::optim::AdamParamState*>(&state);
    if (adam == nullptr) return;
    tensor(name + ".exp_avg", adam->exp_avg());
    tensor(name + ".exp_avg_sq", adam->exp_avg_sq());
  }
  std::vector<std::string> names_;
  std::vector<at::Tensor> finite_;
};

// Steps of one parameter; 0 for an optimiser that doesn't count them.
std::int64_t steps_of(const torch::optim::OptimizerParamState& state) {
  if (const auto* adam = dynamic_cast<const torch::optim::AdamParamState*>(&state)) return adam->step();
  const auto* adam_w = dynamic_cast<const torch::optim::AdamWParamState*>(&state);
  return adam_w != nullptr ? adam_w->step() : 0;
}

// What can be counted in a method's state. Of an optimiser the most steps of any parameter, since one without
// a gradient is passed over; one that a method makes anew in each iteration is no part of its state.
class CountingVisitor final : public StateVisitor {
 public:
  void tensor(const std::string&, at::Tensor& value) override {
    if (value.requires_grad()) parameters += value.numel();
  }
  void counter(const std::string&, std::int64_t&) override {}
  void optimiser(const std::string& name, torch::optim::Optimizer& value) override {
    std::int64_t& most = steps[name];
    for (const auto& [key, state] : value.state()) most = std::max(most, steps_of(*state));
  }
  std::int64_t parameters = 0;
  std::map<std::string, std::int64_t> steps;
};

Batch to_device(Batch batch, const c10::Device& device) {
  if (device.is_cpu()) return batch;
  for (at::Tensor* tensor : {&batch.image, &batch.label, &batch.labelled, &batch.atlas})
    *tensor = tensor->to(device);
  return batch;
}

constexpr StateSelection kWeightsOnly{"", false};

class Trainer {
 public:
  Trainer(Method& method, const TrainingJob& job, Progress& progress)
      : method_(method),
        job_(job),
        preset_(job.record.preset),
        folder_{job.folder},
        progress_(progress),
        parts_(method.parts()),
        supervision_(find_method(job.record.method).traits.supervision),
        source_(job.data, preset_.sampler, job.record.seed, supervision_, job.folder) {
    for (const TrainingPart& part : parts_) {
      samplers_.emplace_back(job.data, preset_.sampler, job.record.seed, part.tasks, part.name, supervision_);
    }
    for (std::int64_t part = 0; part < static_cast<std::int64_t>(parts_.size()); ++part) {
      total_ += iterations(part);
      if (!draws_own_images(part)) patches_ += iterations(part) * preset_.sampler.batch_size;
    }
  }

  TrainingSummary run() {
    load();
    TrainLog log(folder_.log(), position_.log_bytes);
    log_ = &log;
    progress_.start("training " + job_.record.name(), total_);
    started_ = last_checkpoint_ = Clock::now();
    elapsed_before_ = position_.elapsed_s;
    method_.begin_training(source_);
    while (position_.part < static_cast<std::int64_t>(parts_.size())) train_part();
    if (fs::exists(folder_.best())) load_state(method_, folder_.best(), kWeightsOnly);
    progress_.finish();
    CountingVisitor visitor;
    method_.visit_state(visitor);
    return {patches_,      visitor.parameters,  elapsed_s(),
            peak_memory(), position_.best_sums, work(visitor.steps)};
  }

 private:
  [[nodiscard]] const PatchSampler& sampler() const {
    return samplers_[static_cast<std::size_t>(position_.part)];
  }
  [[nodiscard]] const TrainingPart& part_at(std::int64_t part) const {
    return parts_[static_cast<std::size_t>(part)];
  }
  [[nodiscard]] bool draws_own_images(std::int64_t part) const { return part_at(part).own_iterations > 0; }
  [[nodiscard]] std::int64_t epochs(std::int64_t part) const {
    return part_at(part).epochs > 0 ? part_at(part).epochs : preset_.schedule.epochs;
  }
  [[nodiscard]] std::int64_t iterations(std::int64_t part) const {
    if (draws_own_images(part)) return part_at(part).own_iterations;
    return samplers_[static_cast<std::size_t>(part)].iterations(epochs(part));
  }
  // Position of the part among those that are validated.
  [[nodiscard]] std::size_t validated_before(std::int64_t part) const {
    std::size_t count = 0;
    for (std::int64_t p = 0; p < part; ++p) count += draws_own_images(p) ? 0 : 1;
    return count;
  }
  [[nodiscard]] StepContext step_context() const {
    if (draws_own_images(position_.part)) return {position_.part, position_.iteration, 0, 1};
    return {position_.part, position_.iteration, sampler().epoch(position_.iteration),
            epochs(position_.part)};
  }
  [[nodiscard]] double elapsed_s() const { return elapsed_before_ + seconds_since(started_); }

  [[nodiscard]] std::int64_t peak_memory() const {
    return std::max(position_.peak_memory_bytes, peak_memory_bytes());
  }

  [[nodiscard]] TrainingWork work(std::map<std::string, std::int64_t> optimisers) const {
    TrainingWork work{total_, std::move(optimisers)};
    for (std::size_t p = 0; p < parts_.size(); ++p) {
      const std::int64_t observed = position_.observed_iterations[p];
      work.observed_iterations += observed;
      work.multiply_adds += static_cast<double>(position_.observed_multiply_adds[p]) /
                            static_cast<double>(observed) *
                            static_cast<double>(iterations(static_cast<std::int64_t>(p)));
    }
    return work;
  }

  void load() {
    position_.observed_iterations.assign(parts_.size(), 0);
    position_.observed_multiply_adds.assign(parts_.size(), 0);
    if (!fs::exists(folder_.checkpoint())) return;
    try {
      const auto metadata = load_state(method_, folder_.checkpoint());
      const auto found = metadata.find("trainer");
      if (found == metadata.end())
        throw DataError(folder_.checkpoint().string() + ": says nothing about the trainer");
      position_ = position_from_json(nlohmann::json::parse(found->second), folder_.checkpoint().string());
    } catch (const DataError& error) {
      throw DataError(
          fmt::format("{}; remove that file to train this run again from the start", error.what()));
    }
    log_info(fmt::format("{}: continued at part {}, iteration {}", job_.record.name(), position_.part,
                         position_.iteration));
  }

  // What is saved is trusted ever after, so nothing that is not finite is: neither the last losses, which
  // no one may have read yet, nor the state itself, which the last update may have spoilt.
  void save_checkpoint() {
    check_losses();
    check_state();
    position_.log_bytes = log_->sync();
    position_.elapsed_s = elapsed_s();
    position_.peak_memory_bytes = peak_memory();
    save_state(method_, folder_.checkpoint(), {{"trainer", to_json(position_).dump()}});
    last_checkpoint_ = Clock::now();
  }

  void train_part() {
    const std::int64_t end = iterations(position_.part);
    const bool own_images = draws_own_images(position_.part);
    BatchPrefetcher batches(sampler(), end);
    const auto begun = Clock::now();
    const std::int64_t first = position_.iteration;
    while (position_.iteration < end) {
      stop_if_asked();
      const StepContext context = step_context();
      const StepReport report =
          train_step(own_images ? Batch{} : on_device(batches.batch(position_.iteration)), context);
      ++position_.iteration;
      const double rate = static_cast<double>((position_.iteration - first) * preset_.sampler.batch_size) /
                          seconds_since(begun);
      after_step(context, report, end, rate);
    }
    if (own_images) {
      check_state();  // as before a validation: the last update may have spoilt what is kept
      save_best();
    } else if (fs::exists(folder_.best())) {
      load_state(method_, folder_.best(), kWeightsOnly);
    }
    ++position_.part;
    position_.iteration = 0;
    save_checkpoint();
  }

  [[nodiscard]] Batch on_device(Batch batch) const {
    return to_device(std::move(batch), c10::Device(job_.record.device));
  }

  // The first step of an epoch is observed: what it costs, not what it does. A part that draws its own images
  // is one epoch.
  StepReport train_step(const Batch& batch, const StepContext& context) {
    const bool begins_epoch =
        context.iteration == 0 ||
        (!draws_own_images(context.part) && sampler().epoch(context.iteration - 1) != context.epoch);
    if (!begins_epoch) return method_.train_step(batch, context);
    StepReport report;
    const auto part = static_cast<std::size_t>(context.part);
    position_.observed_multiply_adds[part] +=
        count_multiply_adds([&] { report = method_.train_step(batch, context); });
    ++position_.observed_iterations[part];
    return report;
  }

  void after_step(const StepContext& context, const StepReport& report, std::int64_t end,
                  double patches_per_s) {
    const bool last = position_.iteration == end;
    const bool logs = position_.iteration % preset_.schedule.log_every_iterations == 0 || last;
    const bool validates = !draws_own_images(context.part) && (last || completes_validation_epoch(context));
    last_step_ = {context, report};
    if (logs || validates || c10::Device(job_.record.device).is_cpu()) check_losses();
    if (logs) log_step(context, report, patches_per_s);
    if (validates) {
      check_state();  // the best weights are kept as a checkpoint is
      validate(context);
    }
    progress_.update(done_iterations(), fmt::format("{:.1f} patches/s", patches_per_s));
    const std::int64_t every = preset_.schedule.checkpoint_every_iterations;
    if (last) return;  // the part's end saves
    if ((every > 0 && position_.iteration % every == 0) ||
        seconds_since(last_checkpoint_) >= preset_.schedule.checkpoint_every_s) {
      save_checkpoint();
    }
  }

  [[nodiscard]] std::int64_t done_iterations() const {
    std::int64_t done = position_.iteration;
    for (std::int64_t p = 0; p < position_.part; ++p) done += iterations(p);
    return done;
  }

  // Did the epochs that are whole now reach another multiple of validate_every_epochs?
  [[nodiscard]] bool completes_validation_epoch(const StepContext& context) const {
    const std::int64_t every = preset_.schedule.validate_every_epochs;
    return sampler().epoch(context.iteration + 1) / every > sampler().epoch(context.iteration) / every;
  }

  // Reading a loss waits for the device, so on a GPU it is done only where the trainer stops anyway.
  void check_losses() {
    if (!last_step_) return;
    for (const auto& [name, value] : last_step_->second) {
      const double number = value.item<double>();
      if (!std::isfinite(number)) {
        fail(fmt::format("loss \"{}\" became {}", name, std::isnan(number) ? "NaN" : "infinite"),
             last_step_->first);
      }
    }
  }

  void check_state() {
    if (!last_step_) return;  // nothing was trained since the state was loaded
    FiniteVisitor visitor;
    method_.visit_state(visitor);
    const std::string broken = visitor.broken();
    if (!broken.empty()) fail(fmt::format("\"{}\" is no longer finite", broken), last_step_->first);
  }

  [[noreturn]] void fail(const std::string& what, const StepContext& context) const {
    throw RunError(fmt::format(
        "{}: {} at iteration {} (epoch {}){}; try a lower optimiser/learning_rate", job_.record.name(), what,
        context.iteration, context.epoch,
        parts_.size() > 1 ? " of part " + parts_[static_cast<std::size_t>(context.part)].name : ""));
  }

  void log_step(const StepContext& context, const StepReport& report, double patches_per_s) {
    nlohmann::json losses = nlohmann::json::object();
    for (const auto& [name, value] : report) losses[name] = value.item<double>();
    const OptimiserConfig& optimiser = preset_.optimiser;
    const double share = 1.0 - static_cast<double>(context.epoch) / static_cast<double>(context.epochs);
    log_->append({{"part", context.part},
                  {"iteration", position_.iteration},
                  {"epoch", context.epoch},
                  {"done_iterations", done_iterations()},
                  {"total_iterations", total_},
                  {"losses", losses},
                  {"learning_rate", optimiser.learning_rate * std::pow(share, optimiser.poly_power)},
                  {"elapsed_s", elapsed_s()},
                  {"patches_per_s", patches_per_s},
                  {"peak_memory_bytes", peak_memory_bytes()}});
  }

  void save_best() {
    save_state(method_, folder_.best(), {{"run", job_.record.name()}, {"config", job_.record.config_sha256}},
               kWeightsOnly);
  }

  // The part's own organs and tasks; those of all tasks for a method with one part.
  void validate(const StepContext& context) {
    const auto tasks = validation_tasks(part_at(context.part));
    std::vector<Score> scores;
    for (const SplitCase& c : job_.data.split.in(Subset::val)) {
      if (std::find(tasks.begin(), tasks.end(), c.task) == tasks.end()) continue;
      const PreparedCase& image = job_.data.at(c.case_id);
      const auto prediction = predict_case(method_, network_image(image), job_.record, context.part);
      const auto more = score_case({job_.record.name(), c.case_id, image.modality(), "network"}, prediction,
                                   image.label(), job_.data.split);
      scores.insert(scores.end(), more.begin(), more.end());
    }
    const double sum =
        selection_sum(scores, job_.data.split, organs_of(tasks), job_.record.preset.evaluation.dice);
    auto& best = position_.best_sums;
    const std::size_t index = validated_before(context.part);
    const bool better = best.size() <= index || sum > best[index];
    if (better) {
      best.resize(index + 1);
      best[index] = sum;
      save_best();
    }
    log_->append({{"part", context.part},
                  {"iteration", position_.iteration},
                  {"epoch", context.epoch},
                  {"validation_sum", sum},
                  {"best", better}});
  }

  [[nodiscard]] std::vector<std::int64_t> validation_tasks(const TrainingPart& part) const {
    if (!part.validation_tasks.empty()) return part.validation_tasks;
    if (!part.tasks.empty()) return part.tasks;
    std::vector<std::int64_t> all(job_.data.split.tasks.size());
    std::iota(all.begin(), all.end(), 0);
    return all;
  }

  [[nodiscard]] std::vector<std::int64_t> organs_of(const std::vector<std::int64_t>& tasks) const {
    std::vector<std::int64_t> organs;
    for (const std::int64_t t : tasks) {
      const auto& own = job_.data.split.tasks[static_cast<std::size_t>(t)].organs;
      organs.insert(organs.end(), own.begin(), own.end());
    }
    std::sort(organs.begin(), organs.end());
    organs.erase(std::unique(organs.begin(), organs.end()), organs.end());
    return organs;
  }

  void stop_if_asked() {
    if (!job_.should_stop()) return;
    save_checkpoint();
    throw Interrupted(
        fmt::format("{}: stopped at iteration {} of {} with a checkpoint; run the same command to continue",
                    job_.record.name(), done_iterations(), total_));
  }

  Method& method_;
  const TrainingJob& job_;
  const Preset& preset_;
  RunFolder folder_;
  Progress& progress_;
  std::vector<TrainingPart> parts_;
  Supervision supervision_;
  TrainingSource source_;
  std::vector<PatchSampler> samplers_;
  std::int64_t total_ = 0;    // iterations of all parts
  std::int64_t patches_ = 0;  // of batches
  Position position_;
  TrainLog* log_ = nullptr;                                      // lives in run()
  std::optional<std::pair<StepContext, StepReport>> last_step_;  // of this process
  Clock::time_point started_, last_checkpoint_;
  double elapsed_before_ = 0;
};

}  // namespace

TrainingSummary train(Method& method, const TrainingJob& job, Progress& progress) {
  return Trainer(method, job, progress).run();
}

std::vector<std::string> blind_parts(const std::vector<TrainingPart>& parts,
                                     const std::vector<double>& best_sums) {
  std::vector<std::string> warnings;
  auto sum = best_sums.begin();
  for (const TrainingPart& part : parts) {
    if (part.own_iterations > 0) continue;  // isn't validated
    if (sum == best_sums.end()) break;
    if (*sum++ == 0) {
      warnings.push_back((part.name.empty() ? "" : "part " + part.name + ": ") +
                         "no validation organ was ever found");
    }
  }
  return warnings;
}

}  // namespace totum
