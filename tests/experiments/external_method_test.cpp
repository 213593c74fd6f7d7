#include "experiments/external_method.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>
#include <thread>

#include "core/error.h"
#include "core/files.h"
#include "core/sha256.h"
#include "data/nifti.h"
#include "experiments/child_process.h"
#include "experiments/exchange_folder.h"
#include "tests/core/temporary_folder.h"
#include "tests/data/volumes.h"

namespace totum {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

constexpr const char* kSplit = R"(case,modality,subset,task,labelled_organs
amos_0001,ct,train,ct_a,5 6 7 8
amos_0002,ct,train,ct_b,9 11 12 13
amos_0507,mr,train,mr,1 2 3 4 10
amos_0003,ct,val,ct_a,5 6 7 8
amos_0004,ct,test,ct_b,9 11 12 13
amos_0508,mr,test,mr,1 2 3 4 10
)";

// A bright ellipsoid on air with 13 cubes of organs in it, stored in different orders.
void write_case(const fs::path& data, const std::string& id, std::size_t number, bool noise) {
  const Geometry grid = upright_grid({22, 20, 16}, {2, 2, 3});
  ImageVolume image{grid, std::vector<float>(static_cast<std::size_t>(grid.voxels()))};
  LabelMap label{grid, std::vector<std::uint8_t>(image.voxels.size(), 0)};
  RandomStream random(number, id);
  for (std::int64_t z = 0; z < 16; ++z) {
    for (std::int64_t y = 0; y < 20; ++y) {
      for (std::int64_t x = 0; x < 22; ++x) {
        const double radius =
            std::hypot((static_cast<double>(x) - 10.5) / 9.5, (static_cast<double>(y) - 9.5) / 8.5);
        std::uint8_t organ = 0;
        if (x >= 6 && x < 16 && y >= 7 && y < 13 && z >= 2 && z < 14)
          organ = static_cast<std::uint8_t>(1 + ((z - 2) / 3 + 4 * ((x - 6) / 3)) % 13);
        label.at(z, y, x) = organ;
        image.at(z, y, x) = static_cast<float>(radius < 1 ? 40 + 20 * organ + random.normal() : -900);
      }
    }
  }
  if (noise) {
    for (std::uint8_t& value : label.voxels) value = static_cast<std::uint8_t>(random.below(14));
  }
  const StorageOrder order = all_storage_orders()[(7 * number) % 48];
  write_image(data / "imagesTr" / (id + ".nii.gz"), stored_as(image, order));
  write_label_map(data / "labelsTr" / (id + ".nii.gz"), stored_as(label, order));
}

class ExternalTest : public testing::Test {
 protected:
  void SetUp() override {
    write_file_atomically(at("split.csv"), kSplit);
    make_data("data", {});
    open("data");
  }
  // `noisy` cases have labels that are noise.
  void make_data(const std::string& name, const std::vector<std::string>& noisy) const {
    const fs::path data = at(name);
    write_file_atomically(data / "dataset.json", "{}");
    std::size_t number = 0;
    for (const char* id : {"amos_0001", "amos_0002", "amos_0507", "amos_0003", "amos_0004", "amos_0508"})
      write_case(data, id, ++number, std::find(noisy.begin(), noisy.end(), id) != noisy.end());
  }
  void open(const std::string& name) {
    dataset_ = open_dataset(at(name));
    PreparationConfig config;
    config.preprocess.spacing_mm = {3, 2, 2};
    config.preprocess.torso_margin_voxels = 1;
    prepared_ = prepare_dataset(dataset_, read_split(at("split.csv")), config, at("cache"), 1,
                                *make_silent_progress());
  }
  fs::path at(const std::string& name) const { return folder_.path() / name; }
  fs::path run() const { return at("run"); }
  SourceJob job() const {
    return {prepared_,           dataset_, run(), "mine/seed-3", 3, "cpu", {12, 36, {32, 32, 48}, 2, 1},
            [] { return false; }};
  }
  // Runs a shell script as the external program; "$1" is the folder.
  std::unique_ptr<LabelSource> script(const std::string& text, json options = json::object()) const {
    options["command"] = {"/bin/sh", "-c", text, "sh"};
    return make_external(JsonReader(options, "options"));
  }
  std::string failure(const std::string& text, const json& options = json::object()) const {
    fs::create_directories(run());
    try {
      script(text, options)->prepare(job(), *make_silent_progress());
    } catch (const RunError& error) {
      return error.what();
    }
    return "";
  }
  // Label maps for the test cases as a program would leave them: in `predictions` under run/given.
  void give(const std::string& id, const LabelMap& labels) const {
    write_label_map(run() / "given" / (id + ".nii.gz"), labels);
  }
  void give_truth(const std::string& grid = "native") const {
    for (const char* id : {"amos_0004", "amos_0508"}) {
      const PreparedCase& image = prepared_.at(id);
      if (grid == "native") {
        give(id, read_label(dataset_.cases.at(id).label));
      } else {
        give(id, {image.network(), {image.label().begin(), image.label().end()}});
      }
    }
  }
  static constexpr const char* kCopy = "cp \"$1\"/../given/* \"$1\"/predictions/";

