#include "data/split.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libfccp/csv.h>

#include <map>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/sha256.h"
#include "data/organs.h"
#include "tests/core/temporary_folder.h"
#include "tests/data/volumes.h"

namespace totum {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const std::filesystem::path kSplits = std::filesystem::path(TOTUM_SOURCE_DIR) / "data_splits";
const std::vector<std::string> kTasks{"ct_a", "ct_b", "mr"};

class SplitFaults : public testing::Test {
 protected:
  Split read(const std::string& rows) {
    write_file_atomically(path_, "case,modality,subset,task,labelled_organs\n" + rows);
    return read_split(path_, kTasks);
  }
  std::string refusal(const std::string& rows) {
    return message_of<ConfigError>([&] { read(rows); });
  }
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path() / "mine.csv";
};

TEST_F(SplitFaults, AGoodFileHasItsTasksAndCases) {
  const Split split = read("b,mr,test,mr,1 2\na,ct,train,ct_a,7 5\n");
  ASSERT_EQ(split.tasks.size(), 2U);
  EXPECT_EQ(split.tasks[0].name, "ct_a");
  EXPECT_EQ(split.tasks[0].organs, (std::vector<std::int64_t>{5, 7}));
  EXPECT_EQ(split.cases[0].case_id, "b");
  EXPECT_EQ(split.task_of(split.cases[0]).modality, Modality::mr);
  EXPECT_EQ(split.in(Subset::train).size(), 1U);
  EXPECT_TRUE(split.labelled_in_modality(5, Modality::ct));
  EXPECT_FALSE(split.labelled_in_modality(5, Modality::mr));
  EXPECT_FALSE(split.labelled_in_modality(1, Modality::mr));  // a test case labels nothing for training
}

TEST_F(SplitFaults, ADuplicateCase) {
  EXPECT_THAT(
      refusal("a,ct,train,ct_a,5\na,ct,train,ct_a,5\n"),
      AllOf(HasSubstr("mine.csv"), HasSubstr("line 3"), HasSubstr("case a stands in line 2 already")));
}

TEST_F(SplitFaults, ACaseInTwoSubsets) {
  EXPECT_THAT(refusal("a,ct,train,ct_a,5\na,ct,test,ct_a,5\n"),
              HasSubstr("case a is in two subsets: train (line 2) and test"));
}

TEST_F(SplitFaults, AnUnknownTask) {
  EXPECT_THAT(refusal("a,ct,train,ct_c,5\n"), AllOf(HasSubstr("unknown task \"ct_c\""), HasSubstr("ct_a")));
}

TEST_F(SplitFaults, AllFaultsAreNamedAtOnce) {
  const std::string message = refusal(
      "a,pet,train,ct_a,5\nb,ct,training,ct_a,5\nc,ct,train,ct_a,0\nd,ct,train,ct_a,x\n,ct,val,ct_a,5\n");
  for (const char* part : {"5 fault(s)", "modality is \"pet\"", "subset is \"training\"",
                           "labelled_organs is \"0\"", "labelled_organs is \"x\"", "case is empty"}) {
    EXPECT_THAT(message, HasSubstr(part));
  }
}

TEST_F(SplitFaults, RowsOfATaskMustAgree) {
  EXPECT_THAT(refusal("a,ct,train,ct_a,5\nb,ct,train,ct_a,5 6\n"),
              HasSubstr("another modality or other organs"));
  EXPECT_THAT(refusal("a,ct,train,ct_a,5\nb,mr,train,ct_a,5\n"),
              HasSubstr("another modality or other organs"));
}

TEST_F(SplitFaults, AMissingColumnOrFileOrAnEmptyFile) {
  write_file_atomically(path_, "case,modality,subset,task\na,ct,train,ct_a\n");
  EXPECT_THAT(message_of<ConfigError>([&] { read_split(path_); }), HasSubstr("labelled_organs"));
  EXPECT_THAT(refusal(""), HasSubstr("it names no cases"));
  EXPECT_THAT(message_of<ConfigError>([&] { read_split(folder_.path() / "absent.csv"); }),
              HasSubstr("absent.csv"));
}

TEST_F(SplitFaults, ExitStatusIsTheUsersMistake) {
  try {
    read("a,ct,train,ct_c,5\n");
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.exit_status(), 2);
  }
}

