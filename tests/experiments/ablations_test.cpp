// The eight ablations of Table 2 must differ in their modules alone: same initial main network, same patches.

#include <gtest/gtest.h>

#include <set>

#include "core/sha256.h"
#include "data/sampler/patch_sampler.h"
#include "experiments/registry.h"
#include "experiments/resources.h"
#include "methods/state.h"
#include "tests/core/temporary_folder.h"
#include "tests/data/sampler/tiny_dataset.h"

namespace totum {
namespace {

struct Ablation {
  std::string id;
  std::unique_ptr<Method> method;
};

std::vector<Ablation> ablations(std::uint64_t seed) {
  MethodSetup setup;
  setup.backbone = {16, 2};
  setup.tasks = tiny_tasks();
  setup.patch_voxels = {16, 32, 32};
  setup.seed = seed;
  std::vector<Ablation> all;
  const nlohmann::json table = read_json_file(table_file("table2"));
  for (const auto& entry : table.at("entries")) {
    nlohmann::json options = entry.at("options");
    options["aprn_network"] = {{"base", 8}};
    options["aman_network"] = {{"base", 4}};
    all.push_back(
        {entry.at("id"),
         find_method(entry.at("method").get<std::string>()).make(setup, JsonReader(options, "table2.json"))});
  }
  return all;
}

// SHA-256 over names and bytes of the tensors below a prefix.
class PrefixHash final : public StateVisitor {
 public:
  explicit PrefixHash(std::string prefix) : prefix_(std::move(prefix)) {}
  void tensor(const std::string& name, at::Tensor& value) override {
    if (!name.starts_with(prefix_)) return;
    const at::Tensor host = value.detach().contiguous();
    text_ += name + sha256(std::string_view(static_cast<const char*>(host.const_data_ptr()), host.nbytes()));
  }
  void counter(const std::string&, std::int64_t&) override {}
  void optimiser(const std::string&, torch::optim::Optimizer&) override {}
  [[nodiscard]] std::string hash() const { return sha256(std::string_view(text_)); }

 private:
  std::string prefix_, text_;
};

std::string network_hash(Method& method) {
  PrefixHash visitor("network.");
  method.visit_state(visitor);
  return visitor.hash();
}

std::string patches_hash(Method& method, const PreparedDataset& data, std::uint64_t seed) {
  const auto parts = method.parts();
  EXPECT_EQ(parts.size(), 1U);
  const PatchSampler sampler(data, {.patch_voxels = {16, 32, 32}, .batch_size = 2}, seed, parts[0].tasks,
                             parts[0].name);
  std::string text;
  for (std::int64_t i = 0; i < 4; ++i) {
    const Batch batch = sampler.batch(i);
    for (const at::Tensor& tensor : {batch.image, batch.label, batch.atlas}) {
      const at::Tensor host = tensor.contiguous();
      text += sha256(std::string_view(static_cast<const char*>(host.const_data_ptr()), host.nbytes()));
    }
  }
  return sha256(std::string_view(text));
}

TEST(Ablations, ShareInitialMainNetworkAndPatches) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path());
  const auto all = ablations(3);
  ASSERT_EQ(all.size(), 8U);
  std::set<std::string> states;
  for (const Ablation& ablation : all) {
    EXPECT_EQ(network_hash(*ablation.method), network_hash(*all[0].method)) << ablation.id;
    EXPECT_EQ(patches_hash(*ablation.method, data, 3), patches_hash(*all[0].method, data, 3)) << ablation.id;
    states.insert(state_sha256(*ablation.method));
  }
  EXPECT_EQ(states.size(), 8U);  // all of them differ in some module
  const auto other_seed = ablations(4);
  EXPECT_NE(network_hash(*other_seed[0].method), network_hash(*all[0].method));
  EXPECT_NE(patches_hash(*all[0].method, data, 4), patches_hash(*all[0].method, data, 3));
}

}  // namespace
}  // namespace totum
