#include "baselines/dar_unet.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <map>
#include <set>

#include "baselines/dar_gallery.h"
#include "baselines/dar_losses.h"
#include "baselines/dar_translation.h"
#include "baselines/dar_translator.h"
#include "core/error.h"
#include "core/files.h"
#include "networks/dar_unet.h"
#include "networks/initialise.h"
#include "networks/slice_discriminators.h"
#include "networks/slice_translator.h"
#include "tests/baselines/method_probe.h"
#include "tests/methods/state_access.h"

namespace totum {
namespace {

constexpr std::int64_t kTranslator = 0, kCt = 1, kMr = 2;  // parts

nlohmann::json small_options(std::int64_t styles = 1) {
  return {{"stage1_iterations", 4},
          {"styles", styles},
          {"slice", 32},
          {"translator", {{"width", 4}, {"batch", 1}}}};
}

std::unique_ptr<Method> make(const nlohmann::json& options = small_options()) {
  return make_dar_unet(undecayed_setup(), JsonReader(options, "options"));
}

TranslatorConfig small_translator() { return {.width = 4, .slice_pixels = 32, .batch = 1}; }

// Smooth pictures, CT and MR with other intensities of the same kind of shapes.
at::Tensor pictures(std::int64_t count, bool is_mr) {
  std::vector<at::Tensor> all;
  const at::Tensor axis = at::linspace(-1, 1, 32);
  for (std::int64_t i = 0; i < count; ++i) {
    const double radius = 0.4 + 0.1 * static_cast<double>(i);
    const at::Tensor distance = axis.square().unsqueeze(0) / 0.5 + axis.square().unsqueeze(1);
    const at::Tensor inside = ((radius - distance) * 6).sigmoid();
    all.push_back(is_mr ? 0.8 - 1.2 * inside : 1.6 * inside - 1);
  }
  return at::stack(all).unsqueeze(1).to(at::kFloat);  // [count,1,32,32]
}

double own_style_error(SliceTranslator translator, const at::Tensor& x, bool is_mr) {
  const torch::NoGradGuard no_grad;
  const at::Tensor again = translator->decode(translator->content(x), translator->style(x, is_mr));
  return (again - x).abs().mean().item<double>();
}

TEST(DarUnet, Fidelity4TranslatingWithAnImagesOwnStyleReconstructsIt) {
  TranslatorConfig config = small_translator();
  config.learning_rate = 2e-3;
  config.discriminator_lr = 2e-3;
  config.average = 0.5;
  TranslatorTraining training(config, 1, c10::kCPU);
  const at::Tensor ct = pictures(2, false), mr = pictures(2, true);
  const double before = own_style_error(training.averaged(), ct, false);
  const double before_mr = own_style_error(training.averaged(), mr, true);
  double first = 0, last = 0;
  for (int i = 0; i < 40; ++i) {
    last = reported(training.step(ct, mr), "reconstruction");
    if (i == 0) first = last;
  }
  EXPECT_LT(last, 0.5 * first);
  EXPECT_LT(own_style_error(training.averaged(), ct, false), 0.5 * before);
  EXPECT_LT(own_style_error(training.averaged(), mr, true), 0.5 * before_mr);
}

TEST(DarTranslator, TheAverageFollowsTheTrainedWeights) {
  TranslatorConfig config = small_translator();
  config.average = 0.75;
  TranslatorTraining training(config, 1, c10::kCPU);
  const auto weights = [&] {
    struct Find final : StateVisitor {
      void tensor(const std::string& name, at::Tensor& value) override {
        if (name == "translator.content.down.conv0.weight") trained = value.detach().clone();
        if (name == "averaged.content.down.conv0.weight") averaged = value.detach().clone();
      }
      void counter(const std::string&, std::int64_t&) override {}
      void optimiser(const std::string&, torch::optim::Optimizer&) override {}
      at::Tensor trained, averaged;
    } find;
    training.visit(find, "");
    return std::pair{find.trained, find.averaged};
  };
  const auto [trained, averaged] = weights();
  EXPECT_TRUE(at::equal(trained, averaged));
  (void)training.step(pictures(1, false), pictures(1, true));
  const auto [moved, followed] = weights();
  EXPECT_FALSE(at::equal(trained, moved));
  EXPECT_TRUE(at::allclose(followed, 0.75 * averaged + 0.25 * moved, 1e-5, 1e-7));
}

// The translator's training again: all terms written out, one call for each picture, LibTorch's Adam.
struct TranslatorTwin {
  SliceTranslator net{SliceTranslatorShape{4, 32}};
  ImageDiscriminator judge_ct{4, 32}, judge_mr{4, 32};
  ContentDiscriminator judge_content{16, content_reductions(8)};
  std::unique_ptr<torch::optim::Adam> adam, judges_adam;

