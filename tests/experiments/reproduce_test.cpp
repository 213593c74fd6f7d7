#include "experiments/reproduce.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/error.h"
#include "core/files.h"
#include "core/sha256.h"
#include "data/phantom/phantom.h"
#include "evaluation/scores.h"
#include "experiments/predict_folder.h"
#include "experiments/resources.h"
#include "experiments/run_worker.h"
#include "tests/core/temporary_folder.h"

namespace totum {
namespace {

namespace fs = std::filesystem;

const std::vector<PlannedMethod> kMethods{
    {"ablation_a", "proposed", "(a) plain network", {{"aprn", false}, {"aman", false}, {"micpam", false}}}};

ReproduceRequest request_for(const Preset& preset, const fs::path& out, const fs::path& data = {}) {
  ReproduceRequest request;
  request.preset = preset;
  request.methods = kMethods;
  request.out = out;
  request.data = data;
  request.jobs = 1;
  request.program = "/bin/true";  // plans, but does no run
  return request;
}

Preset tiny_preset() {
  return load_preset("smoke", {"threads=1", "dataset/phantom=tiny", "dataset/split=phantom_tiny",
                               "sampler/patch_voxels=[16,32,32]", "preprocess/spacing_mm=[16,10,10]",
                               "schedule/epochs=2", "schedule/validate_every_epochs=1"});
}

TEST(Reproduce, TakesAPhantomToScoresAndLabelMaps) {
  const TemporaryFolder folder;
  const auto progress = make_silent_progress();
  const ReproduceRequest request = request_for(tiny_preset(), folder.path());
  EXPECT_FALSE(overview(request).data_exists);
  const ReproduceResult planned = reproduce(request, *progress);
  ASSERT_EQ(planned.outcomes.size(), 1U);
  EXPECT_EQ(planned.outcomes[0].state, RunState::planned);
  EXPECT_NE(planned.outcomes[0].error.find("did not finish"), std::string::npos);
  const RunFolder run = planned.outcomes[0].folder;
  work_on_run(run, *progress);
  EXPECT_EQ(reproduce(request, *progress).outcomes[0].state, RunState::done);
  // 3 test cases, 13 organs, 2 grids, 9 metrics.
  EXPECT_EQ(read_scores(run.scores()).size(), 3U * 13 * 2 * 9);
  const auto done = nlohmann::json::parse(read_file(run.done()));
  EXPECT_EQ(done["files"].size(), 3U * 2 + 2);
  for (const auto& [file, hash] : done["files"].items())
    EXPECT_EQ(sha256_of_file(run.path / file), hash) << file;
  EXPECT_EQ(done["patches"], 8);  // 4 training cases, 2 epochs
  EXPECT_FALSE(fs::exists(run.checkpoint()));
  EXPECT_EQ(read_run_record(run).notes,
            (std::vector<std::string>{"smoke, phantom: not a result about patients"}));

  // predict gives the very files of the evaluation.
  const auto files =
      predict_folder({run, planned.data / "imagesTr", folder.path() / "predicted", {}, "cpu"}, *progress);
  EXPECT_EQ(files.written.size(), 10U);
  EXPECT_TRUE(files.faults.empty());
  for (const auto& entry : fs::directory_iterator(run.path / "predictions")) {
    EXPECT_EQ(read_file(entry.path()), read_file(folder.path() / "predicted" / entry.path().filename()));
  }
}

// The atlas alone, and a program that hands in the atlas's label maps: runs like the others, with equal
// scores.
TEST(Reproduce, RunsMethodsThatItDoesNotTrain) {
  const TemporaryFolder folder;
  const auto progress = make_silent_progress();
  ReproduceRequest request = request_for(tiny_preset(), folder.path());
  const std::string made = (folder.path() / "runs/smoke/atlas_only/seed-0/predictions").string();
  request.methods = {{"atlas_only", "atlas_only", "Atlas only", nlohmann::json::object()},
                     {"copied",
                      "external",
                      "Copied",
                      {{"command", {"/bin/sh", "-c", "cp " + made + "/* \"$1\"/predictions/", "sh"}}}},
                     {"broken", "external", "Broken", {{"command", {"/bin/false"}}}}};
  const ReproduceResult planned = reproduce(request, *progress);
  const RunFolder atlas = planned.outcomes[0].folder, copied = planned.outcomes[1].folder,
                  broken = planned.outcomes[2].folder;
  work_on_run(atlas, *progress);
  work_on_run(copied, *progress);
  EXPECT_THROW(work_on_run(broken, *progress), RunError);
  EXPECT_EQ(state_of(broken), RunState::failed);
  EXPECT_NE(read_error(broken).find("ended with status 1"), std::string::npos) << read_error(broken);
  const auto native = [](const RunFolder& run) {
    std::vector<std::optional<double>> values;
    for (const Score& score : read_scores(run.scores())) {
      if (score.grid == "native") values.push_back(score.value);
    }
    return values;
  };
  EXPECT_EQ(native(atlas).size(), 3U * 13 * 9);
  EXPECT_EQ(native(atlas), native(copied));
  const auto done = nlohmann::json::parse(read_file(copied.done()));
  EXPECT_EQ(done["files"].size(), 3U * 2 + 1);
  EXPECT_FALSE(done["files"].contains("best.safetensors"));
  const RunRecord record = read_run_record(copied);
  EXPECT_FALSE(record.of_paper);
  EXPECT_NE(record.remark.find("another program"), std::string::npos);
  EXPECT_THROW(
      predict_folder({atlas, planned.data / "imagesTr", folder.path() / "predicted", {}, "cpu"}, *progress),
      RunError);
}

TEST(Reproduce, RefusesARunWhoseDataChanged) {
  const TemporaryFolder folder;
  const auto progress = make_silent_progress();
  const ReproduceRequest request = request_for(tiny_preset(), folder.path());
  const ReproduceResult planned = reproduce(request, *progress);
  std::vector<fs::path> labels;
  for (const auto& entry : fs::directory_iterator(planned.data / "labelsTr")) labels.push_back(entry.path());
  std::sort(labels.begin(), labels.end());
  std::string label = read_file(labels[0]);
  label[4] = static_cast<char>(label[4] + 1);  // the gzip header's time: other bytes, the same voxels
  write_file_atomically(labels[0], label);
  try {
    work_on_run(planned.outcomes[0].folder, *progress);
    FAIL() << "nothing was thrown";
  } catch (const RunError& error) {
    EXPECT_NE(std::string(error.what()).find("the dataset changed since the run was planned"),
              std::string::npos)
        << error.what();
  }
}

TEST(Reproduce, NeedsADatasetForAmosPresets) {
  const TemporaryFolder folder;
  EXPECT_THROW(reproduce(request_for(load_preset("amos22-paper"), folder.path()), *make_silent_progress()),
               ConfigError);
}

// AMOS22's whole layout and ids, as a phantom of tiny grids.
TEST(Reproduce, ChecksADatasetInAmosForm) {
  const TemporaryFolder folder;
  const auto progress = make_silent_progress();
  const fs::path data = folder.path() / "amos";
  PhantomConfig phantom = phantom_config("tiny");
  phantom.split = split_file("amos22");
  write_phantom_dataset(phantom, data, *progress);
  const auto paper = request_for(load_preset("amos22-paper"), folder.path(), data);
  const PlanOverview plan = overview(paper);
  EXPECT_EQ(plan.cases, 240U);
  EXPECT_TRUE(plan.ready());
  EXPECT_EQ(plan.patches, 168 * 600);
  EXPECT_EQ(plan.runs.size(), 1U);

  EXPECT_TRUE(overview(request_for(load_preset("amos22-published-code"), folder.path(), data)).ready());
  for (const char* id : {"amos_0007", "amos_0507"})
    fs::remove(data / "imagesTr" / (std::string(id) + ".nii.gz"));
  EXPECT_EQ(overview(paper).missing_cases, (std::vector<std::string>{"amos_0007", "amos_0507"}));
  try {
    (void)reproduce(paper, *progress);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const DataError& error) {
    EXPECT_EQ(error.exit_status(), 2);
    EXPECT_NE(std::string(error.what()).find("amos_0007, amos_0507"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("--allow-missing"), std::string::npos);
  }
  EXPECT_FALSE(fs::exists(folder.path() / "runs"));
}

}  // namespace
}  // namespace totum
