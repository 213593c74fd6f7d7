#pragma once
// A method's tensors by name, as the handles that visit_state shows, and a method in float64.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <map>
#include <string>

#include "methods/method.h"

namespace totum {

/// Every parameter and buffer whose name begins with `prefix` (empty: all). The handles share the method's
/// storage.
class StateTensors final : public StateVisitor {
 public:
  explicit StateTensors(Method& method, std::string prefix = "") : prefix_(std::move(prefix)) {
    method.visit_state(*this);
  }
  void tensor(const std::string& name, at::Tensor& value) override {
    if (!name.starts_with(prefix_)) return;
    by_name.emplace(name, value);
    order.push_back(name);
  }
  void counter(const std::string&, std::int64_t&) override {}
  void optimiser(const std::string&, torch::optim::Optimizer&) override {}

  std::map<std::string, at::Tensor> by_name;
  std::vector<std::string> order;

 private:
  std::string prefix_;
};

/// Makes all networks of a method that has not trained yet compute in float64.
inline void to_double(Method& method) {
  StateTensors state(method);
  for (auto& [name, value] : state.by_name) value.set_data(value.to(at::kDouble));
}

inline Batch to_double(Batch batch) {
  batch.image = batch.image.to(at::kDouble);
  batch.atlas = batch.atlas.to(at::kDouble);
  return batch;
}

/// The value that a step reported.
inline double reported(const StepReport& report, const std::string& name) {
  for (const auto& [key, value] : report) {
    if (key == name) return value.item<double>();
  }
  ADD_FAILURE() << "no \"" << name << "\" was reported";
  return 0;
}

}  // namespace totum
