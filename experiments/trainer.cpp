#include "experiments/trainer.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "data/sampler/patch_sampler.h"
#include "evaluation/score_case.h"
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
};

nlohmann::json to_json(const Position& p) {
  return {{"part", p.part},
          {"iteration", p.iteration},
          {"best_sums", p.best_sums},
          {"log_bytes", p.log_bytes},
          {"elapsed_s", p.elapsed_s}};
}

Position position_from_json(const nlohmann::json& json, const std::string& file) {
  JsonReader reader(json, file);
  Position p;
  reader.required("part", p.part);
  reader.required("iteration", p.iteration);
  reader.required("best_sums", p.best_sums);
  reader.required("log_bytes", p.log_bytes);
  reader.required("elapsed_s", p.elapsed_s);
  reader.no_more_keys();
  return p;
}

class CountingVisitor final : public StateVisitor {
 public:
  void tensor(const std::string&, at::Tensor& value) override {
    if (value.requires_grad()) count += value.numel();
  }
  void counter(const std::string&, std::int64_t&) override {}
  void optimiser(const std::string&, torch::optim::Optimizer&) override {}
  std::int64_t count = 0;
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
    return {patches_, visitor.count, elapsed_s(), position_.best_sums};
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

  void load() {
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

  void save_checkpoint() {
    position_.log_bytes = log_->sync();
    position_.elapsed_s = elapsed_s();
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
      const StepReport report = method_.train_step(
          own_images ? Batch{}
                     : to_device(batches.batch(position_.iteration), c10::Device(job_.record.device)),
          context);
      ++position_.iteration;
      const double rate = static_cast<double>((position_.iteration - first) * preset_.sampler.batch_size) /
                          seconds_since(begun);
      after_step(context, report, end, rate);
    }
    if (own_images) {
      save_best();
    } else if (fs::exists(folder_.best())) {
      load_state(method_, folder_.best(), kWeightsOnly);
    }
    ++position_.part;
    position_.iteration = 0;
    save_checkpoint();
  }

  void after_step(const StepContext& context, const StepReport& report, std::int64_t end,
                  double patches_per_s) {
    const bool last = position_.iteration == end;
    const bool logs = position_.iteration % preset_.schedule.log_every_iterations == 0 || last;
    if (logs || c10::Device(job_.record.device).is_cpu()) check_finite(context, report);
    if (logs) log_step(context, report, patches_per_s);
    const bool validates = !draws_own_images(context.part) && (last || completes_validation_epoch(context));
    if (validates) validate(context);
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

  void check_finite(const StepContext& context, const StepReport& report) const {
    for (const auto& [name, value] : report) {
      const double number = value.item<double>();
      if (std::isfinite(number)) continue;
      throw RunError(fmt::format(
          "{}: loss \"{}\" became {} at iteration {} (epoch {}){}; try a lower optimiser/learning_rate",
          job_.record.name(), name, std::isnan(number) ? "NaN" : "infinite", context.iteration, context.epoch,
          parts_.size() > 1 ? " of part " + part_at(context.part).name : ""));
    }
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
  TrainLog* log_ = nullptr;  // lives in run()
  Clock::time_point started_, last_checkpoint_;
  double elapsed_before_ = 0;
};

}  // namespace

TrainingSummary train(Method& method, const TrainingJob& job, Progress& progress) {
  return Trainer(method, job, progress).run();
}

}  // namespace totum
