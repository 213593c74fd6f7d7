#include "evaluation/empty_policy.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "evaluation/convention_matrix.h"
#include "evaluation/metric.h"
#include "evaluation/score_case.h"
#include "tests/evaluation/parity_json.h"

namespace totum {
namespace {

using Value = std::optional<double>;
constexpr auto kNeither = Presence::neither;
constexpr auto kFalse = Presence::only_predicted;
constexpr auto kMissed = Presence::only_missed;

Value value(EmptyPolicy policy, const char* metric, Presence presence) {
  return value_of_empty(policy, metric, presence, 100);
}

TEST(EmptyPolicy, ByDefaultAMissTakesTheWorstValueAndAnAbsentOrganNone) {
  for (const char* metric : {"dice", "iou", "nsd", "precision", "sensitivity"}) {
    EXPECT_EQ(value(EmptyPolicy::standard, metric, kMissed), 0.0) << metric;
    EXPECT_EQ(value(EmptyPolicy::standard, metric, kNeither), std::nullopt) << metric;
  }
  for (const char* metric : {"hd95", "assd"}) {
    EXPECT_EQ(value(EmptyPolicy::standard, metric, kMissed), 100.0) << metric;
    EXPECT_EQ(value(EmptyPolicy::standard, metric, kFalse), 100.0) << metric;
  }
  EXPECT_EQ(value(EmptyPolicy::standard, "dice", kFalse), 0.0);
}

// The fixtures hold what MONAI 1.6.1 answered; NaN and infinity are no value.
TEST(EmptyPolicy, MonaiEqualsTheFixtures) {
  const auto fixture = parity::load("metrics.json");
  const std::map<std::string, Presence> cases{
      {"empty_prediction", kMissed}, {"empty_truth", kFalse}, {"both_empty", kNeither}};
  const std::map<std::string, std::string> keys{
      {"dice", "dice"}, {"iou", "iou"}, {"hd95", "hd95"}, {"assd", "asd_symmetric"}, {"nsd", "nsd_2"}};
  int compared = 0;
  for (const auto& c : fixture.at("cases")) {
    const auto presence = cases.find(c.at("name").get<std::string>());
    if (presence == cases.end()) continue;
    for (const auto& [metric, key] : keys) {
      const auto& answer = c.at("monai").at(key);
      const Value expected = answer.is_number() ? Value(answer.get<double>()) : Value();
      EXPECT_EQ(value(EmptyPolicy::monai, metric.c_str(), presence->second), expected)
          << metric << " " << presence->first;
      ++compared;
    }
  }
  EXPECT_EQ(compared, 15);
}

TEST(EmptyPolicy, NnunetLeavesOutOnlyWhatIsInNeitherMap) {
  for (const char* metric : {"dice", "iou"}) {
    EXPECT_EQ(value(EmptyPolicy::nnunet, metric, kNeither), std::nullopt);
    EXPECT_EQ(value(EmptyPolicy::nnunet, metric, kFalse), 0.0);
    EXPECT_EQ(value(EmptyPolicy::nnunet, metric, kMissed), 0.0);
  }
}

TEST(EmptyPolicy, TotalsegmentatorLeavesOutWhatTheReferenceLacks) {
  EXPECT_EQ(value(EmptyPolicy::totalsegmentator, "dice", kFalse), std::nullopt);
  EXPECT_EQ(value(EmptyPolicy::totalsegmentator, "dice", kNeither), std::nullopt);
  EXPECT_EQ(value(EmptyPolicy::totalsegmentator, "dice", kMissed), 0.0);
  EXPECT_EQ(value(EmptyPolicy::totalsegmentator, "nsd", kMissed), 0.0);
}

TEST(EmptyPolicy, MetricsReloadedTakesTwoEmptyMasksForPerfect) {
  EXPECT_EQ(value(EmptyPolicy::metrics_reloaded, "dice", kNeither), 1.0);
  EXPECT_EQ(value(EmptyPolicy::metrics_reloaded, "hd95", kNeither), 0.0);
  EXPECT_EQ(value(EmptyPolicy::metrics_reloaded, "iou", kNeither), std::nullopt);
  EXPECT_EQ(value(EmptyPolicy::metrics_reloaded, "precision", kMissed), 0.0);
}

TEST(EmptyPolicy, PublishedCodeGivesZeroToTwoEmptyMasks) {
  EXPECT_EQ(value(EmptyPolicy::published_code, "dice", kNeither), 0.0);
}

TEST(EmptyPolicy, NamesAreReadBack) {
  for (const EmptyPolicy policy : all_empty_policies())
    EXPECT_EQ(parse_empty_policy(to_string(policy)), policy);
  EXPECT_EQ(parse_empty_policy("mnoai"), std::nullopt);
}

Score score(const char* run, std::int64_t organ, Value worth, bool in_reference = true) {
  return {run, "amos_0001", Modality::ct, organ, Relation::intra, "native", "dice", worth, in_reference};
}

// "bold" draws an organ that is not there and is better on the other; "shy" leaves it out.
TEST(ConventionMatrix, SaysUnderWhichPolicyTheOrderOfMethodsChanges) {
  const std::map<EmptyPolicy, std::vector<Score>> scores{
      {EmptyPolicy::standard,
       {score("bold", 1, 0.9), score("bold", 2, 0.0, false), score("shy", 1, 0.8),
        score("shy", 2, std::nullopt, false)}},
      {EmptyPolicy::nnunet,
       {score("bold", 1, 0.9), score("bold", 2, 0.0, false), score("shy", 1, 0.8),
        score("shy", 2, std::nullopt, false)}},
      {EmptyPolicy::monai,
       {score("bold", 1, 0.9), score("bold", 2, std::nullopt, false), score("shy", 1, 0.8),
        score("shy", 2, std::nullopt, false)}}};
  const ConventionMatrix matrix = convention_matrix(scores);
  EXPECT_EQ(matrix.order_changes.at("dice"), std::vector<EmptyPolicy>{EmptyPolicy::nnunet});
  for (const ConventionCell& cell : matrix.cells) {
    if (cell.run != "bold") continue;
    EXPECT_DOUBLE_EQ(*cell.mean, cell.policy == EmptyPolicy::nnunet ? 0.45 : 0.9);
  }
}

class ScoreCaseMetrics : public testing::Test {
 protected:
  // Organ 1: two of three voxels in common; organ 2 is missed, organ 3 is only predicted; spacing 2 x 1 x 1.
  std::map<std::string, std::map<std::int64_t, Value>> scores(const std::vector<std::string>& metrics,
                                                              int threads = 1) const {
    std::map<std::string, std::map<std::int64_t, Value>> found;
    for (const Score& s : score_case({"r", "amos_0001", Modality::ct, "native"}, prediction_, reference_,
                                     geometry(), split_, {metrics, EmptyPolicy::standard, threads}))
      found[s.metric][s.organ] = s.value;
    return found;
  }
  static Geometry geometry() {
    Geometry geometry;
    geometry.size_xyz = {8, 1, 1};
    geometry.affine[0][0] = 2;
    return geometry;
  }
  std::vector<std::uint8_t> prediction_{1, 1, 1, 0, 0, 0, 3, 0};
  std::vector<std::uint8_t> reference_{0, 1, 1, 1, 0, 2, 0, 0};
  Split split_ = read_split(TOTUM_SOURCE_DIR "/data_splits/amos22.csv");
};

TEST_F(ScoreCaseMetrics, EveryMetricHasItsFormulasValue) {
  const auto of = scores(metric_ids());
  EXPECT_DOUBLE_EQ(*of.at("dice").at(1), 4.0 / 6);
  EXPECT_DOUBLE_EQ(*of.at("dice_published").at(1), 4.0 / 7);
  EXPECT_DOUBLE_EQ(*of.at("iou").at(1), 2.0 / 4);
  EXPECT_DOUBLE_EQ(*of.at("sensitivity").at(1), 2.0 / 3);
  EXPECT_DOUBLE_EQ(*of.at("precision").at(1), 2.0 / 3);
  EXPECT_DOUBLE_EQ(*of.at("volume_error_ml").at(1), 0.0);
  EXPECT_DOUBLE_EQ(*of.at("volume_error_ml").at(2), 0.002);  // one voxel of 2 mm³ is missed
  EXPECT_DOUBLE_EQ(*of.at("volume_error_ml").at(3), 0.002);  // one is hallucinated
  // Distances 2, 0, 0 in both directions: 95 % of the way to the last of three is 0.9 of the last step.
  EXPECT_DOUBLE_EQ(*of.at("hd95").at(1), 1.8);
  EXPECT_DOUBLE_EQ(*of.at("assd").at(1), 4.0 / 6);
  EXPECT_DOUBLE_EQ(*of.at("nsd").at(1), 1.0);  // the spleen's tolerance is 2 mm
  const double diagonal = std::sqrt(16.0 * 16 + 1 + 1);
  EXPECT_DOUBLE_EQ(*of.at("hd95").at(2), diagonal);
  EXPECT_EQ(of.at("hd95").at(4), std::nullopt);
}

TEST_F(ScoreCaseMetrics, ThreadsChangeNothing) {
  EXPECT_EQ(scores(metric_ids(), 1), scores(metric_ids(), 3));
}

TEST_F(ScoreCaseMetrics, RefusesUnknownMetricsAndOtherGrids) {
  EXPECT_THROW(scores({"dcie"}), ConfigError);
  reference_.push_back(0);
  prediction_.push_back(0);
  EXPECT_THROW(scores({"dice"}), DataError);
}

}  // namespace
}  // namespace totum