TEST(Splits, EveryFileHasTheChecksumOfTheReadme) {
  const std::string readme = read_file(kSplits / "README.md");
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kSplits)) {
    if (entry.path().extension() != ".csv") continue;
    ++files;
    EXPECT_THAT(readme,
                HasSubstr(fmt::format("`{}` | `{}`", entry.path().lexically_relative(kSplits).string(),
                                      sha256_of_file(entry.path()))));
  }
  EXPECT_GE(files, 3);
}

TEST(Splits, TheOfficialSplitIsTheOneOfThePublishedRun) {
  EXPECT_EQ(sha256_of_file(kSplits / "official" / "amos22_paper_split.csv"),
            "058e3f1088fa7c7e9d514039f651549a71a6aae032805f13ff98098478d36783");
}

TEST(Splits, OurColumnsSayTheSameAsTheOfficialFile) {
  const Split split = read_split(kSplits / "amos22.csv", kTasks);
  std::map<std::string, const SplitCase*> ours;
  for (const SplitCase& c : split.cases) ours[c.case_id] = &c;
  io::CSVReader<5> official((kSplits / "official" / "amos22_paper_split.csv").string());
  official.read_header(io::ignore_no_column, "case_id", "modality", "subset", "role", "labeled_organs");
  std::string id, modality, subset, role, organs;
  std::size_t rows = 0;
  while (official.read_row(id, modality, subset, role, organs)) {
    ++rows;
    ASSERT_TRUE(ours.contains(id)) << id;
    const Task& task = split.task_of(*ours[id]);
    EXPECT_EQ(parse_modality(modality), task.modality);
    EXPECT_EQ(modality_of_amos_id(id), task.modality);
    EXPECT_EQ(parse_subset(role), ours[id]->subset);
    std::replace(subset.begin(), subset.end(), '-', '_');
    EXPECT_EQ(subset, task.name);
    EXPECT_EQ(organs, fmt::format("{}", fmt::join(task.organs, " ")));
  }
  EXPECT_EQ(rows, split.cases.size());
  EXPECT_EQ(rows, 240U);
}

TEST(Splits, TheOfficialSplitHasThePublishedCounts) {  // the published run, MICCAI 2024
  const Split split = read_split(kSplits / "amos22.csv", kTasks);
  std::map<std::pair<std::string, Subset>, int> counts;
  for (const SplitCase& c : split.cases) ++counts[{split.task_of(c).name, c.subset}];
  const std::map<std::pair<std::string, Subset>, int> expected{
      {{"ct_a", Subset::train}, 67}, {{"ct_a", Subset::val}, 7},  {{"ct_a", Subset::test}, 17},
      {{"ct_b", Subset::train}, 75}, {{"ct_b", Subset::val}, 13}, {{"ct_b", Subset::test}, 21},
      {{"mr", Subset::train}, 26},   {{"mr", Subset::val}, 4},    {{"mr", Subset::test}, 10}};
  EXPECT_EQ(counts, expected);
}

TEST(Splits, EveryOrganHasExactlyOneOwnerInEverySplit) {
  for (const auto& entry : std::filesystem::directory_iterator(kSplits)) {
    if (entry.path().extension() != ".csv" || entry.path().filename() == "real_mini.csv") continue;
    const Split split = read_split(entry.path(), kTasks);
    std::multiset<std::int64_t> organs;
    for (const Task& task : split.tasks) organs.insert(task.organs.begin(), task.organs.end());
    EXPECT_EQ(organs, (std::multiset<std::int64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}))
        << entry.path();
    for (const Subset subset : {Subset::train, Subset::val, Subset::test})
      EXPECT_FALSE(split.in(subset).empty());
  }
}

TEST(Splits, TheTwoCtImagesOfOnePatientAreNeverInTrainAndTest) {
  const Split split = read_split(kSplits / "real_mini.csv", kTasks);
  std::set<Subset> subsets;
  for (const SplitCase& c : split.cases) {
    if (c.case_id != "amos_0507") subsets.insert(c.subset);
  }
  EXPECT_FALSE(subsets.contains(Subset::train) && subsets.contains(Subset::test));
  for (const Subset subset : {Subset::train, Subset::val, Subset::test})
    EXPECT_FALSE(split.in(subset).empty());
}

}  // namespace
}  // namespace totum
