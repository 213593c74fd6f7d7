#include "baselines/u2pl.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "baselines/cutmix.h"
#include "baselines/one_softmax.h"
#include "core/error.h"
#include "methods/state.h"
#include "networks/initialise.h"
#include "networks/representation_unet.h"
#include "tests/baselines/method_probe.h"
#include "tests/methods/state_access.h"

namespace totum {
namespace {

constexpr std::int64_t kHeadConvolutions = 3;

std::unique_ptr<Method> make(const nlohmann::json& options = nlohmann::json::object()) {
  return make_u2pl(undecayed_setup(), JsonReader(options, "options"));
}

StepContext after_warmup(std::int64_t iteration, std::int64_t epoch = 5) { return {0, iteration, epoch, 10}; }

// A network with the method's weights of one role, "student" or "teacher".
RepresentationUNet network_of(Method& method, const std::string& role) {
  RepresentationUNet network(backbone_shape(14, 16, 2));
  network->to(snapshot(method).at(role + ".network.encoder.stem.weight").scalar_type());
  copy_parameters(method, role + ".", *network);
  return network;
}

// How many vectors each class's bank can hold, and holds.
class BankSizes final : public StateVisitor {
 public:
  explicit BankSizes(Method& method) { method.visit_state(*this); }
  void tensor(const std::string&, at::Tensor&) override {}
  void counter(const std::string&, std::int64_t&) override {}
  void rows(const std::string&, at::Tensor& buffer, std::int64_t used) override {
    capacity.push_back(buffer.size(0));
    size.push_back(used);
    width = buffer.size(1);
  }
  void optimiser(const std::string&, torch::optim::Optimizer&) override {}

