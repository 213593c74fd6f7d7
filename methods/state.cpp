#include "methods/state.h"

#include "core/sha256.h"

namespace totum {

namespace {

class HashingVisitor final : public StateVisitor {
 public:
  void tensor(const std::string& name, at::Tensor& value) override {
    const at::Tensor host = value.detach().cpu().contiguous();
    const std::string_view bytes(static_cast<const char*>(host.const_data_ptr()), host.nbytes());
    add(name, sha256(bytes));
  }
  void counter(const std::string& name, std::int64_t& value) override { add(name, std::to_string(value)); }
  void optimiser(const std::string&, torch::optim::Optimizer&) override {}
  [[nodiscard]] std::string hash() const { return sha256(std::string_view(text_)); }

 private:
  void add(const std::string& name, const std::string& value) { text_ += name + "=" + value + "\n"; }
  std::string text_;
};

}  // namespace

void visit_module(StateVisitor& visitor, const std::string& prefix, torch::nn::Module& module) {
  for (auto& entry : module.named_parameters()) visitor.tensor(prefix + entry.key(), entry.value());
  for (auto& entry : module.named_buffers()) visitor.tensor(prefix + entry.key(), entry.value());
}

std::string state_sha256(Method& method) {
  HashingVisitor visitor;
  method.visit_state(visitor);
  return visitor.hash();
}

}  // namespace totum
