#pragma once
// Trains a method of the registry on the tiny dataset, without the trainer.

#include <memory>
#include <string>
#include <vector>

#include "experiments/registry.h"
#include "experiments/training_source.h"
#include "methods/checkpoint.h"
#include "methods/state.h"
#include "tests/core/temporary_folder.h"
#include "tests/experiments/tiny_record.h"

namespace totum {

inline std::unique_ptr<Method> make_tiny(const RunRecord& record) {
  return find_method(record.method).make(method_setup(record), JsonReader(record.options, "test"));
}

inline Supervision supervision_of(const std::string& method) {
  return find_method(method).traits.supervision;
}

/// Hash of all that `steps` steps of each part leave behind.
inline std::string weights_after_steps(const RunRecord& record, const PreparedDataset& data,
                                       std::int64_t steps = 4) {
  const auto method = make_tiny(record);
  const TemporaryFolder run;
  const TrainingSource source(data, record.preset.sampler, record.seed, supervision_of(record.method),
                              run.path());
  method->begin_training(source);
  const auto parts = method->parts();
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const PatchSampler sampler(data, record.preset.sampler, record.seed, parts[p].tasks, parts[p].name,
                               supervision_of(record.method));
    for (std::int64_t i = 0; i < steps; ++i) {
      // In the last epoch, so that every ramp is up.
      (void)method->train_step(sampler.batch(i),
                               {static_cast<std::int64_t>(p), i, record.preset.schedule.epochs - 1,
                                record.preset.schedule.epochs});
    }
  }
  return state_sha256(*method);
}

/// Every method that is trained here.
inline std::vector<std::string> trained_methods() {
  std::vector<std::string> names;
  for (const MethodEntry& entry : all_methods()) {
    if (entry.make != nullptr) names.emplace_back(entry.name);
  }
  return names;
}

}  // namespace totum
