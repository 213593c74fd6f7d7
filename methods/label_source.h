#pragma once
// The other way to label maps: a run that totum does not train. The atlas alone is one, a program of
// somebody else another.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/json_reader.h"
#include "core/progress.h"
#include "data/dataset.h"
#include "data/prepare.h"

namespace totum {

/// A case's label map on both grids of the evaluation.
struct CasePrediction {
  LabelMap network;  // the preprocessed grid
  LabelMap native;   // the image file's own grid
};

/// What the trained methods are given; a fair rival stays within it.
struct TrainingBudget {
  std::int64_t epochs = 1;            // K
  std::int64_t patches = 0;           // epochs times training cases
  Shape3 patch_voxels{64, 192, 192};  // D,H,W
  std::int64_t batch_size = 3;        // B
  std::int64_t threads = 1;
};

/// What a source works on. References live longer than the call.
struct SourceJob {
  const PreparedDataset& data;
  const Dataset& dataset;
  std::filesystem::path folder;  // of the run
  std::string run;               // its name, for messages
  std::uint64_t seed = 0;
  std::string device = "cpu";
  TrainingBudget budget;
  std::function<bool()> should_stop;  // true: end what runs and throw Interrupted
};

class LabelSource {
 public:
  virtual ~LabelSource() = default;
  /// The work before the first label map. Throws RunError (this run fails), Interrupted.
  virtual void prepare(const SourceJob& job, Progress& progress) = 0;
  /// Label map of a test case; classes 0..13. Called after prepare() with the same job.
  virtual CasePrediction predict(const SourceJob& job, const PreparedCase& image) = 0;
  /// After the run's done.json is written: removes what is no longer needed.
  virtual void finish(const SourceJob& /*job*/) {}
  /// Files by path with their SHA-256, for the record: what the result came from besides data and options.
  [[nodiscard]] virtual std::map<std::string, std::string> origins() const { return {}; }
  /// What every report should say about this run.
  [[nodiscard]] virtual std::vector<std::string> warnings() const { return {}; }
};

/// Reads the options strictly (unknown keys are errors); touches no file.
using LabelSourceFactory = std::unique_ptr<LabelSource> (*)(JsonReader options);

}  // namespace totum
