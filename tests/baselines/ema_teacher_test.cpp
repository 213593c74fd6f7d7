#include "baselines/ema_teacher.h"

#include <gtest/gtest.h>

namespace totum {
namespace {

// Two numbers that are trained, one statistic and one count that are not.
class TinyNetwork final : public torch::nn::Module {
 public:
  TinyNetwork(double weight, double statistic, std::int64_t count) {
    register_parameter("weight", at::full({2}, weight, at::kDouble));
    register_buffer("statistic", at::full({1}, statistic, at::kDouble));
    register_buffer("count", at::full({1}, count, at::kLong));
  }
  double weight() { return parameters()[0][1].item<double>(); }
  double statistic() { return buffers()[0].item<double>(); }
  std::int64_t count() { return buffers()[1].item<std::int64_t>(); }
};

TEST(EmaTeacher, FollowsParametersAndBuffersByItsMomentum) {
  TinyNetwork teacher(1, 10, 100);
  TinyNetwork student(2, 20, 300);
  freeze(teacher);
  follow_student(teacher, student, 0.75);
  EXPECT_DOUBLE_EQ(teacher.weight(), 1.25);  // .75·1 + .25·2
  EXPECT_DOUBLE_EQ(teacher.statistic(), 12.5);
  EXPECT_EQ(teacher.count(), 300);  // a count has no mean
  follow_student(teacher, student, 0.75);
  EXPECT_DOUBLE_EQ(teacher.weight(), 1.4375);  // 2 - .75²
  EXPECT_DOUBLE_EQ(student.weight(), 2);
}

TEST(EmaTeacher, IsACopyWithoutMomentumAndStaysWithMomentumOne) {
  TinyNetwork teacher(0.1, 10, 100);
  TinyNetwork student(0.3, 20, 300);
  freeze(teacher);
  follow_student(teacher, student, 1);
  EXPECT_EQ(teacher.weight(), 0.1);
  EXPECT_EQ(teacher.statistic(), 10);
  follow_student(teacher, student, 0);
  EXPECT_EQ(teacher.weight(), 0.3);
  EXPECT_EQ(teacher.statistic(), 20);
  student.parameters()[0].detach().fill_(9);
  EXPECT_EQ(teacher.weight(), 0.3);  // a copy, no second handle
}

TEST(EmaTeacher, GetsNoGradient) {
  torch::nn::Linear teacher(2, 1);
  torch::nn::Linear student(2, 1);
  freeze(*teacher);
  for (const at::Tensor& parameter : teacher->parameters()) EXPECT_FALSE(parameter.requires_grad());
  follow_student(*teacher, *student, 0.5);
  (student->forward(at::ones({1, 2})) * teacher->forward(at::ones({1, 2}))).sum().backward();
  for (const at::Tensor& parameter : teacher->parameters()) {
    EXPECT_FALSE(parameter.grad().defined());
    EXPECT_TRUE(parameter.is_leaf());
  }
  for (const at::Tensor& parameter : student->parameters()) EXPECT_TRUE(parameter.grad().defined());
}

TEST(EmaTeacher, RefusesANetworkOfAnotherShape) {
  torch::nn::Linear teacher(2, 1);
  torch::nn::Linear student(torch::nn::LinearOptions(2, 1).bias(false));
  EXPECT_THROW(follow_student(*teacher, *student, 0.5), c10::Error);
}

}  // namespace
}  // namespace totum
