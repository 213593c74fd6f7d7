// Three whole iterations of the published training script, with all networks and optimisers, at full width on
// a crop of 64^3. Slow: minutes in float64.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "methods/optimiser.h"
#include "methods/proposed.h"
#include "tests/methods/small_setup.h"
#include "tests/methods/state_access.h"
#include "tests/parity/parity_fixture.h"

namespace totum {
namespace {

using nlohmann::json;

// A parameter of the published main network: ours, or one that no loss reaches, kept to complete the sums.
struct PublishedParameter {
  std::vector<at::Tensor> parts;  // along the first dimension
};

json code_options(const json& settings) {
  const double lambda = settings.at("weight_feature").get<double>() * 50 / settings.at("epoch").get<double>();
  return {{"order", "joint"},
          {"seg", {{"dice", "fourteenth"}}},
          {"pseudo", {{"weight", lambda}}},
          {"ramp_epochs", 50},
          {"aprn_network", {{"copies", 1}, {"mask", "none"}, {"schedule", "constant"}, {"reduction", "sum"}}},
          {"adv",
           {{"weight", settings.at("weight_gan")},
            {"lr", settings.at("lr_discriminator")},
            {"optimizer", "fresh-adam"}}},
          {"proto", {{"weight", lambda}, {"map", "sigmoid"}, {"update", "image"}}}};
}

Batch published_batch(const json& inputs, at::ScalarType type) {
  Batch batch;
  const auto shape = inputs.at("image").at("shape").get<std::vector<std::int64_t>>();
  batch.label = at::zeros({1, shape[2], shape[3], shape[4]}, at::kLong);
  for (const auto& box : inputs.at("label_boxes_l_d0d1_h0h1_w0w1")) {
    const auto b = box.get<std::vector<std::int64_t>>();
    batch.label[0].slice(0, b[1], b[2]).slice(1, b[3], b[4]).slice(2, b[5], b[6]).fill_(b[0]);
  }
  const at::Tensor image =
      parity::formula_tensor(inputs.at("image"), at::kDouble) + 0.1 * batch.label.unsqueeze(1);
  batch.image = image.to(at::kFloat).to(type);
  batch.atlas = parity::formula_tensor(inputs.at("atlas"), type).clamp(0, 1).unsqueeze(0);
  batch.task = {0};
  batch.modality = {Modality::ct};
  batch.case_id = {"formula"};
  return batch;
}

// The image's task, the other task of its modality, and the other modality's.
std::vector<Task> published_tasks(const json& settings) {
  std::vector<Task> tasks{{"ct_a", Modality::ct, {}}, {"ct_b", Modality::ct, {}}, {"mr", Modality::mr, {}}};
  for (std::int64_t organ = 1; organ <= kOrgans; ++organ) {
    const bool is_own = settings.at("class_mask_14").at(static_cast<std::size_t>(organ)) == 1;
    const bool is_in_modality = settings.at("modality_label_13").at(static_cast<std::size_t>(organ - 1)) == 1;
    tasks[is_own ? 0 : is_in_modality ? 1 : 2].organs.push_back(organ);
  }
  return tasks;
}

class TrainStepParity : public testing::TestWithParam<at::ScalarType> {
 protected:
  void SetUp() override {
    const json options = code_options(settings);
    setup.backbone = {32, 1};
    setup.optimiser = {settings.at("lr"), settings.at("weight_decay"), 0.9};
    const auto shape = entry.at("inputs").at("image").at("shape").get<std::vector<std::int64_t>>();
    setup.patch_voxels = {shape.at(2), shape.at(3), shape.at(4)};
    setup.tasks = published_tasks(settings);
    setup.epochs = settings.at("epochs");
    method = make_proposed(setup, JsonReader(options, "options"));
    if (GetParam() == at::kDouble) to_double(*method);
    const torch::NoGradGuard no_grad;
    fill_main_network();
    fill("aprn.", "refiner_net_params.json", "refiner");
    ours("aprn.decoder.head_conv.weight").mul_(10);  // the fixture's override of precls_conv.2.weight
    fill("aman.", "discriminator_net_params.json", "discriminator");
    for (std::size_t s = 0; s < 3; ++s) {
      ours(fmt::format("micpam.prototypes{}", s + 1))
          .copy_(parity::formula_tensor(entry.at("inputs").at("prototypes").at(s), GetParam()));
    }
  }

