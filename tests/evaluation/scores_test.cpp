#include "evaluation/scores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "tests/core/temporary_folder.h"

namespace totum {
namespace {

constexpr const char* kHeader = "run,case,modality,organ,relation,grid,metric,value\n";

std::string message_of(const std::filesystem::path& path, const std::string& text) {
  write_file_atomically(path, text);
  try {
    read_scores(path);
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

TEST(Scores, AreReadBackToTheLastBit) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "scores.csv";
  const std::vector<Score> scores{
      {"a/seed-0", "amos_0001", Modality::ct, 3, Relation::cross, "native", "dice", 0.1 + 0.2},
      {"a/seed-0", "amos_0507", Modality::mr, 13, Relation::intra, "network", "dice", std::nullopt, false}};
  write_scores(path, scores);
  const auto read = read_scores(path);
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(*read[0].value, 0.1 + 0.2);
  EXPECT_EQ(read[0].relation, Relation::cross);
  EXPECT_EQ(read[1].value, std::nullopt);
  EXPECT_EQ(read[1].modality, Modality::mr);
}

TEST(Scores, ListAllFaultsByLine) {
  const TemporaryFolder folder;
  const std::string message = message_of(folder.path() / "s.csv", std::string(kHeader) +
                                                                      "a,c,ct,1,intra,native,dice,nan\n"
                                                                      "a,c,ct,14,intra,native,dice,0.5\n"
                                                                      "a,c,us,1,intra,native,dice,0.5\n"
                                                                      "a,c,ct,2,both,native,dice,0.5\n"
                                                                      "a,c,ct,3,intra,native,dice,inf\n"
                                                                      "a,c,ct,4,intra,native,dice,0.5\n"
                                                                      "a,c,ct,4,intra,native,dice,0.6\n");
  for (const char* part :
       {"6 fault(s)", "line 2: value is \"nan\"", "line 3: organ is \"14\"", "line 4: modality is \"us\"",
        "line 5: relation is \"both\"", "line 6: value is \"inf\"", "line 8: a second dice of organ 4"}) {
    EXPECT_THAT(message, testing::HasSubstr(part));
  }
}

TEST(Scores, KeepNamesWithSeparatorsAndQuotes) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "scores.csv";
  write_scores(path,
               {{"ours, \"large\"", "p 1", Modality::ct, 1, Relation::intra, "native", "dice", 0.5, false}});
  const auto read = read_scores(path);
  ASSERT_EQ(read.size(), 1U);
  EXPECT_EQ(read[0].run, "ours, \"large\"");
  EXPECT_EQ(read[0].case_id, "p 1");
  EXPECT_FALSE(read[0].in_reference);
}

TEST(Scores, RefusePercentAndACaseOfTwoModalities) {
  const TemporaryFolder folder;
  const std::string message = message_of(folder.path() / "s.csv", std::string(kHeader) +
                                                                      "a,c,ct,1,intra,native,dice,87.5\n"
                                                                      "a,c,ct,2,intra,native,dice,0.5\n"
                                                                      "a,c,mr,3,intra,native,dice,0.5\n");
  EXPECT_THAT(message, testing::HasSubstr("line 2: value is 87.5; Dice is a fraction in 0..1, not percent"));
  EXPECT_THAT(message, testing::HasSubstr("line 4: case c is both ct and mr"));
}

TEST(Scores, RefuseMissingColumnsAndFiles) {
  const TemporaryFolder folder;
  EXPECT_THAT(message_of(folder.path() / "s.csv", "case,organ\nx,1\n"),
              testing::HasSubstr("the columns are run,case"));
  EXPECT_THAT(message_of(folder.path() / "s.csv", "run,case,modality,organ,relation,grid,metric\n"),
              testing::HasSubstr("has no column value"));
  EXPECT_THROW(read_scores(folder.path() / "none.csv"), DataError);
}

}  // namespace
}  // namespace totum