  // From the weights of another training.
  explicit TranslatorTwin(TranslatorTraining& training) {
    std::map<std::string, at::Tensor> first;
    TensorVisitor visitor(
        [&](const std::string& name, at::Tensor& value) { first[name] = value.detach().clone(); });
    training.visit(visitor, "");
    for (auto& [name, parameter] : parameters()) parameter.set_data(first.at(name));
    const auto make_adam = [](std::vector<at::Tensor> weights, double learning_rate) {
      return std::make_unique<torch::optim::Adam>(std::move(weights),
                                                  torch::optim::AdamOptions(learning_rate).betas({0.5, 0.9}));
    };
    std::vector<at::Tensor> judges;
    for (auto& [name, parameter] : parameters()) {
      if (name.starts_with("judge")) judges.push_back(parameter);
    }
    adam = make_adam(net->parameters(), 1e-4);
    judges_adam = make_adam(judges, 2e-4);
  }

  std::map<std::string, at::Tensor> parameters() {
    std::map<std::string, at::Tensor> all;
    const auto add = [&](const std::string& prefix, torch::nn::Module& module) {
      for (auto& entry : module.named_parameters()) all[prefix + entry.key()] = entry.value();
    };
    add("translator.", *net);
    add("judge_ct.", *judge_ct);
    add("judge_mr.", *judge_mr);
    add("judge_content.", *judge_content);
    return all;
  }