  at::Tensor ours(const std::string& name) { return StateTensors(*method).by_name.at(name); }

  at::Tensor values(const json& row, const char* network) const {
    return parity::formula_parameter(row.at("shape"), row.at("kind"), row.at("k"),
                                     settings.at("weight_gain").at(network), GetParam());
  }

  void fill(const std::string& prefix, const char* file, const char* network) {
    const StateTensors state(*method, prefix);
    const json rows = parity::load_json(file).at("loss");
    ASSERT_EQ(state.order.size(), rows.size());
    for (std::size_t j = 0; j < rows.size(); ++j) {
      at::Tensor(state.by_name.at(state.order[j])).copy_(values(rows[j], network));
    }
  }

  // The published order mixes attention and unused heads into the backbone's parameters.
  void fill_main_network() {
    const StateTensors backbone(*method, "network.");
    std::size_t next = 0;
    const json parameters = parity::load_json("main_net_params.json");
    for (const json& row : parameters.at("loss_A")) {
      const std::string name = row.at("name");
      const at::Tensor value = values(row, "model");
      PublishedParameter published;
      if (name.starts_with("eam")) {
        const std::size_t scale = name.starts_with("eam84") ? 1 : name.starts_with("eam42") ? 2 : 3;
        published = attention_parameter(fmt::format("micpam.attention{}.", scale), name.substr(6), value);
      } else if (name.starts_with("deepout")) {
        published.parts = {value};
      } else {
        published.parts = {backbone.by_name.at(backbone.order.at(next++))};
        published.parts[0].copy_(value);
      }
      main_parameters.push_back(published);
    }
    ASSERT_EQ(next, backbone.order.size());
  }

  PublishedParameter attention_parameter(const std::string& prefix, const std::string& name,
                                         const at::Tensor& value) {
    const std::map<std::string, std::string> our_names{
        {"norm2.weight", "feature_norm.weight"},    {"norm2.bias", "feature_norm.bias"},
        {"norm3.weight", "prototype_norm.weight"},  {"norm3.bias", "prototype_norm.bias"},
        {"kv.weight", "feature_projection.weight"}, {"q.weight", "prototype_projection.weight"}};
    if (!our_names.contains(name)) return {{value}};
    const at::Tensor own = ours(prefix + our_names.at(name));
    own.copy_(value.slice(0, 0, own.size(0)));
    if (own.size(0) == value.size(0)) return {{own}};
    // The values' half gets a zero gradient, so that weight decay alone drives its Adam.
    const at::Tensor half = value.slice(0, own.size(0)).clone().requires_grad_();
    value_halves.push_back(half);
    return {{own, half}};
  }

  static at::Tensor joined(const std::vector<PublishedParameter>& parameters) {
    std::vector<at::Tensor> flat;
    for (const auto& parameter : parameters) {
      for (const at::Tensor& part : parameter.parts) flat.push_back(part.detach().to(at::kDouble).flatten());
    }
    return at::cat(flat);
  }
  at::Tensor joined(const std::string& prefix) {
    const StateTensors state(*method, prefix);
    std::vector<at::Tensor> flat;
    for (const auto& name : state.order)
      flat.push_back(state.by_name.at(name).detach().to(at::kDouble).flatten());
    return at::cat(flat);
  }
  double gradient_norm(const std::vector<std::string>& prefixes) {
    double squares = 0;
    for (const std::string& prefix : prefixes) {
      for (const auto& [name, value] : StateTensors(*method, prefix).by_name) {
        if (value.requires_grad()) squares += value.grad().to(at::kDouble).square().sum().item<double>();
      }
    }
    return std::sqrt(squares);
  }