  TemporaryFolder folder_;
  Dataset dataset_;
  PreparedDataset prepared_;
};

std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file())
      files[fs::relative(entry.path(), folder).string()] = sha256_of_file(entry.path());
  }
  return files;
}

TEST_F(ExternalTest, TheFolderHoldsTrainingCasesPermittedLabelsAndTestImagesOnly) {
  for (const char* grid : {"native", "network"}) {
    write_exchange_folder({at("exchange"), grid, 60}, job());
    std::vector<std::string> names;
    for (const auto& [name, hash] : contents(at("exchange"))) names.push_back(name);
    EXPECT_THAT(names,
                testing::ElementsAre("imagesTr/amos_0001.nii.gz", "imagesTr/amos_0002.nii.gz",
                                     "imagesTr/amos_0507.nii.gz", "imagesTs/amos_0004.nii.gz",
                                     "imagesTs/amos_0508.nii.gz", "labelsTr/amos_0001.nii.gz",
                                     "labelsTr/amos_0002.nii.gz", "labelsTr/amos_0507.nii.gz", "task.json"));
    for (const auto& [id, organs] : {std::pair{"amos_0001", std::set<int>{0, 5, 6, 7, 8}},
                                     std::pair{"amos_0002", std::set<int>{0, 9, 11, 12, 13}},
                                     std::pair{"amos_0507", std::set<int>{0, 1, 2, 3, 4, 10}}}) {
      const std::string file = std::string(id) + ".nii.gz";
      const LabelMap label = read_label(at("exchange") / "labelsTr" / file);
      EXPECT_EQ((std::set<int>(label.voxels.begin(), label.voxels.end())), organs) << id;
      EXPECT_TRUE(same_grid(label.geometry, read_image(at("exchange") / "imagesTr" / file).geometry, 1e-4));
    }
  }
}

TEST_F(ExternalTest, TaskJsonSaysWhatIsAskedAndNotWhereTheDataLie) {
  write_exchange_folder({at("exchange"), "native", 60}, job());
  const std::string text = read_file(at("exchange/task.json"));
  EXPECT_THAT(text, Not(HasSubstr(at("data").string())));
  const json task = json::parse(text);
  EXPECT_EQ(task["seed"], 3);
  EXPECT_EQ(task["budget"]["patches"], 36);
  EXPECT_EQ(task["budget"]["time_limit_s"], 60.0);
  EXPECT_EQ(task["classes"].size(), 14U);
  ASSERT_EQ(task["cases"].size(), 5U);
  EXPECT_EQ(task["cases"][0]["labelled_organs"], (json{5, 6, 7, 8}));
  EXPECT_EQ(task["cases"][3]["subset"], "test");
  EXPECT_FALSE(task["cases"][3].contains("task"));
  EXPECT_FALSE(task["cases"][3].contains("label"));
}

// The leak test of a program that totum does not see into: nothing that it is given may depend on what it may
// not see.
TEST_F(ExternalTest, TheFolderIsTheSameWhenAllHiddenLabelsAreNoise) {
  const fs::path before = at("before"), after = at("after");
  for (const char* grid : {"native", "network"}) {
    write_exchange_folder({before, grid, 0}, job());
    const auto clean = contents(before);
    make_data("noisy", {"amos_0003", "amos_0004", "amos_0508"});
    for (const SplitCase& c : prepared_.split.in(Subset::train)) {
      const Task& task = prepared_.split.task_of(c);
      const fs::path path = at("noisy") / "labelsTr" / (c.case_id + ".nii.gz");
      LabelMap label = read_label(path);
      const std::uint8_t foreign = task.modality == Modality::ct ? 1 : 13;
      for (std::uint8_t& value : label.voxels) {
        if (std::find(task.organs.begin(), task.organs.end(), value) == task.organs.end()) value = foreign;
      }
      write_label_map(path, label);
    }
    open("noisy");
    write_exchange_folder({after, grid, 0}, job());
    EXPECT_EQ(clean, contents(after)) << grid;
    open("data");
  }
}

