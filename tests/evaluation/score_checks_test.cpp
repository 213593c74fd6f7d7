#include "evaluation/score_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace totum {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Scores = std::vector<Score>;

const ScoreChoice kLiver{"dice", "native", {{Modality::ct, Relation::intra}}};

Score score(const std::string& case_id, std::int64_t organ) {
  return {"run", case_id, Modality::ct, organ, Relation::intra, "native", "dice", 0.5, true};
}

template <class Change>
Scores changed(Scores scores, std::size_t at, Change change) {
  change(scores[at]);
  return scores;
}

const Scores kFour{score("p", 1), score("p", 6), score("q", 1), score("q", 6)};

std::vector<std::string> contradictions_of(const Scores& a, const Scores& b) {
  const NamedScores both[] = {{"a", &a}, {"b", &b}};
  return contradictions(both, kLiver);
}

TEST(Contradictions, AreNoneOfEqualFacts) { EXPECT_THAT(contradictions_of(kFour, kFour), IsEmpty()); }

TEST(Contradictions, NameCaseOrganAndBothSides) {
  const auto absent = changed(kFour, 1, [](Score& s) { s.in_reference = false; });
  EXPECT_THAT(contradictions_of(kFour, absent),
              ElementsAre(HasSubstr("organ 6 (liver) of p is in the reference of a, but not of b")));
  EXPECT_THAT(contradictions_of(absent, kFour), ElementsAre(HasSubstr("of b, but not of a")));
  const auto cross = changed(kFour, 1, [](Score& s) { s.relation = Relation::cross; });
  EXPECT_THAT(contradictions_of(kFour, cross),
              ElementsAre("organ 6 (liver) of p is intra in a, but cross in b"));
  const auto mr = changed(kFour, 3, [](Score& s) { s.modality = Modality::mr; });
  EXPECT_THAT(contradictions_of(kFour, mr), ElementsAre("case q is ct in a, but mr in b"));
}

// An organ that vanishes on the coarser grid, say, is no contradiction for a table of the other one.
TEST(Contradictions, ConcernWhatTheTableTakesOnly) {
  const auto other_grid = changed(kFour, 1, [](Score& s) {
    s.grid = "network";
    s.in_reference = false;
  });
  EXPECT_THAT(contradictions_of(kFour, other_grid), IsEmpty());
}

TEST(Coverage, CountsRowsAndNotValues) {
  const auto hole = changed(kFour, 0, [](Score& s) { s.value = std::nullopt; });
  const NamedScores all[] = {{"a", &kFour}, {"b", &hole}};
  const Coverage coverage = coverage_of(all, kLiver);
  EXPECT_EQ(coverage.common.size(), 4U);
  EXPECT_THAT(coverage.of_some, IsEmpty());
}

TEST(Coverage, LeavesOutOrgansThatTheReferenceLacks) {
  auto with_absent = kFour;
  with_absent.push_back(score("q", 9));
  with_absent.back().in_reference = false;
  const NamedScores all[] = {{"a", &with_absent}, {"b", &kFour}};
  EXPECT_THAT(coverage_of(all, kLiver).of_some, IsEmpty());
}

TEST(Coverage, ListsWhatEachLacksByCaseAndOrgan) {
  const Scores a{score("p", 1), score("p", 6), score("q", 6)};
  const Scores b{score("p", 1), score("r", 1)};
  const Scores none{};
  const NamedScores all[] = {{"a", &a}, {"b", &b}};
  const Coverage coverage = coverage_of(all, kLiver);
  EXPECT_THAT(coverage.common, ElementsAre(CaseOrgan{"p", 1}));
  EXPECT_THAT(lacking_lines(all, coverage, kLiver),
              ElementsAre("a: no row of r", "b: no row of q; no liver (p)"));
  Scores elsewhere = b;
  for (Score& s : elsewhere) s.metric = "DSC";
  const NamedScores other[] = {{"a", &a}, {"b", &elsewhere}};
  EXPECT_THAT(lacking_lines(other, coverage_of(other, kLiver), kLiver),
              ElementsAre("b: no dice on the native grid; it has DSC (native)"));
}

TEST(Coverage, NamesTenAtMost) {
  std::set<CaseOrgan> pairs;
  for (char c = 'a'; c <= 'l'; ++c) pairs.emplace(std::string(1, c), 6);
  EXPECT_EQ(pairs_text(pairs), "liver (a, b, c, d, e, f, g, h, i, j, … (12 in all))");
}

}  // namespace
}  // namespace totum