  json entry = parity::fixture("train_step");
  json settings = entry.at("settings");
  MethodSetup setup = small_setup();
  std::unique_ptr<Method> method;
  std::vector<PublishedParameter> main_parameters;
  std::vector<at::Tensor> value_halves;
};

TEST_P(TrainStepParity, ThreeIterationsEqualThePublishedOnes) {
  const json iterations = parity::load_json(entry.at("expected")).at("iterations");
  const Batch batch = published_batch(entry.at("inputs"), GetParam());
  const std::int64_t epoch = settings.at("epoch");
  auto adam_of_halves = make_adam(value_halves, setup.optimiser);
  set_learning_rate(*adam_of_halves, poly_learning_rate(settings.at("lr"), epoch, setup.epochs, 0.9));
  const double w = settings.at("weight_feature");
  // A prototype's update is discrete: it depends on which single voxels of F are right. By the third
  // iteration Adam's full-size steps on rounding noise flip some of them in float32 (first prototypes 3.6 %
  // off), so that one is float64's.
  const std::size_t count =
      GetParam() == at::kDouble ? iterations.size() : std::min<std::size_t>(2, iterations.size());
  for (std::size_t i = 0; i < count; ++i) {
    const json& expected = iterations[i];
    double worst = 0;
    const auto check = [&](const char* name, double got) {
      const double value = expected.at(name).at("value"), atol = expected.at(name).at("atol");
      // In float32 Adam's first step already turns gradients of rounding's size into steps of full size,
      // whose signs depend on the convolution kernels of the machine: three times the tolerance that float64
      // must meet.
      EXPECT_NEAR(got, value, GetParam() == at::kFloat ? 3 * atol : atol) << name << ", iteration " << i;
      worst = std::max(worst, std::abs(got - value) / std::max(std::abs(value), 1e-12));
    };
    const at::Tensor said = method->predict(batch.image, Modality::ct).argmax(1);
    const at::Tensor right = (said == batch.label).logical_and(batch.label > 0);
    const StepReport report =
        method->train_step(batch, {0, static_cast<std::int64_t>(i), epoch, setup.epochs});
    for (at::Tensor& half : value_halves) half.mutable_grad() = at::zeros_like(half);
    adam_of_halves->step();
    check("segmentation", reported(report, "seg"));
    check("total_supervised_and_pseudo",
          reported(report, "seg") + w * (reported(report, "pseudo") + reported(report, "proto")));
    check("refiner", reported(report, "aprn"));
    check("adversarial", reported(report, "adv"));
    check("discriminator", reported(report, "aman"));
    check("grad_norm_model", gradient_norm({"network.", "micpam."}));
    check("grad_norm_refiner", gradient_norm({"aprn."}));
    check("grad_norm_discriminator", gradient_norm({"aman."}));
    // "confident_share" counts all 13 organs there and the unlabelled ones in our report: not compared.
    check("correct_labeled_voxels", right.sum().item<double>());
    check("param_norm_model", joined(main_parameters).norm().item<double>());
    check("param_proj_model", parity::sine_projection(joined(main_parameters), false));
    check("param_norm_refiner", joined("aprn.").norm().item<double>());
    check("param_proj_refiner", parity::sine_projection(joined("aprn."), false));
    check("param_norm_discriminator", joined("aman.").norm().item<double>());
    check("param_proj_discriminator", parity::sine_projection(joined("aman."), false));
    for (const char* scale : {"1", "2", "3"}) {
      check((std::string("token") + scale + "_norm").c_str(),
            ours(std::string("micpam.prototypes") + scale).to(at::kDouble).norm().item<double>());
    }
    std::cout << "iteration " << i << ": worst relative deviation " << worst << "\n";
  }
}

INSTANTIATE_TEST_SUITE_P(Precisions, TrainStepParity, testing::Values(at::kFloat, at::kDouble),
                         [](const auto& test) { return test.param == at::kDouble ? "float64" : "float32"; });

}  // namespace
}  // namespace totum
