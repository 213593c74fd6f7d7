#include "experiments/multiply_adds.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <atomic>
#include <memory>
#include <string_view>

namespace totum {

namespace {

using Arguments = c10::ArrayRef<const c10::IValue>;

// LibTorch hands thread-local information on to the threads of the backward pass; of the kinds that there
// are, only those for tests are free for others to use.
constexpr auto kKind = c10::DebugInfoKind::TEST_INFO;

struct Tally final : c10::DebugInfoBase {
  std::atomic<std::int64_t> multiply_adds{0};
  std::atomic<int> depth{0};  // operations inside a counted one are its own way to do its work
};

// Marks a counted operation that has not returned.
struct Counted final : at::ObserverContext {
  explicit Counted(Tally& in) : tally(in) {}
  Tally& tally;  // lives in count_multiply_adds()
};

std::int64_t kernel_voxels(const at::Tensor& weight) {
  std::int64_t voxels = 1;
  for (std::int64_t axis = 2; axis < weight.dim(); ++axis) voxels *= weight.size(axis);
  return voxels;
}

// weight [out,in/groups,…]; transposed [in,out/groups,…]: each element of the larger side in one direction,
// of the input in the other, meets all of weight's second axis and of its kernel.
std::int64_t convolution(const at::Tensor& weight, std::int64_t elements) {
  return elements * weight.size(1) * kernel_voxels(weight);
}

// Elements of a convolution's output: input [B,in,…], the attributes in voxels, one for all axes or for each.
std::int64_t output_elements(const at::Tensor& input, const at::Tensor& weight,
                             const std::vector<std::int64_t>& stride,
                             const std::vector<std::int64_t>& padding,
                             const std::vector<std::int64_t>& dilation) {
  std::int64_t elements = input.size(0) * weight.size(0);
  const auto of = [](const std::vector<std::int64_t>& values, std::size_t axis) {
    return values.size() == 1 ? values[0] : values[axis];
  };
  for (std::int64_t axis = 2; axis < input.dim(); ++axis) {
    const auto a = static_cast<std::size_t>(axis - 2);
    const std::int64_t reach = of(dilation, a) * (weight.size(axis) - 1) + 1;
    elements *= (input.size(axis) + 2 * of(padding, a) - reach) / of(stride, a) + 1;
  }
  return elements;
}

// aten::convolution(input, weight, bias, stride, padding, dilation, transposed, …)
std::int64_t forward(Arguments in) {
  const at::Tensor& input = in[0].toTensor();
  const at::Tensor& weight = in[1].toTensor();
  if (in[6].toBool()) return convolution(weight, input.numel());
  return convolution(
      weight, output_elements(input, weight, in[3].toIntVector(), in[4].toIntVector(), in[5].toIntVector()));
}

// aten::mkldnn_convolution(input, weight, bias, padding, stride, dilation, groups), asked for by name
std::int64_t onednn_forward(Arguments in) {
  const at::Tensor& weight = in[1].toTensor();
  return convolution(weight, output_elements(in[0].toTensor(), weight, in[4].toIntVector(),
                                             in[3].toIntVector(), in[5].toIntVector()));
}

// aten::convolution_backward(grad_output, input, weight, bias_sizes, stride, padding, dilation, transposed,
// output_padding, groups, output_mask)
std::int64_t backward(Arguments in) {
  const at::Tensor& moving = in[7].toBool() ? in[1].toTensor() : in[0].toTensor();
  const auto mask = in[10].toBoolList();
  const int gradients = (mask.get(0) ? 1 : 0) + (mask.get(1) ? 1 : 0);
  return gradients * convolution(in[2].toTensor(), moving.numel());
}

// totum::convolution_weight_gradient(input, grad_output, kernel): ours, of cubic kernels on a GPU
std::int64_t weight_gradient(Arguments in) {
  const std::int64_t kernel = in[2].toInt();
  return in[1].toTensor().numel() * in[0].toTensor().size(1) * kernel * kernel * kernel;
}

// Of matrices [n,m] or batches of them, and of what they are multiplied by, a matrix or a vector.
std::int64_t product(const at::Tensor& a, const at::Tensor& b) {
  return a.numel() * (b.dim() < 2 ? 1 : b.size(-1));
}

// 0 for an operation that is not counted.
std::int64_t multiply_adds_of(std::string_view name, Arguments in) {
  if (name == "aten::convolution") return forward(in);
  if (name == "aten::mkldnn_convolution") return onednn_forward(in);
  if (name == "aten::convolution_backward") return backward(in);
  if (name == "totum::convolution_weight_gradient") return weight_gradient(in);
  if (name == "aten::mm" || name == "aten::bmm" || name == "aten::mv" || name == "aten::dot")
    return product(in[0].toTensor(), in[1].toTensor());
  if (name == "aten::addmm" || name == "aten::addmm_" || name == "aten::baddbmm" || name == "aten::addmv")
    return product(in[1].toTensor(), in[2].toTensor());
  return 0;
}

std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& call) {
  auto* tally = static_cast<Tally*>(c10::ThreadLocalDebugInfo::get(kKind));
  if (tally == nullptr || tally->depth > 0) return nullptr;
  const std::int64_t count = multiply_adds_of(call.name(), call.inputs());
  if (count == 0) return nullptr;
  tally->multiply_adds += count;
  ++tally->depth;
  return std::make_unique<Counted>(*tally);
}

void end(const at::RecordFunction&, at::ObserverContext* context) {
  if (context != nullptr) --static_cast<Counted*>(context)->tally.depth;
}

// Removes the callback also after an exception.
class Observation {
 public:
  Observation()
      : handle_(at::addThreadLocalCallback(at::RecordFunctionCallback(begin, end).needsInputs(true))) {}
  ~Observation() { at::removeCallback(handle_); }
  Observation(const Observation&) = delete;
  Observation& operator=(const Observation&) = delete;

 private:
  at::CallbackHandle handle_;
};

}  // namespace

std::int64_t count_multiply_adds(const std::function<void()>& work) {
  const auto tally = std::make_shared<Tally>();
  {
    const c10::DebugInfoGuard information(kKind, tally);
    const Observation observation;
    work();
  }
  return tally->multiply_adds;
}

}  // namespace totum
