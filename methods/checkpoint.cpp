#include "methods/checkpoint.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <functional>
#include <list>
#include <set>

#include "core/error.h"
#include "core/safetensors.h"

namespace totum {

namespace {

const char* dtype_of(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return "F32";
    case at::kDouble:
      return "F64";
    case at::kLong:
      return "I64";
    case at::kInt:
      return "I32";
    case at::kByte:
      return "U8";
    case at::kBool:
      return "BOOL";
    default:
      throw RunError("a tensor of this type can't be saved");
  }
}

std::string slot_name(const std::string& optimiser, std::size_t parameter, const char* part) {
  return fmt::format("{}#{}.{}", optimiser, parameter, part);
}

// The state of one parameter in Adam, or nullptr before its first step.
torch::optim::AdamParamState* adam_state(torch::optim::Optimizer& optimiser, const at::Tensor& parameter) {
  const auto found = optimiser.state().find(parameter.unsafeGetTensorImpl());
  return found == optimiser.state().end() ? nullptr
                                          : static_cast<torch::optim::AdamParamState*>(found->second.get());
}

std::vector<at::Tensor> parameters_of(torch::optim::Optimizer& optimiser) {
  std::vector<at::Tensor> parameters;
  for (const auto& group : optimiser.param_groups()) {
    parameters.insert(parameters.end(), group.params().begin(), group.params().end());
  }
  return parameters;
}

class SavingVisitor final : public StateVisitor {
 public:
  explicit SavingVisitor(const StateSelection& selection) : selection_(selection) {}

  void tensor(const std::string& name, at::Tensor& value) override { add(name, value); }
  void counter(const std::string& name, std::int64_t& value) override {
    add(name, at::scalar_tensor(value, at::kLong));
  }
  void rows(const std::string& name, at::Tensor& buffer, std::int64_t used) override {
    if (selection_.optimisers) add(name, buffer.narrow(0, 0, used));
  }
  void optimiser(const std::string& name, torch::optim::Optimizer& value) override {
    if (!selection_.optimisers) return;
    const auto parameters = parameters_of(value);
    for (std::size_t j = 0; j < parameters.size(); ++j) {
      const auto* state = adam_state(value, parameters[j]);
      if (state == nullptr) continue;
      add(slot_name(name, j, "exp_avg"), state->exp_avg());
      add(slot_name(name, j, "exp_avg_sq"), state->exp_avg_sq());
      add(slot_name(name, j, "step"), at::scalar_tensor(state->step(), at::kLong));
    }
  }
  [[nodiscard]] const std::map<std::string, SafetensorsView>& views() const { return views_; }

 private:
  void add(const std::string& name, const at::Tensor& value) {
    if (!name.starts_with(selection_.prefix)) return;
    const at::Tensor& host = kept_.emplace_back(value.detach().cpu().contiguous());
    const auto* data = static_cast<const std::byte*>(host.const_data_ptr());
    if (!views_
             .emplace(
                 name,
                 SafetensorsView{dtype_of(host.scalar_type()), host.sizes().vec(), {data, host.nbytes()}})
             .second) {
      throw RunError(fmt::format("two parts of the state are called \"{}\"", name));
    }
  }
  StateSelection selection_;
  std::list<at::Tensor> kept_;
  std::map<std::string, SafetensorsView> views_;
};

// Checks everything first and keeps the changes for later, so that a file that doesn't fit changes nothing.
class LoadingVisitor final : public StateVisitor {
 public:
  LoadingVisitor(const SafetensorsFile& file, std::string path, const StateSelection& selection)
      : file_(file), path_(std::move(path)), selection_(selection) {}

  void tensor(const std::string& name, at::Tensor& value) override {
    if (!name.starts_with(selection_.prefix)) return;
    const at::Tensor stored = take(name, value.scalar_type(), value.sizes());
    changes_.emplace_back([value, stored]() mutable {
      const torch::NoGradGuard no_grad;
      value.copy_(stored);
    });
  }
  void counter(const std::string& name, std::int64_t& value) override {
    if (!name.starts_with(selection_.prefix)) return;
    const auto stored = take(name, at::kLong, {}).item<std::int64_t>();
    changes_.emplace_back([&value, stored] { value = stored; });
  }
  void rows(const std::string& name, at::Tensor& buffer, std::int64_t) override {
    if (!selection_.optimisers || !name.starts_with(selection_.prefix)) return;
    auto shape = buffer.sizes().vec();
    const auto& saved = file_.at(name).shape;
    if (!saved.empty()) shape[0] = std::min(shape[0], saved[0]);  // more rows than fit: refused by take()
    const at::Tensor stored = take(name, buffer.scalar_type(), shape);
    changes_.emplace_back([buffer, stored]() mutable {
      const torch::NoGradGuard no_grad;
      buffer.narrow(0, 0, stored.size(0)).copy_(stored);
    });
  }
  void optimiser(const std::string& name, torch::optim::Optimizer& value) override {
    if (!selection_.optimisers || !name.starts_with(selection_.prefix)) return;
    const auto parameters = parameters_of(value);
    for (std::size_t j = 0; j < parameters.size(); ++j) {
      const at::Tensor& parameter = parameters[j];
      auto* key = parameter.unsafeGetTensorImpl();
      if (!file_.tensors().contains(slot_name(name, j, "step"))) {
        changes_.emplace_back([&value, key] { value.state().erase(key); });
        continue;
      }
      auto state = std::make_shared<torch::optim::AdamParamState>();
      state->exp_avg(take(slot_name(name, j, "exp_avg"), parameter.scalar_type(), parameter.sizes())
                         .to(parameter.device()));
      state->exp_avg_sq(take(slot_name(name, j, "exp_avg_sq"), parameter.scalar_type(), parameter.sizes())
                            .to(parameter.device()));
      state->step(take(slot_name(name, j, "step"), at::kLong, {}).item<std::int64_t>());
      changes_.emplace_back([&value, key, state] {
        value.state()[key] = std::make_unique<torch::optim::AdamParamState>(*state);
      });
    }
  }
  void apply() {
    for (const auto& [name, view] : file_.tensors()) {
      if (name.starts_with(selection_.prefix) && !taken_.contains(name)) {
        throw DataError(fmt::format("{}: holds \"{}\", which this method does not know", path_, name));
      }
    }
    for (auto& change : changes_) change();
  }

 private:
  at::Tensor take(const std::string& name, at::ScalarType type, at::IntArrayRef shape) {
    const SafetensorsView& view = file_.at(name);
    if (view.dtype != dtype_of(type) || at::IntArrayRef(view.shape) != shape) {
      throw DataError(fmt::format("{}: \"{}\" has another type or shape than this method's", path_, name));
    }
    taken_.insert(name);
    return at::from_blob(const_cast<std::byte*>(view.bytes.data()), shape, type).clone();
  }
  const SafetensorsFile& file_;
  std::string path_;
  StateSelection selection_;
  std::set<std::string> taken_;
  std::vector<std::function<void()>> changes_;
};

}  // namespace

void save_state(Method& method, const std::filesystem::path& path,
                const std::map<std::string, std::string>& metadata, const StateSelection& selection) {
  SavingVisitor visitor(selection);
  method.visit_state(visitor);
  write_safetensors(path, visitor.views(), metadata);
}

std::map<std::string, std::string> load_state(Method& method, const std::filesystem::path& path,
                                              const StateSelection& selection) {
  const SafetensorsFile file(path);
  LoadingVisitor visitor(file, path.string(), selection);
  method.visit_state(visitor);
  visitor.apply();
  return file.metadata();
}

}  // namespace totum
