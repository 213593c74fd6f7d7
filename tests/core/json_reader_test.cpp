#include "core/json_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/error.h"
#include "core/files.h"
#include "tests/core/temporary_folder.h"

namespace totum {
namespace {

using nlohmann::json;

std::string message_of(const std::function<void()>& read) {
  try {
    read();
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.exit_status(), 2);
    return error.what();
  }
  return "";
}

TEST(JsonReader, NamesFilePathValueAndWhatIsAllowed) {
  JsonReader sampler = JsonReader(json::parse(R"({"sampler":{"patch_voxels":[-64,192,192]}})"), "smoke.json")
                           .object("sampler");
  std::array<std::int64_t, 3> patch{};
  EXPECT_EQ(message_of([&] { sampler.optional("patch_voxels", patch, multiple_of(16)); }),
            "smoke.json: /sampler/patch_voxels/0 is -64; must be a positive multiple of 16");
}

TEST(JsonReader, RefusesWrongTypes) {
  JsonReader reader(json::parse(R"({"a":"1","b":1.5,"c":1,"d":[1,2]})"), "p.json");
  std::int64_t whole = 0;
  bool flag = false;
  std::array<double, 3> three{};
  EXPECT_EQ(message_of([&] { reader.optional("a", whole); }), R"(p.json: /a is "1"; must be a whole number)");
  EXPECT_EQ(message_of([&] { reader.optional("b", whole); }), "p.json: /b is 1.5; must be a whole number");
  EXPECT_EQ(message_of([&] { reader.optional("c", flag); }), "p.json: /c is 1; must be true or false");
  EXPECT_EQ(message_of([&] { reader.optional("d", three); }),
            "p.json: /d is [1,2]; must be an array of 3 values");
}

TEST(JsonReader, LeavesTheTargetWhenAKeyIsMissingOrWrong) {
  JsonReader reader(json::parse(R"({"share":2})"), "p.json");
  double share = 0.5;
  EXPECT_FALSE(reader.optional("other", share));
  EXPECT_EQ(message_of([&] { reader.optional("share", share, between(0, 1)); }),
            "p.json: /share is 2; must be between 0 and 1");
  EXPECT_EQ(share, 0.5);
}

TEST(JsonReader, NamesEveryUnknownKeyAndTheNearestKnownOne) {
  JsonReader reader(json::parse(R"({"learning_rat":1,"zzz":2,"learning_rate":3})"), "p.json", "/optimiser");
  double rate = 0;
  reader.optional("learning_rate", rate);
  const std::string message = message_of([&] { reader.no_more_keys(); });
  EXPECT_THAT(message,
              testing::HasSubstr("unknown key /optimiser/learning_rat; did you mean \"learning_rate\"?"));
  EXPECT_THAT(message, testing::HasSubstr("unknown key /optimiser/zzz; known here: learning_rate"));
}

TEST(JsonReader, ChecksEnumeratorsAndMissingKeys) {
  JsonReader reader(json::parse(R"({"order":"parallel"})"), "p.json");
  std::string order;
  EXPECT_EQ(message_of([&] {
              reader.optional("order", order, one_of({"sequential", "joint"}));
            }),
            R"(p.json: /order is "parallel"; must be one of sequential, joint)");
  EXPECT_EQ(message_of([&] { reader.required("name", order); }), "p.json: /name is missing");
}

TEST(JsonReader, RefusesAnythingButAnObject) {
  EXPECT_EQ(message_of([] { JsonReader(json::parse("[1]"), "p.json"); }),
            "p.json: / is [1]; must be an object {…}");
}

TEST(ReadJsonFile, TellsWhereTheSyntaxBreaks) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "p.json", "{\n  \"a\": 1,\n}");
  EXPECT_THAT(message_of([&] { read_json_file(folder.path() / "p.json"); }), testing::HasSubstr("line 3"));
}

TEST(NearestName, FindsATypingErrorAndNothingFarAway) {
  EXPECT_EQ(nearest_name("marginal_los", {"single", "marginal_loss"}), "marginal_loss");
  EXPECT_EQ(nearest_name("unet", {"single", "marginal_loss"}), "");
}

TEST(JsonReader, RefusesNumbersThatNoDoubleHoldsAndBottomlessNesting) {
  const TemporaryFolder folder;
  const auto refusal = [&](const std::string& text) -> std::string {
    std::ofstream(folder.path() / "a.json") << text;
    try {
      (void)read_json_file(folder.path() / "a.json");
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "none";
  };
  EXPECT_THAT(refusal("{\"a\": 1e999}"), testing::HasSubstr("a.json: not valid JSON"));
  EXPECT_THAT(refusal(std::string(100000, '[')), testing::HasSubstr("nested more than 64 deep"));
  EXPECT_EQ(refusal(std::string(60, '[') + std::string(60, ']')), "none");
}

}  // namespace
}  // namespace totum
