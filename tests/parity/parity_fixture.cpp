#include "tests/parity/parity_fixture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <limits>

#include "core/safetensors.h"

namespace totum::parity {

namespace {

nlohmann::json index() { return load_json("index.json"); }

at::Tensor squares_modulo(std::int64_t count, std::int64_t modulus) {
  const at::Tensor i = at::arange(count, at::kLong);
  return (i * i).remainder(modulus).to(at::kDouble);
}

at::Tensor rounded(const at::Tensor& x, at::ScalarType type) { return x.to(at::kFloat).to(type); }

// Roundings flip ReLUs near zero, and which way sums round depends on the width of the CPU's vectors: one
// network's worst norm was off by .05 of the fixture's bound (8 times the error of the machine that made it)
// with AVX-512 and by .54 with AVX2. So another CPU may have several times the error that one machine had.
constexpr double kOtherCpus = 3;

// What float32 may be off in a gradient's norm. The bound above comes from the error that one machine
// had, but which way sums round depends on the CPU's vectors (16 floats with AVX-512, 8 with AVX2, other
// kernels), so a floor of float32's eps stands under it: 2^10 of it for a norm, a sum over some thousand
// products each way through networks whose norms keep gradients of one size; and 2^6 of it times the largest
// gradient of the network for a gradient that is zero but for rounding, of a bias in front of an instance
// norm say, whose terms cancel. A wrong formula is off by far more, and float64 has no such slack.
double float32_slack(double norm, double bound, double largest_norm) {
  constexpr double kEpsilon = std::numeric_limits<float>::epsilon();
  return std::max(kOtherCpus * bound, 1024 * kEpsilon * norm + 64 * kEpsilon * largest_norm);
}

}  // namespace

std::filesystem::path folder() {
  const char* given = std::getenv("TOTUM_PARITY_DIR");
  return given != nullptr && *given != '\0' ? given : TOTUM_SOURCE_DIR "/tests/parity/fixtures";
}

nlohmann::json load_json(const std::string& file) {
  std::ifstream stream(folder() / file);
  return nlohmann::json::parse(stream);
}

nlohmann::json fixture(const std::string& name) {
  const nlohmann::json all = index();
  for (const auto& entry : all.at("fixtures")) {
    if (entry.at("name") == name) return entry;
  }
  throw std::runtime_error("index.json has no fixture " + name);
}

std::vector<nlohmann::json> fixtures_with(const std::string& prefix) {
  const nlohmann::json all = index();
  std::vector<nlohmann::json> found;
  for (const auto& entry : all.at("fixtures")) {
    if (entry.at("name").get<std::string>().starts_with(prefix)) found.push_back(entry);
  }
  if (found.empty()) throw std::runtime_error("index.json has no fixture " + prefix + "*");
  return found;
}

at::Tensor stored(const std::string& file, const std::string& name) {
  const SafetensorsFile tensors(folder() / file);
  const SafetensorsView& view = tensors.at(name);
  const at::ScalarType type = view.dtype == "F32"   ? at::kFloat
                              : view.dtype == "F64" ? at::kDouble
                              : view.dtype == "I16" ? at::kShort
                              : view.dtype == "I64" ? at::kLong
                              : view.dtype == "I8"  ? at::kChar
                                                    : at::kByte;
  return at::from_blob(const_cast<std::byte*>(view.bytes.data()), view.shape, type)
      .to(at::kDouble, false, true);
}

at::Tensor formula_tensor(const nlohmann::json& row, at::ScalarType type) {
  static const nlohmann::json constants = index().at("tensor_formula");
  const auto shape = row.at("shape").get<std::vector<std::int64_t>>();
  std::int64_t count = 1;
  for (const std::int64_t axis : shape) count *= axis;
  const at::Tensor i = at::arange(count, at::kDouble);
  const at::Tensor wave =
      (i * constants.at("a").get<double>() + row.at("p").get<double>()).sin() +
      constants.at("b").get<double>() *
          (squares_modulo(count, constants.at("m")) * constants.at("c").get<double>()).cos();
  return rounded((wave * row.value("gain", 1.0) + row.value("offset", 0.0)).view(shape), type);
}

at::Tensor formula_parameter(const std::vector<std::int64_t>& shape, const std::string& kind, std::int64_t k,
                             double gain, at::ScalarType type) {
  static const nlohmann::json constants = index().at("param_formula");
  std::int64_t count = 1;
  for (const std::int64_t axis : shape) count *= axis;
  const at::Tensor i = at::arange(count, at::kDouble);
  at::Tensor s =
      (static_cast<double>(k + 1) * constants.at("ck").get<double>() + i * constants.at("ci").get<double>() +
       squares_modulo(count, constants.at("m")) * constants.at("cq").get<double>())
          .sin();
  if (kind == "weight") s = s * (gain / std::sqrt(static_cast<double>(count / shape[0])));
  if (kind == "norm_weight") s = 1.0 + 0.1 * s;
  if (kind == "bias") s = 0.1 * s;
  return rounded(s.view(shape), type);
}

void fill_parameters(torch::nn::Module& module, const nlohmann::json& rows, double gain) {
  const torch::NoGradGuard no_grad;
  const auto parameters = module.parameters();
  ASSERT_EQ(parameters.size(), rows.size());
  for (std::size_t j = 0; j < parameters.size(); ++j) {
    const auto& row = rows[j];
    const auto shape = row.at("shape").get<std::vector<std::int64_t>>();
    ASSERT_EQ(parameters[j].sizes().vec(), shape) << row.at("name");
    at::Tensor parameter = parameters[j];
    parameter.copy_(formula_parameter(shape, row.at("kind"), row.at("k"), gain, parameter.scalar_type()));
  }
}

double sine_projection(const at::Tensor& x, bool mean) {
  const at::Tensor flat = x.detach().to(at::kDouble).flatten();
  const at::Tensor product = flat * (at::arange(flat.numel(), at::kDouble) * 0.1 + 0.5).sin();
  return (mean ? product.mean() : product.sum()).item<double>();
}

void expect_matches(const at::Tensor& got, const nlohmann::json& row, const at::Tensor& expected) {
  ASSERT_EQ(got.sizes().vec(), row.at("shape").get<std::vector<std::int64_t>>());
  const bool is_double = got.scalar_type() == at::kDouble;
  const auto tolerance = index().at("double_precision_tolerance");
  const double scale = row.at("max_abs").get<double>();
  const double atol =
      is_double ? tolerance.at("tensor_rel_to_max_abs").get<double>() * scale : row.at("atol").get<double>();
  const double rtol = is_double ? 0.0 : row.value("rtol", 0.0);
  at::Tensor part = got.detach().to(at::kDouble);
  if (row.contains("stored_stride")) {
    const auto stride = row.at("stored_stride").get<std::vector<std::int64_t>>();
    for (std::size_t axis = 0; axis < stride.size(); ++axis) {
      part = part.slice(static_cast<std::int64_t>(axis), 0, std::nullopt, stride[axis]);
    }
  }
  ASSERT_EQ(part.sizes(), expected.sizes());
  const at::Tensor excess = (part - expected).abs() - (atol + rtol * expected.abs());
  EXPECT_LE(excess.max().item<double>(), 0.0);
  const double summary = is_double ? atol : row.at("summary_atol").get<double>();
  EXPECT_NEAR(got.detach().to(at::kDouble).mean().item<double>(), row.at("mean").get<double>(), summary);
  EXPECT_NEAR(sine_projection(got, true), row.at("proj").get<double>(), summary);
}

void expect_gradients(torch::nn::Module& module, const nlohmann::json& rows) {
  const auto parameters = module.parameters();
  ASSERT_EQ(parameters.size(), rows.size());
  const double relative = index().at("double_precision_tolerance").at("scalar_rel").get<double>();
  double largest = 0;
  for (const auto& row : rows)
    largest = std::max(largest, row.at("grad_norm").is_null() ? 0 : row.at("grad_norm").get<double>());
  double worst = 0;  // deviation of a norm from its bound in the fixture
  for (std::size_t j = 0; j < parameters.size(); ++j) {
    const auto& row = rows[j];
    const at::Tensor& gradient = parameters[j].grad();
    if (row.at("grad_norm").is_null()) {
      EXPECT_FALSE(gradient.defined()) << row.at("name");
      continue;
    }
    ASSERT_TRUE(gradient.defined()) << row.at("name");
    const bool is_double = gradient.scalar_type() == at::kDouble;
    const double norm = row.at("grad_norm").get<double>();
    // A norm near 1e-15 is rounding, of a bias in front of an instance norm say, and another on another CPU.
    const double slack = relative * norm + 2e-14;
    const double got = gradient.to(at::kDouble).norm().item<double>();
    EXPECT_NEAR(got, norm, is_double ? slack : float32_slack(norm, row.at("norm_atol"), largest))
        << row.at("name");
    if (!is_double) worst = std::max(worst, std::abs(got - norm) / row.at("norm_atol").get<double>());
    EXPECT_NEAR(sine_projection(gradient, false), row.at("grad_proj").get<double>(),
                is_double ? slack
                          : std::max(kOtherCpus * row.at("proj_atol").get<double>(),
                                     float32_slack(norm, row.at("norm_atol"), largest)))
        << row.at("name");
  }
  if (worst > 0) std::cout << "float32 gradients: worst norm off by " << worst << " of the fixture's bound\n";
}

void expect_gradient(const at::Tensor& gradient, const nlohmann::json& row) {
  const bool is_double = gradient.scalar_type() == at::kDouble;
  const double norm = row.at("norm").get<double>();
  const double slack = index().at("double_precision_tolerance").at("scalar_rel").get<double>() * norm;
  EXPECT_NEAR(gradient.to(at::kDouble).norm().item<double>(), norm,
              is_double ? slack : float32_slack(norm, row.at("norm_atol"), norm));
  EXPECT_NEAR(sine_projection(gradient, false), row.at("proj").get<double>(),
              is_double ? slack : float32_slack(norm, row.at("proj_atol"), norm));
}

void expect_value(double got, double expected, double atol, bool is_double) {
  const double relative = index().at("double_precision_tolerance").at("scalar_rel").get<double>();
  EXPECT_NEAR(got, expected, is_double ? relative * std::abs(expected) : atol);
}

}  // namespace totum::parity
