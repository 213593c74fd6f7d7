#include "methods/proposed.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "core/error.h"
#include "methods/state.h"
#include "tests/methods/small_setup.h"

namespace totum {
namespace {

using nlohmann::json;

std::unique_ptr<Method> make(const json& options) {
  return make_proposed(small_setup(), JsonReader(options, "options"));
}

// Hash of the main network alone.
class NetworkHash final : public StateVisitor {
 public:
  void tensor(const std::string& name, at::Tensor& value) override {
    if (name.starts_with("network.")) sum_ += value.detach().to(at::kDouble).square().sum().item<double>();
  }
  void counter(const std::string&, std::int64_t&) override {}
  void optimiser(const std::string&, torch::optim::Optimizer&) override {}
  double sum_ = 0;
};

double network_sum(Method& method) {
  NetworkHash visitor;
  method.visit_state(visitor);
  return visitor.sum_;
}

// With the pseudo-labels' weight at 0 the refiner trains, but nothing of it may reach the main network.
TEST(Proposed, Fidelity5RefinerLossNeverReachesTheMainNetwork) {
  const auto plain = make({{"aprn", false}});
  const auto with_aprn = make({{"aprn_network", {{"base", 8}}}, {"pseudo", {{"weight", 0.0}}}});
  EXPECT_EQ(network_sum(*plain), network_sum(*with_aprn));
  const MethodSetup setup = small_setup();
  for (std::int64_t i = 0; i < 2; ++i) {
    const Batch batch = small_batch(setup, {0, 2}, static_cast<std::uint64_t>(i));
    plain->train_step(batch, {0, i, i, 10});
    with_aprn->train_step(batch, {0, i, i, 10});
  }
  EXPECT_EQ(network_sum(*plain), network_sum(*with_aprn));
}

// In epoch 0 of the default ramp the pseudo-labels weigh nothing; from its end on they do.
TEST(Proposed, Fidelity9RampIsZeroAtFirstAndOneAtItsEnd) {
  const json aprn{{"base", 8}};
  const MethodSetup setup = small_setup();
  const Batch batch = small_batch(setup, {0, 2}, 4);
  const auto after_step = [&](const json& options, std::int64_t epoch) {
    const auto method = make(options);
    method->train_step(batch, {0, 0, epoch, 10});
    return network_sum(*method);
  };
  const json ramped{{"aprn_network", aprn}, {"ramp", {{"from", 0.0}, {"to", 0.5}}}};
  const json full{{"aprn_network", aprn}, {"ramp", {{"from", 0.0}, {"to", 0.0}}}};
  const json half{
      {"aprn_network", aprn}, {"ramp", {{"from", 0.0}, {"to", 0.0}}}, {"pseudo", {{"weight", 0.4}}}};
  EXPECT_EQ(after_step(ramped, 0), after_step({{"aprn", false}}, 0));
  EXPECT_EQ(after_step(ramped, 5), after_step(full, 5));
  EXPECT_EQ(after_step(ramped, 2), after_step(half, 2));  // ρ = 2/5
}

TEST(Proposed, Fidelity12PredictionNeedsNoRefiner) {
  const auto with_aprn = make({{"aprn_network", {{"base", 8}}}});
  const auto plain = make({{"aprn", false}});
  const at::Tensor image = small_batch(small_setup(), {0}, 2).image;
  EXPECT_TRUE(at::equal(with_aprn->predict(image, Modality::ct), plain->predict(image, Modality::ct)));
}

TEST(Proposed, RefusesOptionsThatContradictThemselves) {
  EXPECT_THROW(make({{"ramp", {{"from", 0.5}, {"to", 0.2}}}}), ConfigError);
  EXPECT_THROW(make({{"aprn_network", {{"base", 12}}}}), ConfigError);
  EXPECT_THROW(make({{"pseudo", {{"confidence", 0.7}}}}), ConfigError);
}

}  // namespace
}  // namespace totum
