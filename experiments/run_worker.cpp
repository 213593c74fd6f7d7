#include "experiments/run_worker.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/sha256.h"
#include "experiments/evaluate_run.h"
#include "experiments/hyper_parameters.h"
#include "experiments/registry.h"
#include "experiments/train_log.h"
#include "experiments/trainer.h"

namespace totum {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// A worker that was killed a moment ago may still be dying; so an error waits for two seconds.
FileLock lock_run(const RunFolder& folder) {
  constexpr int kTries = 20;
  for (int attempt = 1;; ++attempt) {
    try {
      return FileLock(folder.lock());
    } catch (const RunError&) {
      if (attempt == kTries) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
}

PreparedDataset open_data(const RunRecord& record, const RunInputs& inputs, const Dataset& dataset,
                          Progress& progress) {
  const Split split =
      restrict_to(dataset, read_split(inputs.split, record.preset.dataset.known_tasks), inputs.allow_missing);
  PreparedDataset data = prepare_dataset(dataset, split, {record.preset.preprocess, record.preset.atlas},
                                         inputs.cache, static_cast<int>(record.preset.threads), progress);
  if (data.data_sha256 != record.data_sha256 || split.sha256 != record.split_sha256) {
    throw RunError(fmt::format(
        "{}: the {} changed since the run was planned; restore it, or plan again in another folder",
        inputs.data.string(), split.sha256 != record.split_sha256 ? "split" : "dataset"));
  }
  return data;
}

// `facts` are the keys that not every run has.
void write_done(const RunFolder& folder, const std::vector<std::string>& files,
                const std::vector<std::string>& warnings, const nlohmann::json& facts) {
  nlohmann::json hashes = nlohmann::json::object();
  for (const std::string& file : files) hashes[file] = sha256_of_file(folder.path / file);
  nlohmann::json done{{"format", 1}, {"files", hashes}, {"warnings", warnings}};
  done.update(facts);
  write_json(folder.done(), done);
}

double seconds_since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

// The same predictor; adds the time that it takes to `seconds`.
CasePredictor timed(CasePredictor predict, double& seconds) {
  return [predict = std::move(predict), &seconds](const PreparedCase& image) {
    const auto begun = Clock::now();
    CasePrediction prediction = predict(image);
    seconds += seconds_since(begun);
    return prediction;
  };
}

// Largest memory that LibTorch held on a GPU in this process.
std::int64_t peak_device_bytes(const c10::Device& device) {
  constexpr std::size_t kAllPools = 0;
  const auto index = device.has_index() ? device.index() : c10::DeviceIndex{0};
  return c10::getDeviceAllocator(device.type())->getDeviceStats(index).allocated_bytes[kAllPools].peak;
}

// What depends on the machine and differs from one repetition to the next.
nlohmann::json measured(const TrainingSummary& training, double prediction_s, double evaluation_s,
                        const c10::Device& device) {
  nlohmann::json values{{"training_s", training.training_s},
                        {"prediction_s", prediction_s},
                        {"evaluation_s", evaluation_s},
                        {"peak_memory_bytes", std::max(training.peak_memory_bytes, peak_memory_bytes())}};
  if (!device.is_cpu()) values["peak_device_bytes"] = peak_device_bytes(device);
  return values;
}

// What the method was given and what it did with it: the same for every repetition.
nlohmann::json ledger_of(const RunRecord& record, const TrainingSummary& training) {
  const TrainingWork& work = training.work;
  nlohmann::json ledger = hyper_parameters(record, read_hyper_parameter_table());
  ledger["iterations"] = work.iterations;
  ledger["optimisers"] = work.optimisers;
  ledger["observed_iterations"] = work.observed_iterations;
  ledger["multiply_adds"] = work.multiply_adds;
  return ledger;
}

// What one run works on.
struct OpenRun {
  const RunFolder& folder;
  const RunRecord& record;
  const Dataset& dataset;
  const PreparedDataset& data;
};

void train_and_evaluate(const OpenRun& run, Progress& progress) {
  const auto& [folder, record, dataset, data] = run;
  const auto method =
      make_method(record.method, method_setup(record), JsonReader(record.options, "run.json", "/options"));
  const TrainingSummary training = train(*method, {record, data, folder.path}, progress);
  std::vector<std::string> warnings = blind_parts(method->parts(), training.best_sums);
  if (const std::string text = label_use_warning(record.preset.preprocess); !text.empty())
    warnings.push_back(text);
  const auto begun = Clock::now();
  double prediction_s = 0;
  std::vector<std::string> files = evaluate_run(timed(predictor_of(*method, record), prediction_s), record,
                                                data, dataset, folder, progress);
  files.emplace_back("best.safetensors");
  for (const std::string& warning : warnings) log_warning(record.name() + ": " + warning);
  write_done(folder, files, warnings,
             {{"timing", measured(training, prediction_s, seconds_since(begun), c10::Device(record.device))},
              {"patches", training.patches},
              {"parameters", training.parameters},
              {"ledger", ledger_of(record, training)},
              {"best_sums", training.best_sums}});
  remove_leftovers(folder);
}

SourceJob source_job(const OpenRun& run) {
  const Preset& preset = run.record.preset;
  const auto cases = static_cast<std::int64_t>(run.data.split.in(Subset::train).size());
  return {run.data,
          run.dataset,
          run.folder.path,
          run.record.name(),
          run.record.seed,
          run.record.device,
          {preset.schedule.epochs, preset.schedule.epochs * cases, preset.sampler.patch_voxels,
           preset.sampler.batch_size, preset.threads},
          interrupt_requested};
}

// A run that totum does not train: it is done or not; what is half done is begun again.
void predict_and_evaluate(const OpenRun& run, Progress& progress) {
  const RunRecord& record = run.record;
  const auto source =
      find_method(record.method).make_source(JsonReader(record.options, "run.json", "/options"));
  const SourceJob job = source_job(run);
  auto begun = Clock::now();
  source->prepare(job, progress);
  const double training_s = seconds_since(begun);
  begun = Clock::now();
  double prediction_s = 0;
  const auto predict =
      timed([&](const PreparedCase& image) { return source->predict(job, image); }, prediction_s);
  const auto files = evaluate_run(predict, record, run.data, run.dataset, run.folder, progress);
  std::vector<std::string> warnings = source->warnings();
  if (const std::string text = label_use_warning(record.preset.preprocess); !text.empty())
    warnings.push_back(text);
  for (const std::string& warning : warnings) log_warning(record.name() + ": " + warning);
  write_done(
      run.folder, files, warnings,
      {{"timing",
        {{"training_s", training_s}, {"prediction_s", prediction_s}, {"evaluation_s", seconds_since(begun)}}},
       {"ledger", hyper_parameters(record, read_hyper_parameter_table())},
       {"origins", source->origins()}});
  source->finish(job);
}

void work_on(const RunFolder& folder, Progress& progress) {
  const RunRecord record = read_run_record(folder);
  const RunInputs inputs = read_run_inputs(folder);
  pin_arithmetic(record.preset.threads, record.preset.deterministic);
  const Dataset dataset = open_dataset(inputs.data);
  const PreparedDataset data = open_data(record, inputs, dataset, progress);
  const OpenRun run{folder, record, dataset, data};
  if (find_method(record.method).make_source != nullptr) {
    predict_and_evaluate(run, progress);
  } else {
    train_and_evaluate(run, progress);
  }
}

}  // namespace

void pin_arithmetic(std::int64_t threads, bool deterministic) {
  at::set_num_threads(static_cast<int>(threads));
  at::globalContext().setAllowTF32CuDNN(false);
  at::globalContext().setAllowTF32CuBLAS(false);
  at::globalContext().setDeterministicCuDNN(deterministic);
  at::globalContext().setBenchmarkCuDNN(!deterministic);
}

void work_on_run(const RunFolder& folder, Progress& progress) {
  if (!fs::exists(folder.run_json())) (void)read_run_record(folder);  // its message says what to do
  const FileLock lock = lock_run(folder);
  for (const fs::path& part :
       {folder.path, folder.path / "predictions", folder.path / "predictions_network"}) {
    if (fs::is_directory(part)) remove_stale_temporaries(part);
  }
  if (state_of(folder) == RunState::done) {
    remove_leftovers(folder);
    return;
  }
  fs::remove(folder.error());
  try {
    work_on(folder, progress);
  } catch (const Interrupted&) {
    throw;
  } catch (const std::exception& error) {
    write_json(folder.error(), {{"error", error.what()}});
    throw;
  }
}

}  // namespace totum
