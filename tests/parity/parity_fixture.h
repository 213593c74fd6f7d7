#pragma once
// Loaders for the parity fixtures: index.json, the formulas that make parameters and inputs, stored tensors,
// and the comparisons with their tolerances. The folder comes from TOTUM_PARITY_DIR; constants from its
// index.json.

#include <torch/torch.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace totum::parity {

std::filesystem::path folder();
nlohmann::json load_json(const std::string& file);
/// The entry of index.json; fails the test if it is missing.
nlohmann::json fixture(const std::string& name);
/// The entries whose name begins like that, in the order of index.json; fails the test if there are none.
std::vector<nlohmann::json> fixtures_with(const std::string& prefix);
/// A stored tensor, as float64 (integers too).
at::Tensor stored(const std::string& file, const std::string& name);

/// Input by the tensor formula from {"shape","p","gain","offset"}: float64 arithmetic, rounded to float32,
/// then `type`.
at::Tensor formula_tensor(const nlohmann::json& row, at::ScalarType type);
/// Parameter number k by the parameter formula; kind: weight, norm_weight, bias, raw.
at::Tensor formula_parameter(const std::vector<std::int64_t>& shape, const std::string& kind, std::int64_t k,
                             double gain, at::ScalarType type);
/// Fills parameters in named_parameters() order from the fixture's parameter rows; checks the shapes.
void fill_parameters(torch::nn::Module& module, const nlohmann::json& rows, double gain);

/// sum (or mean) of x[i] sin(0.1 i + 0.5)
double sine_projection(const at::Tensor& x, bool mean);

/// Compares with a stored tensor: `row` is its entry under "tensors". In float64 with the index's double
/// tolerance, else with the row's atol/rtol; mean and projection of the whole tensor too.
void expect_matches(const at::Tensor& got, const nlohmann::json& row, const at::Tensor& expected);

/// Compares gradients of all parameters with the rows' norm and projection.
void expect_gradients(torch::nn::Module& module, const nlohmann::json& rows);

/// Compares a gradient's norm and projection with {"norm","proj","norm_atol","proj_atol"}.
void expect_gradient(const at::Tensor& gradient, const nlohmann::json& row);
void expect_value(double got, double expected, double atol, bool is_double);

}  // namespace totum::parity