  std::vector<std::int64_t> capacity, size;  // by class
  std::int64_t width = 0;
};

TEST(U2pl, Fidelity2TheTeacherFollowsFasterAtFirst) {
  EXPECT_EQ(u2pl_teacher_momentum(0, 0.99), 0);
  EXPECT_EQ(u2pl_teacher_momentum(1, 0.99), 0.5);
  EXPECT_EQ(u2pl_teacher_momentum(99, 0.99), 0.99);
  EXPECT_NEAR(u2pl_teacher_momentum(9, 0.99), 0.9, 1e-15);
  EXPECT_EQ(u2pl_teacher_momentum(100000, 0.99), 0.99);
  const Batch batch = small_batch(small_setup(), {0, 1}, 1);
  const auto method = make();
  const std::string weight = ".network.decoder.head_conv.weight";
  method->train_step(batch, after_warmup(0));
  const auto first = snapshot(*method);
  EXPECT_TRUE(at::equal(first.at("teacher" + weight), first.at("student" + weight)));
  method->train_step(batch, after_warmup(1));
  const auto second = snapshot(*method);
  const at::Tensor halfway = (first.at("teacher" + weight) + second.at("student" + weight)) / 2;
  EXPECT_TRUE(at::allclose(second.at("teacher" + weight), halfway, 1e-6, 1e-8));
  EXPECT_FALSE(at::equal(second.at("teacher" + weight), second.at("student" + weight)));
}

// One pass of the teacher where nothing is mixed and two where something is, always without gradient: the
// backward passes are those of the student alone.
TEST(U2pl, Fidelity1TheTeacherNeverReceivesGradients) {
  const Batch batch = small_batch(small_setup(), {0, 1}, 1);
  const std::int64_t network = kEncoderConvolutions + kDecoderConvolutions;
  for (const bool mixes : {false, true}) {
    const auto method = make({{"cutmix", mixes ? 1.0 : 0.0}});
    EXPECT_EQ(convolved_images([&] { method->train_step(batch, after_warmup(0)); }),
              2 * (mixes ? 4 * network + 3 * kHeadConvolutions : 2 * (network + kHeadConvolutions)));
    for (const auto& [name, tensor] : StateTensors(*method, "teacher.").by_name) {
      EXPECT_FALSE(tensor.requires_grad()) << name;
      EXPECT_FALSE(tensor.grad().defined()) << name;
    }
  }
}

TEST(U2pl, Fidelity5BanksHoldThirtyThousandVectorsAndFiftyThousandOfBackground) {
  const BankSizes sizes(*make());
  ASSERT_EQ(sizes.capacity.size(), 14U);
  EXPECT_EQ(sizes.capacity[0], 50000);
  for (std::size_t c = 1; c < 14; ++c) EXPECT_EQ(sizes.capacity[c], 30000) << c;
  const BankSizes paper(*make_u2pl(paper_setup(), JsonReader(nlohmann::json::object(), "options")));
  EXPECT_EQ(paper.width, 256);
  // Full after some steps, and never fuller; which vectors give way is a matter of memory_bank_test.
  const auto method = make({{"bank", 5}, {"bank_background", 7}});
  const Batch batch = small_batch(small_setup(), {0, 1}, 1);
  for (std::int64_t i = 0; i < 4; ++i) method->train_step(batch, after_warmup(i));
  const BankSizes full(*method);
  EXPECT_EQ(full.size[0], 7);
  for (std::size_t c = 1; c < 14; ++c) EXPECT_EQ(full.size[c], 5) << c;
}

// A teacher that sees organ 5 everywhere, and organ 9 where that is forbidden. The ct_a image knows that
// voxels without a label are not 5, so half of what is mixed from it is to be called 9, which costs z_5 - z_9
// = 10; the ct_b image's half is called 5 and costs nothing.
TEST(U2pl, Fidelity8NoLabelledOrganIsAPseudoLabelOfAnOpenVoxel) {
  Batch batch = small_batch(small_setup(), {0, 1}, 1);
  batch.label.zero_();
  const auto method = make({{"cutmix", 1.0}, {"drop", 0.0}});
  {
    const torch::NoGradGuard no_grad;
    const StateTensors state(*method);
    state.by_name.at("student.network.decoder.head_conv.weight").mul_(0.01);
    at::Tensor bias = state.by_name.at("student.network.decoder.head_conv.bias");
    bias.zero_();
    bias[5] = 20;
    bias[9] = 10;
  }
  EXPECT_NEAR(reported(method->train_step(batch, after_warmup(0)), "unsup"), 5.0, 0.3);
}

TEST(U2pl, Fidelity9TheWarmUpIsSupervisedAlone) {
  EXPECT_EQ(warmup_epochs(1.0 / 80, 600), 8);
  EXPECT_EQ(warmup_epochs(1.0 / 80, 500), 6);
  EXPECT_EQ(warmup_epochs(1.0 / 80, 12), 1);
  EXPECT_EQ(warmup_epochs(0, 12), 1);
  const Batch batch = small_batch(small_setup(), {0, 1}, 1);
  const auto method = make({{"warmup", 0.3}, {"anchor_probability", 0.0}});  // an untrained network is unsure
  const auto before = snapshot(*method);
  StepReport report;
  EXPECT_EQ(convolved_images([&] {
              report = method->train_step(batch, {0, 0, 2, 10});
            }),
            2 * (kEncoderConvolutions + kDecoderConvolutions));
  EXPECT_EQ(reported(report, "unsup"), 0);
  EXPECT_EQ(reported(report, "con"), 0);
  EXPECT_EQ(reported(report, "loss"), reported(report, "seg"));
  for (const auto& [name, tensor] : snapshot(*method)) {
    if (!name.starts_with("student.representation.")) continue;
    EXPECT_TRUE(at::equal(tensor, before.at(name))) << name;
  }
  for (const std::int64_t size : BankSizes(*method).size) EXPECT_EQ(size, 0);
  report = method->train_step(batch, {0, 1, 3, 10});
  EXPECT_GT(reported(report, "unsup"), 0);
  EXPECT_GT(reported(report, "con"), 0);
}

TEST(U2pl, Fidelity10CtIsNeverMixedWithMr) {
  const auto state_after = [](const std::vector<std::int64_t>& tasks, double cutmix) {
    const auto method = make({{"cutmix", cutmix}});
    method->train_step(small_batch(small_setup(), tasks, 1), after_warmup(0));
    return snapshot(*method).at("student.network.encoder.stem.weight");
  };
  EXPECT_TRUE(at::equal(state_after({0, 2}, 1.0), state_after({0, 2}, 0.0)));   // CT, MR
  EXPECT_FALSE(at::equal(state_after({0, 1}, 1.0), state_after({0, 1}, 0.0)));  // CT, CT
  EXPECT_FALSE(at::equal(state_after({2, 2}, 1.0), state_after({2, 2}, 0.0)));  // MR, MR
}

TEST(U2pl, IgnoresLabelsOfOtherTasksAfterTheWarmUpToo) {
  Batch batch = small_batch(small_setup(), {0, 1}, 1);
  const auto clean = make({{"cutmix", 1.0}, {"anchor_probability", 0.0}});
  const auto noisy = make({{"cutmix", 1.0}, {"anchor_probability", 0.0}});
  clean->train_step(batch, after_warmup(0));
  batch.label.masked_fill_(batch.label == 0, 2);  // labelled in MR images only
  noisy->train_step(batch, after_warmup(0));
  EXPECT_EQ(state_sha256(*clean), state_sha256(*noisy));
}

// ---- a whole step, written slowly ----

std::vector<std::int64_t> organs_of(std::int64_t task) {
  return small_setup().tasks[static_cast<std::size_t>(task)].organs;
}

bool is_labelled(std::int64_t task, std::int64_t c) {
  const auto organs = organs_of(task);
  return std::find(organs.begin(), organs.end(), c) != organs.end();
}

// The teacher's 14 probabilities at an open voxel of a task's image.
std::array<double, 14> corrected(const at::TensorAccessor<double, 1>& p, std::int64_t task) {
  std::array<double, 14> q{};
  double sum = 0;
  for (std::int64_t c = 0; c < 14; ++c) {
    q[static_cast<std::size_t>(c)] = is_labelled(task, c) ? 0 : p[c];
    sum += q[static_cast<std::size_t>(c)];
  }
  for (double& value : q) value /= sum;
  return q;
}

struct SlowLosses {
  at::Tensor seg, unsup, con;
};

// Everything by voxel, [B·32·32·32] in order b, d, h, w; the voxels that the representation knows are every
// eighth along each axis.
class SlowStep {
 public:
  SlowStep(RepresentationUNet student, RepresentationUNet teacher, const Batch& batch)
      : student_(std::move(student)), teacher_(std::move(teacher)), batch_(batch) {}

