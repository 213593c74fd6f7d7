#include "experiments/run_worker.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <thread>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/sha256.h"
#include "experiments/evaluate_run.h"
#include "experiments/registry.h"
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

void write_done(const RunFolder& folder, const std::vector<std::string>& files,
                const TrainingSummary& training, const std::vector<std::string>& warnings,
                double evaluation_s) {
  nlohmann::json hashes = nlohmann::json::object();
  for (const std::string& file : files) hashes[file] = sha256_of_file(folder.path / file);
  write_json(folder.done(),
             {{"format", 1},
              {"files", hashes},
              {"warnings", warnings},
              {"timing", {{"training_s", training.training_s}, {"evaluation_s", evaluation_s}}},
              {"patches", training.patches},
              {"parameters", training.parameters},
              {"best_sums", training.best_sums}});
}

void train_and_evaluate(const RunFolder& folder, Progress& progress) {
  const RunRecord record = read_run_record(folder);
  const RunInputs inputs = read_run_inputs(folder);
  pin_arithmetic(record.preset.threads);
  const Dataset dataset = open_dataset(inputs.data);
  const PreparedDataset data = open_data(record, inputs, dataset, progress);
  const auto method = find_method(record.method)
                          .make(method_setup(record), JsonReader(record.options, "run.json", "/options"));
  const TrainingSummary training = train(*method, {record, data, folder.path}, progress);
  std::vector<std::string> warnings;
  if (const std::string text = label_use_warning(record.preset.preprocess); !text.empty())
    warnings.push_back(text);
  for (std::size_t p = 0; p < training.best_sums.size(); ++p) {
    if (training.best_sums[p] == 0)
      warnings.push_back(fmt::format("part {}: no validation organ was ever found", p));
  }
  const auto begun = Clock::now();
  std::vector<std::string> files = evaluate_run(*method, record, data, dataset, folder, progress);
  files.emplace_back("best.safetensors");
  const double evaluation_s = std::chrono::duration<double>(Clock::now() - begun).count();
  for (const std::string& warning : warnings) log_warning(record.name() + ": " + warning);
  write_done(folder, files, training, warnings, evaluation_s);
  fs::remove(folder.checkpoint());  // it has done its work
}

}  // namespace

void pin_arithmetic(std::int64_t threads) {
  at::set_num_threads(static_cast<int>(threads));
  at::globalContext().setAllowTF32CuDNN(false);
  at::globalContext().setAllowTF32CuBLAS(false);
  at::globalContext().setDeterministicCuDNN(true);
}

void work_on_run(const RunFolder& folder, Progress& progress) {
  if (!fs::exists(folder.run_json())) (void)read_run_record(folder);  // its message says what to do
  const FileLock lock = lock_run(folder);
  for (const fs::path& part :
       {folder.path, folder.path / "predictions", folder.path / "predictions_network"}) {
    if (fs::is_directory(part)) remove_stale_temporaries(part);
  }
  if (state_of(folder) == RunState::done) {
    fs::remove(folder.checkpoint());
    return;
  }
  fs::remove(folder.error());
  try {
    train_and_evaluate(folder, progress);
  } catch (const Interrupted&) {
    throw;
  } catch (const std::exception& error) {
    write_json(folder.error(), {{"error", error.what()}});
    throw;
  }
}

}  // namespace totum