  std::map<std::string, double> step(const at::Tensor& ct, const at::Tensor& mr) {
    const auto apart = [](const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().mean(); };
    const auto squares = [](const std::vector<at::Tensor>& outputs, double target) {
      at::Tensor sum = at::zeros({}, at::kDouble);
      for (const at::Tensor& output : outputs) sum = sum + (output - target).square().mean();
      return sum;
    };
    const at::Tensor content_ct = net->content(ct), content_mr = net->content(mr);
    const at::Tensor style_ct = net->style(ct, false), style_mr = net->style(mr, true);
    const at::Tensor fake_mr = net->decode(content_ct, style_mr), fake_ct = net->decode(content_mr, style_ct);
    // Real pictures are 1, fakes 0; content of CT is 1, of MR 0.
    const at::Tensor judges = squares(judge_ct(ct), 1) + squares(judge_ct(fake_ct.detach()), 0) +
                              squares(judge_mr(mr), 1) + squares(judge_mr(fake_mr.detach()), 0) +
                              squares({judge_content(content_ct.detach())}, 1) +
                              squares({judge_content(content_mr.detach())}, 0);
    judges_adam->zero_grad();
    judges.backward();
    judges_adam->step();
    const at::Tensor reconstruction =
        apart(net->decode(content_ct, style_ct), ct) + apart(net->decode(content_mr, style_mr), mr);
    // Back with the style of the picture itself.
    const at::Tensor cycle = apart(net->decode(net->content(fake_mr), style_ct), ct) +
                             apart(net->decode(net->content(fake_ct), style_mr), mr);
    const at::Tensor content =
        apart(net->content(fake_mr), content_ct) + apart(net->content(fake_ct), content_mr);
    const at::Tensor style =
        apart(net->style(fake_mr, true), style_mr) + apart(net->style(fake_ct, false), style_ct);
    // Fakes shall pass for real, and the content of each modality for the other's.
    const at::Tensor adversarial = squares(judge_ct(fake_ct), 1) + squares(judge_mr(fake_mr), 1) +
                                   squares({judge_content(content_mr)}, 1) +
                                   squares({judge_content(content_ct)}, 0);
    const at::Tensor loss = 10 * reconstruction + 10 * cycle + content + style + adversarial;
    adam->zero_grad();
    loss.backward();
    adam->step();
    return {{"loss", loss.item<double>()},
            {"reconstruction", reconstruction.item<double>()},
            {"cycle", cycle.item<double>()},
            {"content", content.item<double>()},
            {"style", style.item<double>()},
            {"adversarial", adversarial.item<double>()},
            {"discriminators", judges.item<double>()}};
  }
};

// Three steps: the first of Adam does not depend on its betas. In float64, where a gradient that is 0 but for
// rounding moves nothing.
TEST(DarTranslator, EqualsItsTermsWrittenOut) {
  TranslatorTraining training(small_translator(), 1, c10::kCPU);
  TensorVisitor to_double(
      [](const std::string&, at::Tensor& value) { value.set_data(value.to(at::kDouble)); });
  training.visit(to_double, "");
  TranslatorTwin twin(training);
  const at::Tensor ct = pictures(2, false).to(at::kDouble), mr = pictures(2, true).to(at::kDouble);
  for (int i = 0; i < 3; ++i) {
    const StepReport report = training.step(ct, mr);
    const auto expected = twin.step(ct, mr);
    ASSERT_EQ(report.size(), expected.size());
    for (const auto& [name, value] : report)
      EXPECT_NEAR(value.item<double>(), expected.at(name), 1e-9) << name << " of step " << i;
  }
  const auto parameters = twin.parameters();
  TensorVisitor compare([&](const std::string& name, at::Tensor& value) {
    if (name.starts_with("averaged.")) return;
    EXPECT_LE((value - parameters.at(name)).abs().max().item<double>(), 1e-7) << name;  // of rates 1e-4, 2e-4
  });
  training.visit(compare, "");
}

// A step's loss again by hand: the networks' first weights, source labels, the translated image.
TEST(DarUnet, Fidelity5LabelsOfTranslatedVolumesAreThoseOfTheirSource) {
  const SmallTrainingData data;
  const auto method = make();
  method->begin_training(data);
  const Batch batch = small_batch(small_setup(), {2, 0}, 3);  // cases 2_0 (MR) and 0_1 (CT)
  ASSERT_EQ(batch.case_id, (std::vector<std::string>{"2_0", "0_1"}));
  const at::Tensor label = batch.label.clone();
  const StepReport report = method->train_step(batch, {kCt, 0, 0, 10});
  EXPECT_TRUE(at::equal(batch.label, label));

  TranslatorTraining translator(small_translator(), 1, c10::kCPU);
  AxialSlices slices(data, small_setup().tasks);
  VolumeTranslation translation(translator.averaged(), slices, data, {1, 1, 32});
  const at::Tensor fake = translation.volume("2_0", Modality::ct, 0).patch({0, 0, 0}, {32, 32, 32});
  EXPECT_LE(fake.abs().max().item<float>(), 1.0F);
  EXPECT_FALSE(at::allclose(fake, batch.image[0][0]));
  DarUNet network(dar_unet_shape(16, 2));
  initialise_parameters(*network, 1, "dar_unet/s_ct");
  const auto outputs = network->forward(at::stack({fake, batch.image[1][0]}).unsqueeze(1));
  double loss = 0;
  const std::vector<at::Tensor> organs{at::tensor({1, 2, 3, 4, 10}, at::kLong),
                                       at::tensor({5, 6, 7, 8}, at::kLong)};
  for (std::int64_t b = 0; b < 2; ++b) {
    std::vector<at::Tensor> own;
    for (const auto& output : outputs) own.push_back(output[b].flatten(1));
    const DarLossTerms terms = dar_loss(own, label[b].flatten(), organs[static_cast<std::size_t>(b)]);
    loss += (10 * terms.focal + terms.dice).item<double>() / 2;
  }
  EXPECT_NEAR(reported(report, "loss"), loss, 1e-4 * loss);
}

// Training's pieces have 48 pixels, the slices 32: with 8 pixels of air on each side, in the style of one of
// the target's slices, padded alike.
TEST(DarTranslation, TranslatesSlicesAsLargeAsTrainingsPieces) {
  const torch::NoGradGuard no_grad;
  const SmallTrainingData data;
  AxialSlices slices(data, small_setup().tasks);
  SliceTranslator translator = TranslatorTraining(small_translator(), 1, c10::kCPU).averaged();
  VolumeTranslation translation(translator, slices, data, {1, 1, 48});
  const at::Tensor got = translation.volume("0_0", Modality::mr, 0).translator_output();
  const auto framed = [](const at::Tensor& x) {
    return at::constant_pad_nd(x, {8, 8, 8, 8}, -1).unsqueeze(1);
  };
  const at::Tensor content = translator->content(framed(slices.scaled("0_0", Modality::ct, 0, 32)));
  double nearest = 2;
  for (const std::string& id : slices.case_ids(Modality::mr)) {
    for (std::int64_t z = 0; z < 32; ++z) {
      const at::Tensor style = translator->style(framed(slices.scaled(id, Modality::mr, z, 1)), true);
      const at::Tensor y = translator->decode(content, style.expand({32, -1})).squeeze(1);
      const at::Tensor inside = y.slice(1, 8, 40).slice(2, 8, 40);
      nearest = std::min(nearest, (inside - got).abs().max().item<double>());
    }
  }
  EXPECT_LT(nearest, 5e-5);  // half a level of the stored volume is 1.5e-5
}

TEST(DarUnet, Fidelity6StylesAreSixClustersByDefault) {
  const MethodSetup setup = small_setup();
  EXPECT_EQ(read_dar_unet_options(setup, JsonReader(nlohmann::json::object(), "options")).styles, 6);
  const SmallTrainingData data;
  AxialSlices slices(data, setup.tasks);
  VolumeTranslation translation(TranslatorTraining(small_translator(), 1, c10::kCPU).averaged(), slices, data,
                                {6, 1, 32});
  EXPECT_EQ(translation.styles(Modality::mr), 6);
  std::set<std::string> different;
  for (std::int64_t style = 0; style < 6; ++style) {
    const at::Tensor volume = translation.volume("0_0", Modality::mr, style).quantised;
    ASSERT_EQ(volume.sizes(), (at::IntArrayRef{32, 32, 32}));  // the grid of the source
    different.emplace(static_cast<const char*>(volume.const_data_ptr()), volume.nbytes());
  }
  EXPECT_EQ(different.size(), 6U);
}

TEST(DarUnet, Fidelity9OnlyTheFusedOutputPredicts) {
  const auto method = make();
  const at::Tensor image = small_batch(small_setup(), {0, 2}, 3).image;
  DarUNet network(dar_unet_shape(16, 2));
  initialise_parameters(*network, 1, "dar_unet/s_mr");
  network->eval();
  const torch::NoGradGuard no_grad;
  const auto outputs = network->forward(image);
  const at::Tensor p = method->predict(image, Modality::mr);
  EXPECT_LE((p - outputs[0].softmax(1)).abs().max().item<float>(), 1e-5F);
  EXPECT_GT((p - outputs[1].softmax(1)).abs().max().item<float>(), 1e-3F);
  EXPECT_FALSE(at::allclose(p, method->predict(image, Modality::ct)));
  EXPECT_TRUE(at::equal(p, method->predict_part(kMr, image, Modality::ct)));
}

// With the data's own guard (a case that is not for training is an error) this is the whole of it: stage 1
// and the translations ask for the listed cases alone.
class Recording final : public TrainingData {
 public:
  [[nodiscard]] std::vector<std::string> case_ids(std::int64_t task) const override {
    return inner_.case_ids(task);
  }
  [[nodiscard]] const Geometry& geometry(const std::string& id) const override {
    asked.insert(id);
    return inner_.geometry(id);
  }
  [[nodiscard]] at::Tensor slices(const std::string& id, std::int64_t z, std::int64_t count) const override {
    asked.insert(id);
    return inner_.slices(id, z, count);
  }
  [[nodiscard]] TrainingImage crop(const std::string& stream, std::int64_t task,
                                   std::int64_t index) const override {
    return inner_.crop(stream, task, index);
  }
  void augment(at::Tensor&, const std::string&, std::int64_t) const override {}
  [[nodiscard]] std::filesystem::path scratch_folder() const override { return inner_.scratch_folder(); }
  [[nodiscard]] std::filesystem::path gallery_folder() const override { return inner_.gallery_folder(); }
  mutable std::set<std::string> asked;