  SlowLosses run(const CutMix& mix, double share, std::int64_t iteration) {
    const std::vector<at::Tensor> organs{at::tensor(organs_of(0), at::kLong),
                                         at::tensor(organs_of(1), at::kLong),
                                         at::tensor(organs_of(2), at::kLong)};
    const at::Tensor seg = mean_segmentation_loss(student_->logits(batch_.image), batch_, organs, {});
    pseudo_labels();
    mix_voxels(mix);
    judge(share);
    const RepresentationOutput output = student_->forward(image_);
    return {seg, unsupervised(output.logits), contrast(by_voxel(output.representation), iteration)};
  }

 private:
  static at::Tensor by_voxel(const at::Tensor& x) {
    return x.permute({0, 2, 3, 4, 1}).flatten(0, 3).contiguous();
  }

  void pseudo_labels() {
    const at::Tensor p = by_voxel(teacher_->logits(batch_.image).softmax(1).detach());
    const at::Tensor label = batch_.label.flatten();
    for (std::int64_t v = 0; v < label.size(0); ++v) {
      const std::int64_t task = batch_.task[static_cast<std::size_t>(v / kVoxels)];
      known_.push_back(label[v].item<std::int64_t>());
      task_.push_back(task);
      const auto q = corrected(p.accessor<double, 2>()[v], task);
      const auto best = std::max_element(q.begin(), q.end()) - q.begin();
      label_.push_back(known_.back() > 0 ? known_.back() : best);
    }
  }

  void mix_voxels(const CutMix& mix) {
    image_ = batch_.image.clone();
    const auto known = known_, task = task_, label = label_;
    for (std::int64_t b = 0; b < static_cast<std::int64_t>(mix.partner.size()); ++b) {
      const Cuboid& cuboid = mix.cuboid[static_cast<std::size_t>(b)];
      for (std::int64_t v = 0; v < kVoxels; ++v) {
        const std::array<std::int64_t, 3> place{v / 1024, v / 32 % 32, v % 32};
        bool inside = true;
        for (std::size_t axis = 0; axis < 3; ++axis) {
          inside = inside && place[axis] >= cuboid.start[axis] &&
                   place[axis] < cuboid.start[axis] + cuboid.size[axis];
        }
        if (!inside) continue;
        const auto to = static_cast<std::size_t>(b * kVoxels + v);
        const auto from = static_cast<std::size_t>(*mix.partner[static_cast<std::size_t>(b)] * kVoxels + v);
        known_[to] = known[from];
        task_[to] = task[from];
        label_[to] = label[from];
        image_.data_ptr<double>()[to] = batch_.image.data_ptr<double>()[from];
      }
    }
  }

