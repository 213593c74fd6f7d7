#include "experiments/preset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "experiments/resources.h"
#include "tests/core/temporary_folder.h"

namespace totum {
namespace {

std::string fault(const std::function<void()>& work) {
  try {
    work();
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.exit_status(), 2);
    return error.what();
  }
  return "";
}

TEST(Preset, AllThatComeWithTheProgramAreValid) {
  const auto names = preset_names();
  for (const char* name : {"smoke", "quick", "phantom", "amos22-paper", "amos22-published-code"}) {
    EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
  }
  for (const std::string& name : names) {
    const Preset preset = load_preset(name);
    EXPECT_EQ(preset.name, name);
    EXPECT_GE(preset.sampler.batch_size, 2) << name;
    EXPECT_TRUE(std::filesystem::exists(split_file(preset.dataset.split))) << name;
  }
}

TEST(Preset, IsTheSameAfterItWasStored) {
  for (const std::string& name : preset_names()) {
    const Preset preset = load_preset(name);
    EXPECT_EQ(to_json(preset), to_json(read_preset(JsonReader(to_json(preset), "stored")))) << name;
  }
}

TEST(Preset, OfThePaperHasThePapersNumbers) {
  const Preset paper = load_preset("amos22-paper");
  EXPECT_EQ(paper.schedule.epochs, 600);
  EXPECT_EQ(paper.schedule.validate_every_epochs, 50);
  EXPECT_EQ(paper.sampler.patch_voxels, (Shape3{64, 192, 192}));
  EXPECT_EQ(paper.sampler.batch_size, 3);
  EXPECT_DOUBLE_EQ(paper.optimiser.learning_rate, 5e-4);
  EXPECT_EQ(paper.backbone.base_width, 32);
  EXPECT_EQ(paper.backbone.stem_stride, 1);
}

TEST(Preset, OfThePublishedCodeChoosesItsPreprocessingAtlasAndSampling) {
  const Preset code = load_preset("amos22-published-code");
  EXPECT_EQ(code.schedule.epochs, 500);
  EXPECT_EQ(code.evaluation.dice, "dice_published");
  EXPECT_EQ(code.preprocess.z_extent, "labels");
  EXPECT_EQ(code.preprocess.torso, "body");
  EXPECT_EQ(to_json(code.preprocess.body), to_json(BodyConfig{}));
  EXPECT_EQ(code.preprocess.padded_voxels, (Shape3{69, 197, 197}));
  EXPECT_EQ(code.atlas.scale, "maximum");
  EXPECT_EQ(code.atlas.blur_sigma_voxels, 3);
  EXPECT_EQ(code.atlas.label_resize, "corners");
  EXPECT_EQ(code.atlas.alignment, "resize");
  EXPECT_EQ(code.sampler.extra_voxels, 5);
  EXPECT_FALSE(code.sampler.last_start);
  EXPECT_EQ(code.sampler.augmentation, "published_code");
  const Preset paper = load_preset("amos22-paper");
  EXPECT_EQ(to_json(paper.atlas), to_json(AtlasConfig{}));
  EXPECT_EQ(paper.preprocess.padded_voxels, (Shape3{0, 0, 0}));
  EXPECT_EQ(paper.preprocess.z_extent, "torso");
  EXPECT_EQ(paper.sampler.augmentation, "none");
}

TEST(Preset, PaddingFollowsThePatch) {
  const Preset preset = load_preset("smoke", {"sampler/extra_voxels=5"});
  EXPECT_EQ(preset.preprocess.padded_voxels, (Shape3{37, 37, 53}));
  EXPECT_THAT(fault([] { (void)load_preset("smoke", {"preprocess/padded_voxels=[40,40,40]"}); }),
              testing::HasSubstr("/preprocess/padded_voxels is [40,40,40]; must be [0,0,0]"));
  EXPECT_THAT(fault([] {
                (void)load_preset("smoke", {"sampler/extra_voxels=5", "preprocess/padded_voxels=[40,40,40]"});
              }),
              testing::HasSubstr("must be [37,37,53]"));
}

TEST(Preset, NamesPlaceValueAndWhatIsAllowed) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "smoke.json";
  const auto message = [&](const std::string& text) {
    write_file_atomically(path, text);
    return fault([&] { (void)load_preset(path.string()); });
  };
  EXPECT_EQ(message(R"({"name": "x", "sampler": {"patch_voxels": [-64, 192, 192]}})"),
            "smoke.json: /sampler/patch_voxels/0 is -64; must be a positive multiple of 16");
  EXPECT_EQ(message(R"({"name": "x", "schedule": {"epochs": "ten"}})"),
            "smoke.json: /schedule/epochs is \"ten\"; must be a whole number");
  EXPECT_NE(message(R"({"name": "x", "schedul": {}})").find("did you mean \"schedule\""), std::string::npos);
  EXPECT_NE(message(R"({"name": "x", "sampler": {"batch": 3}})").find("/sampler/batch"), std::string::npos);
  EXPECT_NE(message(R"({"sampler": {}})").find("/name"), std::string::npos);
  EXPECT_NE(message(R"({"name": "x", "method_options": {"singel": {}}})").find("did you mean \"single\""),
            std::string::npos);
  EXPECT_NE(message(R"({"name": "x", "precision": "float16"})").find("float32"), std::string::npos);
  EXPECT_NE(message(R"({"name": "x",)").find("smoke.json"), std::string::npos);
}

TEST(Preset, ExtendsAnotherKeyByKey) {
  const TemporaryFolder folder;
  write_file_atomically(
      folder.path() / "base.json",
      R"({"name": "base", "threads": 3, "schedule": {"epochs": 7, "validate_every_epochs": 2}})");
  write_file_atomically(folder.path() / "child.json",
                        R"({"extends": "base", "name": "child", "schedule": {"epochs": 9}})");
  const Preset preset = load_preset((folder.path() / "child.json").string());
  EXPECT_EQ(preset.name, "child");
  EXPECT_EQ(preset.threads, 3);
  EXPECT_TRUE(preset.deterministic);
  EXPECT_EQ(preset.schedule.epochs, 9);
  EXPECT_EQ(preset.schedule.validate_every_epochs, 2);
  write_file_atomically(folder.path() / "base.json", R"({"extends": "child", "name": "base"})");
  EXPECT_NE(fault([&] { (void)load_preset((folder.path() / "child.json").string()); }).find("circle"),
            std::string::npos);
}

TEST(Preset, TakesOverridesOfSingleValues) {
  const Preset preset =
      load_preset("smoke", {"schedule/epochs=3", "optimiser.learning_rate=0.5", "dataset/phantom=tiny"});
  EXPECT_EQ(preset.schedule.epochs, 3);
  EXPECT_DOUBLE_EQ(preset.optimiser.learning_rate, 0.5);
  EXPECT_EQ(preset.dataset.phantom, "tiny");
  EXPECT_NE(fault([] { (void)load_preset("smoke", {"schedule/epoch=3"}); }).find("did you mean \"epochs\""),
            std::string::npos);
  EXPECT_NE(fault([] { (void)load_preset("smoke", {"epochs"}); }).find("path=value"), std::string::npos);
  EXPECT_NE(fault([] { (void)load_preset("smoke", {"name/x/y=1"}); }), "");
}

TEST(Resources, SuggestTheNearestName) {
  EXPECT_NE(fault([] { (void)preset_file("smok"); }).find("did you mean \"smoke\""), std::string::npos);
  EXPECT_NE(fault([] { (void)split_file("./nowhere.csv"); }).find("no such file"), std::string::npos);
}

}  // namespace
}  // namespace totum