TEST_F(ExternalTest, ScoresOneForTheReferenceOnEitherGrid) {
  for (const char* grid : {"native", "network"}) {
    fs::remove_all(run());
    give_truth(grid);
    const auto source = script(kCopy, {{"grid", grid}});
    source->prepare(job(), *make_silent_progress());
    for (const char* id : {"amos_0004", "amos_0508"}) {
      const PreparedCase& image = prepared_.at(id);
      const CasePrediction made = source->predict(job(), image);
      EXPECT_TRUE(std::equal(made.network.voxels.begin(), made.network.voxels.end(), image.label().begin()))
          << id;
      EXPECT_TRUE(same_grid(made.network.geometry, image.network()));
      EXPECT_TRUE(same_grid(made.native.geometry, image.native()));
      if (std::string(grid) == "native") {
        EXPECT_EQ(made.native.voxels, read_label(dataset_.cases.at(id).label).voxels) << id;
      }
    }
    source->finish(job());
    EXPECT_FALSE(fs::exists(run() / "external"));
    EXPECT_TRUE(fs::exists(run() / "external.log"));
  }
}

TEST_F(ExternalTest, NamesEveryFaultOfTheLabelMapsAtOnce) {
  LabelMap shifted = read_label(dataset_.cases.at("amos_0004").label);
  shifted.geometry.affine[0][3] += 5;
  give("amos_0004", shifted);
  write_file_atomically(run() / "given/amos_508.nii.gz", "misspelt");
  const std::string message = failure(kCopy);
  EXPECT_THAT(message, HasSubstr("predictions/amos_0004.nii.gz has another spacing, origin or direction"));
  EXPECT_THAT(message, HasSubstr("predictions/amos_0508.nii.gz is missing"));
  EXPECT_THAT(message, HasSubstr("1 file(s) that name no test case: amos_508.nii.gz"));
}

TEST_F(ExternalTest, RefusesAnotherSizeUnknownValuesAndUnreadableFiles) {
  give_truth();
  LabelMap small{upright_grid({3, 3, 3}, {1, 1, 1}), std::vector<std::uint8_t>(27, 0)};
  give("amos_0004", small);
  EXPECT_THAT(failure(kCopy),
              HasSubstr("has another size than its image: 3 x 3 x 3 voxels (x, y, z) instead of "));
  give_truth();
  LabelMap odd = read_label(dataset_.cases.at("amos_0508").label);
  odd.voxels[0] = 14;
  odd.voxels[1] = 200;
  give("amos_0508", odd);
  EXPECT_THAT(failure(kCopy),
              HasSubstr("amos_0508.nii.gz has the values 14, 200; must be class indices 0..13"));
  write_file_atomically(run() / "given/amos_0508.nii.gz", "no NIfTI");
  EXPECT_THAT(failure(kCopy), HasSubstr("amos_0508.nii.gz"));
}

TEST_F(ExternalTest, KeepsTheProgramsLastWordsWithItsStatus) {
  const std::string message = failure("echo all went well; echo 'out of memory' >&2; exit 3");
  EXPECT_THAT(message, HasSubstr("ended with status 3"));
  EXPECT_THAT(message, HasSubstr("out of memory"));
  EXPECT_THAT(failure("kill -9 $$"), HasSubstr("killed by signal 9"));
  EXPECT_THAT(failure("printf '\\377\\001'; exit 1"), HasSubstr("??"));  // goes into JSON
}

TEST_F(ExternalTest, EndsAProgramThatIsTooSlowWithAllItStarted) {
  const auto begun = std::chrono::steady_clock::now();
  const std::string message =
      failure("sleep 60 & echo $! > \"$1\"/../pid; echo working; wait", {{"time_limit_s", 0.3}});
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(30));
  EXPECT_THAT(message, HasSubstr("ran longer than 0.3 s"));
  EXPECT_THAT(message, HasSubstr("working"));
  const int grandchild = std::stoi(read_file(run() / "pid"));
  const fs::path status = fs::path("/proc") / std::to_string(grandchild) / "status";
  for (int i = 0; i < 100 && fs::exists(status) && read_file(status).find("State:\tZ") == std::string::npos;
       ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_TRUE(!fs::exists(status) || read_file(status).find("State:\tZ") != std::string::npos);
}