  void judge(double share) {
    const RepresentationOutput output = teacher_->forward(image_);
    vectors_ = by_voxel(output.representation.detach());
    const at::Tensor p = by_voxel(output.logits.softmax(1).detach());
    std::vector<double> open_entropies;
    for (std::size_t v = 0; v < known_.size(); ++v) {
      const auto row = p.accessor<double, 2>()[static_cast<std::int64_t>(v)];
      std::array<double, 14> q = corrected(row, task_[v]);
      double entropy = 0;
      for (const double value : q) entropy -= value > 0 ? value * std::log(value) : 0;
      if (known_[v] > 0) {
        for (std::int64_t c = 0; c < 14; ++c) q[static_cast<std::size_t>(c)] = row[c];
      } else {
        open_entropies.push_back(entropy);
      }
      probability_.push_back(q);
      entropy_.push_back(entropy);
    }
    std::sort(open_entropies.begin(), open_entropies.end());
    const auto percentile = [&](double part) {
      const double place = part * static_cast<double>(open_entropies.size() - 1);
      const auto i = static_cast<std::size_t>(place);
      return open_entropies[i] + (place - std::floor(place)) * (open_entropies[i + 1] - open_entropies[i]);
    };
    low_ = percentile(share);
    high_ = percentile(1 - share);
  }

  at::Tensor unsupervised(const at::Tensor& logits) {
    const at::Tensor log_p = by_voxel(logits.log_softmax(1));
    at::Tensor chosen = at::zeros_like(log_p);
    double open = 0, used = 0;
    for (std::size_t v = 0; v < known_.size(); ++v) {
      if (known_[v] > 0) continue;
      ++open;
      if (entropy_[v] >= high_) continue;
      ++used;
      chosen.accessor<double, 2>()[static_cast<std::int64_t>(v)][label_[v]] = 1;
    }
    return -(chosen * log_p).sum() / used * (open / used);
  }

  at::Tensor contrast(const at::Tensor& student, std::int64_t iteration) {
    std::array<std::vector<std::int64_t>, 14> anchors, positives, negatives;  // rows of the small grid
    for (std::int64_t row = 0; row < student.size(0); ++row) {
      const std::int64_t in_image = row % 64;
      const auto v = static_cast<std::size_t>(row / 64 * kVoxels + in_image / 16 * 8 * 1024 +
                                              in_image / 4 % 4 * 8 * 32 + in_image % 4 * 8);
      const bool given = known_[v] > 0;
      for (std::int64_t c = 0; c < 14; ++c) {
        const auto i = static_cast<std::size_t>(c);
        int rank = 0;
        for (std::int64_t k = 0; k < 14; ++k) {
          const double mine = probability_[v][i], other = probability_[v][static_cast<std::size_t>(k)];
          rank += other > mine || (other == mine && k < c) ? 1 : 0;
        }
        if (label_[v] == c && (given || entropy_[v] <= low_)) {
          positives[i].push_back(row);
          if (probability_[v][i] > 0.3) anchors[i].push_back(row);
        }
        if (given ? (known_[v] != c && rank < 3) : (entropy_[v] >= high_ && rank >= 3))
          negatives[i].push_back(row);
      }
    }
    at::Tensor sum = at::zeros({}, at::kDouble);
    int present = 0;
    for (std::size_t c = 0; c < 14; ++c) {
      if (positives[c].empty()) continue;
      ++present;
      if (anchors[c].empty() || negatives[c].empty()) continue;
      sum = sum + class_contrast(student, anchors[c], positives[c], negatives[c], c, iteration);
    }
    return sum / present;
  }

  at::Tensor class_contrast(const at::Tensor& student, const std::vector<std::int64_t>& anchors,
                            const std::vector<std::int64_t>& positives,
                            const std::vector<std::int64_t>& negatives, std::size_t c,
                            std::int64_t iteration) {
    RandomStream of_anchors(1, "u2pl/anchors", static_cast<std::uint64_t>(iteration), c);
    RandomStream of_negatives(1, "u2pl/negatives", static_cast<std::uint64_t>(iteration), c);
    const at::Tensor mean = vectors_.index_select(0, at::tensor(positives, at::kLong)).mean(0);
    at::Tensor loss = at::zeros({}, at::kDouble);
    for (int q = 0; q < 256; ++q) {
      const auto row =
          anchors[static_cast<std::size_t>(of_anchors.below(static_cast<std::int64_t>(anchors.size())))];
      std::vector<std::int64_t> drawn;
      for (int n = 0; n < 50; ++n) {
        const auto i = of_negatives.below(static_cast<std::int64_t>(negatives.size()));
        drawn.push_back(negatives[static_cast<std::size_t>(i)]);
      }
      const at::Tensor others =
          at::cat({mean.unsqueeze(0), vectors_.index_select(0, at::tensor(drawn, at::kLong))});
      const at::Tensor scores = at::cosine_similarity(student[row].unsqueeze(0), others, 1) / 0.5;
      loss = loss - scores.log_softmax(0)[0];
    }
    return loss / 256;
  }

