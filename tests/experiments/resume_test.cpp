// A training that is killed or stopped and continued ends with the same bytes as one that wasn't.

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "core/error.h"
#include "core/files.h"
#include "experiments/run_worker.h"
#include "experiments/trainer.h"
#include "methods/state.h"
#include "tests/core/temporary_folder.h"
#include "tests/experiments/tiny_training.h"

namespace totum {
namespace {

// log.jsonl without what differs between two trainings that are the same: times and memory.
std::string timeless_log(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream out;
  for (std::string line; std::getline(file, line);) {
    auto json = nlohmann::json::parse(line);
    for (const char* key : {"elapsed_s", "patches_per_s", "peak_memory_bytes"}) json.erase(key);
    out << json.dump() << "\n";
  }
  return out.str();
}

struct Killed {};

// Trains until `stops` questions were asked, then dies (`kill`) or stops with a checkpoint; continues until
// done.
TrainingSummary train_with_breaks(const RunRecord& record, const PreparedDataset& data,
                                  const std::filesystem::path& folder, const std::vector<int>& breaks,
                                  bool kill, std::string& weights) {
  const auto progress = make_silent_progress();
  for (std::size_t attempt = 0;; ++attempt) {
    const auto method = make_tiny(record);
    int questions = 0;
    const auto should_stop = [&] {
      if (attempt >= breaks.size() || ++questions <= breaks[attempt]) return false;
      if (kill) throw Killed{};
      return true;
    };
    try {
      const TrainingSummary summary = train(*method, {record, data, folder, should_stop}, *progress);
      weights = state_sha256(*method);
      return summary;
    } catch (const Killed&) {
    } catch (const Interrupted&) {
    }
  }
}

class ResumeTest : public testing::TestWithParam<std::string> {};

TEST_P(ResumeTest, EndsWithTheSameBytesAsAnUndisturbedTraining) {
  pin_arithmetic(1);
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path() / "cache", {16, 16, 18});
  const RunRecord record = tiny_record(GetParam());
  std::string undisturbed, killed, stopped;
  const TrainingSummary whole = train_with_breaks(record, data, folder.path() / "a", {}, true, undisturbed);
  const TrainingSummary again =
      train_with_breaks(record, data, folder.path() / "b", {1, 4, 5, 0}, true, killed);
  (void)train_with_breaks(record, data, folder.path() / "c", {2, 5, 3}, false, stopped);
  EXPECT_EQ(undisturbed, killed);
  EXPECT_EQ(undisturbed, stopped);
  EXPECT_EQ(whole.best_sums, again.best_sums);
  EXPECT_EQ(whole.patches, again.patches);
  EXPECT_EQ(whole.work.multiply_adds, again.work.multiply_adds);
  EXPECT_EQ(whole.work.observed_iterations, again.work.observed_iterations);
  EXPECT_EQ(whole.work.optimisers, again.work.optimisers);
  EXPECT_GT(whole.work.multiply_adds, 1e6);
  EXPECT_FALSE(whole.work.optimisers.empty());
  EXPECT_GT(whole.parameters, 1000);
  for (const char* run : {"b", "c"}) {
    EXPECT_EQ(read_file(folder.path() / "a" / "best.safetensors"),
              read_file(folder.path() / run / "best.safetensors"));
    EXPECT_EQ(timeless_log(folder.path() / "a" / "log.jsonl"),
              timeless_log(folder.path() / run / "log.jsonl"));
  }
}

INSTANTIATE_TEST_SUITE_P(Registry, ResumeTest, testing::ValuesIn(trained_methods()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace totum