 private:
  SmallTrainingData inner_;
};

TEST(DarUnet, Fidelity10OnlyTrainingCasesEnterStageOne) {
  const Recording data;
  const auto method = make();
  method->begin_training(data);
  for (std::int64_t i = 0; i < 10; ++i) (void)method->train_step({}, {kTranslator, i, 0, 1});
  (void)method->train_step(small_batch(small_setup(), {0, 2}, 3), {kCt, 0, 0, 10});
  std::set<std::string> listed;
  for (std::int64_t task = 0; task < 3; ++task) {
    for (const std::string& id : data.case_ids(task)) listed.insert(id);
  }
  EXPECT_EQ(data.asked, listed);
}

TEST(DarUnet, PartsShareTheCommonIterationsAndAreChosenByTheirOwnModality) {
  const auto parts = make()->parts();
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].own_iterations, 4);
  EXPECT_EQ(parts[1].epochs + parts[2].epochs, small_setup().epochs);
  EXPECT_TRUE(parts[1].tasks.empty());
  EXPECT_EQ(parts[1].validation_tasks, (std::vector<std::int64_t>{0, 1}));
  EXPECT_EQ(parts[2].validation_tasks, (std::vector<std::int64_t>{2}));
}

TEST(DarUnet, EachPartTrainsItsOwnWeightsAlone) {
  const SmallTrainingData data;
  const auto method = make();
  method->begin_training(data);
  const Batch batch = small_batch(small_setup(), {0, 2}, 3);
  const std::vector<std::string> prefixes{"translator/", "s_ct/", "s_mr/"};
  for (const std::int64_t part : {kTranslator, kCt, kMr}) {
    const auto before = snapshot(*method);
    (void)method->train_step(part == kTranslator ? Batch{} : batch, {part, 0, 0, 10});
    for (const auto& [name, tensor] : snapshot(*method)) {
      if (!name.starts_with(prefixes[static_cast<std::size_t>(part)]))
        EXPECT_TRUE(at::equal(tensor, before.at(name))) << name;
    }
  }
}

