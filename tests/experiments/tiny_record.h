#pragma once
// A plan for the tiny dataset: seconds of training, every feature of the trainer in use.

#include "core/files.h"
#include "experiments/plan.h"
#include "experiments/run_store.h"
#include "tests/data/sampler/tiny_dataset.h"

namespace totum {

inline RunRecord tiny_record(const std::string& method,
                             const nlohmann::json& options = nlohmann::json::object()) {
  RunRecord record;
  record.id = method;
  record.method = method;
  record.label = method;
  record.options = options;
  if (method == "dar_unet" && options.empty()) {
    record.options = {{"stage1_iterations", 5}, {"slice", 16}, {"translator", {{"width", 4}, {"batch", 1}}}};
  }
  record.preset.name = "tiny";
  record.preset.threads = 1;
  record.preset.sampler = {{16, 16, 16}, 2, 0.0};
  record.preset.backbone = {16, 2};
  record.preset.schedule.epochs = 4;
  record.preset.schedule.validate_every_epochs = 1;
  record.preset.schedule.log_every_iterations = 2;
  record.preset.schedule.checkpoint_every_s = 1e9;
  record.preset.schedule.checkpoint_every_iterations = 3;
  record.tasks = tiny_tasks();
  return record;
}

}  // namespace totum