TEST_F(ExternalTest, StopsWhenAskedTo) {
  fs::create_directories(run());
  SourceJob stopped = job();
  stopped.should_stop = [] { return true; };
  EXPECT_THROW(script("sleep 60")->prepare(stopped, *make_silent_progress()), Interrupted);
}

TEST_F(ExternalTest, BeginsWithAFreshFolder) {
  give_truth();
  write_file_atomically(run() / "external/predictions/amos_0004.nii.gz", "left by a run that failed");
  EXPECT_THAT(failure("test -z \"$(ls -A \"$1\"/predictions)\" || exit 9; " + std::string(kCopy)), "");
}

TEST_F(ExternalTest, SaysWhatItsResultCameFrom) {
  give_truth();
  write_file_atomically(at("program.sh"), kCopy);
  json options{{"command", {"/bin/sh", at("program.sh").string(), "{folder}"}}, {"keep_folder", true}};
  const auto source = make_external(JsonReader(options, "options"));
  source->prepare(job(), *make_silent_progress());
  EXPECT_EQ(source->origins().at(at("program.sh").string()), sha256_of_file(at("program.sh")));
  source->finish(job());
  EXPECT_TRUE(fs::exists(run() / "external/task.json"));
}

TEST(ExternalOptions, AreReadStrictly) {
  const auto fault = [](const json& options) {
    try {
      (void)make_external(JsonReader(options, "table1.json", "/options"));
    } catch (const ConfigError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(fault({{"command", {"python3", "my.py"}}}), "");
  EXPECT_THAT(fault(json::object()), HasSubstr("/options/command"));
  EXPECT_THAT(fault({{"command", json::array()}}), HasSubstr("must be a program and its arguments"));
  EXPECT_THAT(fault({{"command", "python3 my.py"}}), HasSubstr("/options/command"));
  EXPECT_THAT(fault({{"command", {"x"}}, {"grid", "world"}}), HasSubstr("native"));
  EXPECT_THAT(fault({{"command", {"x"}}, {"time_limit_s", 0}}), HasSubstr("/options/time_limit_s"));
  EXPECT_THAT(fault({{"comand", {"x"}}, {"command", {"x"}}}), HasSubstr("did you mean \"command\""));
}

TEST(ChildProcess, SaysWhyAProgramCantBeStarted) {
  const TemporaryFolder folder;
  try {
    run_child({{"/no/such/program"}, folder.path() / "log", 0, {}});
    FAIL();
  } catch (const RunError& error) {
    EXPECT_THAT(error.what(), HasSubstr("/no/such/program: can't be started: No such file"));
  }
}

// A Python with NumPy, or "".
std::string python_with_numpy() {
  const std::string own = std::string(TOTUM_SOURCE_DIR) + "/.venv/bin/python";
  for (const std::string& python : {std::string("/usr/bin/python3"), own, std::string("python3")}) {
    if (std::system((python + " -c 'import numpy' >/dev/null 2>&1").c_str()) == 0) return python;
  }
  return "";
}

TEST_F(ExternalTest, ThePythonExampleFindsOrgansOnEitherGrid) {
  const std::string python = python_with_numpy();
  if (python.empty()) GTEST_SKIP() << "no Python with NumPy here; on Debian: apt-get install python3-numpy";
  for (const char* grid : {"native", "network"}) {
    fs::create_directories(run());
    const json options{
        {"command", {python, "{totum}/docs/external-example/location_and_intensity.py", "{folder}"}},
        {"grid", grid}};
    const auto source = make_external(JsonReader(options, "options"));
    source->prepare(job(), *make_silent_progress());
    for (const char* id : {"amos_0004", "amos_0508"}) {
      const PreparedCase& image = prepared_.at(id);
      const LabelMap made = source->predict(job(), image).network;
      double sum = 0;
      for (std::int64_t organ = 1; organ <= kOrgans; ++organ) {
        std::int64_t both = 0, either = 0;
        for (std::size_t v = 0; v < made.voxels.size(); ++v) {
          both += made.voxels[v] == organ && image.label()[v] == organ ? 2 : 0;
          either += (made.voxels[v] == organ ? 1 : 0) + (image.label()[v] == organ ? 1 : 0);
        }
        sum += static_cast<double>(both) / static_cast<double>(std::max<std::int64_t>(either, 1));
      }
      EXPECT_GT(sum / kOrgans, 0.5) << grid << " " << id;  // organs lie at the same place in every case
    }
  }
}

}  // namespace
}  // namespace totum