TEST(DarTranslation, IsAPureFunctionOfTheWeightsAndKeptInFilesNamedByThem) {
  const SmallTrainingData data;
  AxialSlices slices(data, small_setup().tasks);
  TranslatorTraining training(small_translator(), 1, c10::kCPU);
  const TranslationConfig config{2, 1, 32};
  const at::Tensor first = VolumeTranslation(training.averaged(), slices, data, config)
                               .volume("2_1", Modality::ct, 1)
                               .quantised.clone();
  const auto count_folders = [&] {
    return std::distance(std::filesystem::directory_iterator(data.scratch_folder()), {});
  };
  EXPECT_EQ(count_folders(), 1);
  const SmallTrainingData elsewhere;  // no file to be found there
  AxialSlices same(elsewhere, small_setup().tasks);
  VolumeTranslation again(training.averaged(), same, elsewhere, config);
  (void)again.volume("2_0", Modality::ct, 0);  // another order of asking
  EXPECT_TRUE(at::equal(first, again.volume("2_1", Modality::ct, 1).quantised));
  (void)training.step(pictures(1, false), pictures(1, true));
  (void)VolumeTranslation(training.averaged(), slices, data, config).volume("2_1", Modality::ct, 1);
  EXPECT_EQ(count_folders(), 2);
}

