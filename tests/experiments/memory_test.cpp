// Banks, queues and teachers must not make a training grow: after they are full, resident memory stays where
// it is, however many iterations follow.

#include <gtest/gtest.h>
#include <malloc.h>
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

#include "experiments/registry.h"
#include "tests/methods/small_setup.h"

namespace totum {
namespace {

using nlohmann::json;

// Small networks, and banks that are full after some steps. A method without a line runs with its defaults.
json small_options(const std::string& method) {
  if (method == "u2pl")
    return {{"bank", 20}, {"bank_background", 20}, {"queries", 16}, {"anchor_probability", 0.0}};
  if (method == "proposed") return {{"aprn", false}, {"aman", false}};  // its prototypes are what stays
  if (method == "pann") return {{"prior_crops", 2}};
  if (method == "dar_unet") return {{"translator", {{"width", 4}, {"batch", 1}}}};
  return json::object();
}

// State besides what an optimiser trains: teachers, banks, prototypes.
class UntrainedState final : public StateVisitor {
 public:
  explicit UntrainedState(Method& method) { method.visit_state(*this); }
  void tensor(const std::string&, at::Tensor& value) override { found = found || !value.requires_grad(); }
  void counter(const std::string&, std::int64_t&) override {}
  void optimiser(const std::string&, torch::optim::Optimizer&) override {}
  bool found = false;
};

std::vector<std::string> methods_with_memory() {
  std::vector<std::string> names;
  for (const MethodEntry& entry : all_methods()) {
    if (entry.make == nullptr) continue;
    const std::string name(entry.name);
    const auto method = entry.make(small_setup(), JsonReader(small_options(name), "options"));
    if (UntrainedState(*method).found) names.push_back(name);
  }
  return names;
}

std::int64_t resident_bytes() {
  malloc_trim(0);
  std::ifstream file("/proc/self/statm");
  std::int64_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

// Crops of 16 voxels a side, cut from the small batch.
Batch tiny_batch(const std::vector<std::int64_t>& tasks, std::uint64_t seed) {
  Batch batch = small_batch(small_setup(), tasks, seed);
  for (at::Tensor* tensor : {&batch.image, &batch.label, &batch.atlas}) {
    for (std::int64_t axis = -3; axis < 0; ++axis) *tensor = tensor->narrow(axis, 0, 16);
    *tensor = tensor->contiguous();
  }
  return batch;
}

// TOTUM_MEMORY_STEPS asks for a longer look; a minute or two for 2,000 steps of a method.
std::int64_t steps_to_watch() {
  const char* asked = std::getenv("TOTUM_MEMORY_STEPS");
  return asked == nullptr ? 60 : std::stoll(asked);
}

class MemoryTest : public testing::TestWithParam<std::string> {};

TEST_P(MemoryTest, StaysWhereItIsOnceBanksAreFull) {
  torch::set_num_threads(1);
  MethodSetup setup = small_setup();
  setup.patch_voxels = {16, 16, 16};
  const auto method = find_method(GetParam()).make(setup, JsonReader(small_options(GetParam()), "options"));
  const SmallTrainingData data;
  method->begin_training(data);
  const TrainingPart part = method->parts()[0];
  const std::vector<std::int64_t> tasks =
      part.tasks.empty() ? std::vector<std::int64_t>{0, 1} : tasks_of(part);
  const std::vector<Batch> batches{tiny_batch(tasks_of(part), 1), tiny_batch(tasks, 2)};
  const auto train = [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t i = from; i < to; ++i) {
      method->train_step(batches[static_cast<std::size_t>(i % 2)], {0, i, 5, 10});
    }
  };
  train(0, 40);
  const std::int64_t before = resident_bytes();
  const std::int64_t steps = steps_to_watch();
  train(40, 40 + steps);
  const std::int64_t growth = resident_bytes() - before;
  std::printf("%s: %.1f MiB, grown by %.2f MiB in %ld steps\n", GetParam().c_str(),
              static_cast<double>(before) / 1048576, static_cast<double>(growth) / 1048576,
              static_cast<long>(steps));
  // One forgotten image of each step would be `steps` times 32 KiB; 1 MiB is the allocator's own rounding.
  EXPECT_LT(growth, std::min<std::int64_t>(steps * 16 * 1024, 1 << 20));
}

INSTANTIATE_TEST_SUITE_P(Registry, MemoryTest, testing::ValuesIn(methods_with_memory()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace totum