  static constexpr std::int64_t kVoxels = 32 * 32 * 32;
  RepresentationUNet student_, teacher_;
  const Batch& batch_;
  at::Tensor image_, vectors_;
  std::vector<std::int64_t> known_, task_, label_;
  std::vector<std::array<double, 14>> probability_;
  std::vector<double> entropy_;
  double low_ = 0, high_ = 0;
};

class U2plStep : public testing::TestWithParam<bool> {};

// Values and the gradient of every parameter, in float64. The head is made larger so that the first network
// is sure of something and anchors exist.
TEST_P(U2plStep, EqualsTheMethodWrittenWithLoopsOverVoxels) {
  const bool mixes = GetParam();
  const Batch batch = to_double(small_batch(small_setup(), {0, 1}, 1));
  const auto method = make({{"cutmix", mixes ? 1.0 : 0.0}});
  convert_to_double(*method);
  {
    const torch::NoGradGuard no_grad;
    const StateTensors state(*method);
    state.by_name.at("student.network.decoder.head_conv.weight").mul_(8);
  }
  RepresentationUNet student = network_of(*method, "student");
  SlowStep slow(student, network_of(*method, "student"), batch);
  const CutMix mix = mixes ? draw_cutmix({1, 0}, {32, 32, 32}, 1, 4) : CutMix{};
  const SlowLosses losses = slow.run(mix, 0.1, 4);  // epoch 5 of 10: half of a fifth
  (losses.seg + losses.unsup + losses.con).backward();

  const StepResult step = first_step(*method, batch, after_warmup(4));
  EXPECT_NEAR(step.loss, (losses.seg + losses.unsup + losses.con).item<double>(), 1e-6);
  double largest = 0, worst = 0;
  for (const auto& entry : student->named_parameters()) {
    const at::Tensor& mine = step.gradients.at("student." + entry.key());
    largest = std::max(largest, entry.value().grad().abs().max().item<double>());
    worst = std::max(worst, (entry.value().grad() - mine).abs().max().item<double>());
  }
  EXPECT_LE(worst, 1e-6 * largest);  // the bank holds single precision
  EXPECT_GT(step.gradients.at("student.representation.conv2.weight").abs().max().item<double>(), 0);
  EXPECT_GT(losses.con.item<double>(), 0.5);
  EXPECT_GT(losses.unsup.item<double>(), 0.5);
}

INSTANTIATE_TEST_SUITE_P(CutMix, U2plStep, testing::Bool(),
                         [](const auto& test) { return test.param ? "Mixed" : "Unmixed"; });

TEST(U2pl, PredictsWithTheStudentUntilThereIsATeacher) {
  const Batch batch = small_batch(small_setup(), {0, 1}, 1);
  const auto method = make();
  const auto predicts_as = [&](const std::string& role) {
    const torch::NoGradGuard no_grad;
    const at::Tensor expected = network_of(*method, role)->logits(batch.image).softmax(1);
    return at::allclose(method->predict(batch.image, Modality::ct), expected, 1e-5, 1e-6);
  };
  method->train_step(batch, {0, 0, 0, 10});
  EXPECT_TRUE(predicts_as("student"));
  EXPECT_FALSE(predicts_as("teacher"));
  for (std::int64_t i = 1; i < 4; ++i) method->train_step(batch, after_warmup(i));
  EXPECT_TRUE(predicts_as("teacher"));
  EXPECT_FALSE(predicts_as("student"));
}

TEST(U2pl, StartsFromThePlainNetworksWeightsAndHasTheHeadsParametersTwice) {
  EXPECT_EQ(parameter_count(*make_u2pl(paper_setup(), JsonReader(nlohmann::json::object(), "options"))),
            2 * (17286446 + 2279168));
  ResidualUNet plain(backbone_shape(14, 16, 2));
  initialise_parameters(*plain, 1, "network");
  const auto tensors = snapshot(*make());
  for (const auto& entry : plain->named_parameters()) {
    EXPECT_TRUE(at::equal(entry.value(), tensors.at("student.network." + entry.key()))) << entry.key();
  }
}

TEST(U2pl, RefusesImpossibleOptions) {
  for (const nlohmann::json& options : {nlohmann::json{{"ema", 1.1}},
                                        {{"warmup", -0.1}},
                                        {{"drop", 0.6}},
                                        {{"low_rank", 0}},
                                        {{"low_rank", 14}},
                                        {{"queries", 0}},
                                        {{"negatives", 0}},
                                        {{"temperature", 0.0}},
                                        {{"bank", 0}},
                                        {{"cutmix", 1.5}}}) {
    EXPECT_THROW(make(options), ConfigError) << options.dump();
  }
}

}  // namespace
}  // namespace totum