TEST(DarTranslation, StandardisesMrOverTheVolumeAndPadsWithWhatMinusOneBecomes) {
  const SmallTrainingData data;
  AxialSlices slices(data, small_setup().tasks);
  VolumeTranslation translation(TranslatorTraining(small_translator(), 1, c10::kCPU).averaged(), slices, data,
                                {1, 1, 32});
  const TranslatedVolume& mr = translation.volume("0_0", Modality::mr, 0);
  const at::Tensor whole = mr.patch({0, 0, 0}, {32, 32, 32});
  EXPECT_NEAR(whole.mean().item<double>(), 0, 1e-5);
  EXPECT_NEAR(whole.std(false).item<double>(), 1, 1e-5);
  const at::Tensor corner = mr.patch({20, 4, 8}, {16, 16, 32});
  ASSERT_EQ(corner.sizes(), (at::IntArrayRef{16, 16, 32}));
  EXPECT_TRUE(
      at::equal(corner.slice(0, 0, 12).slice(2, 0, 24), whole.slice(0, 20).slice(1, 4, 20).slice(2, 8)));
  const double padding = (-1 - mr.mean) / mr.sd;
  EXPECT_NEAR(corner[15][0][0].item<double>(), padding, 1e-6);
  EXPECT_NEAR(corner[0][0][31].item<double>(), padding, 1e-6);
  const TranslatedVolume& ct = translation.volume("2_0", Modality::ct, 0);
  EXPECT_EQ(ct.mean, 0);
  EXPECT_EQ(ct.sd, 1);
}

TEST(DarGallery, ShowsSourceAndTranslationsSideBySide) {
  const at::Tensor black = at::full({3, 4, 6}, -1.0F), white = at::full({5, 4, 2}, 1.0F);
  const GreyPicture sheet = slice_sheet({{black, white}, {white}});
  EXPECT_EQ(sheet.width, 4 + 12 + 4 + 4 + 4);
  EXPECT_EQ(sheet.height, 4 + 8 + 4 + 8 + 4);
  const auto pixel = [&](std::int64_t y, std::int64_t x) {
    return sheet.pixels[static_cast<std::size_t>(y * sheet.width + x)];
  };
  EXPECT_EQ(pixel(4, 4), 0);
  EXPECT_EQ(pixel(11, 20), 255);
  EXPECT_EQ(pixel(16, 4), 255);
  EXPECT_EQ(pixel(0, 0), 64);
}

TEST(DarUnet, LeavesPicturesAtTheFirstStepOfASegmenter) {
  const SmallTrainingData data;
  const auto method = make();
  method->begin_training(data);
  (void)method->train_step(small_batch(small_setup(), {0, 2}, 3), {kMr, 0, 0, 10});
  for (const char* name : {"to_mr.png", "0_0.nii.gz", "0_0_to_mr_style_1.nii.gz"})
    EXPECT_TRUE(std::filesystem::exists(data.gallery_folder() / name)) << name;
}

TEST(DarUnet, HasThePublishedSizes) {
  const auto options = read_dar_unet_options(paper_setup(), JsonReader(nlohmann::json::object(), "options"));
  EXPECT_EQ(options.stage1_iterations, 20000);
  EXPECT_EQ(options.translator.width, 32);
  EXPECT_EQ(options.translator.slice_pixels, 256);
  EXPECT_EQ(options.translator.batch, 4);
  EXPECT_DOUBLE_EQ(options.translator.discriminator_lr, 2e-4);
}

TEST(DarUnet, RefusesImpossibleOptions) {
  EXPECT_THROW(make({{"styles", 0}}), ConfigError);
  EXPECT_THROW(make({{"slice", 40}}), ConfigError);
  EXPECT_THROW(make({{"stage1_iterations", 0}}), ConfigError);
  EXPECT_THROW(make({{"translator", {{"wdith", 8}}}}), ConfigError);
}

}  // namespace
}  // namespace totum
