#include "kernels/dice.h"

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <array>

#include "kernels/dice_cuda.h"

namespace totum {

namespace {

constexpr std::int64_t kLanes = 16;    // partial sums side by side, which the compiler keeps in vectors
constexpr std::int64_t kChunk = 2048;  // of voxels summed in the tensor's own type before they enter a double

struct Sums {
  double py = 0, pp = 0, yy = 0;
};

template <typename T>
double total(const std::array<T, kLanes>& lanes) {
  double sum = 0;
  for (const T lane : lanes) sum += static_cast<double>(lane);
  return sum;
}

// Adds the three sums of a chunk.
template <bool Masked, typename T>
void add_chunk(std::int64_t voxels, const T* p, const T* y, const T* mask, Sums& sums) {
  std::array<T, kLanes> py{}, pp{}, yy{};
  const auto add = [&](std::int64_t lane, std::int64_t v) {
    const auto l = static_cast<std::size_t>(lane);
    const T a = Masked ? p[v] * mask[v] : p[v];
    const T b = Masked ? y[v] * mask[v] : y[v];
    py[l] += a * b;
    pp[l] += a * a;
    yy[l] += b * b;
  };
  std::int64_t v = 0;
  for (; v + kLanes <= voxels; v += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) add(lane, v + lane);
  }
  for (std::int64_t lane = 0; v < voxels; ++lane, ++v) add(lane, v);
  sums.py += total(py);
  sums.pp += total(pp);
  sums.yy += total(yy);
}

template <typename T>
Sums sums_of_row(std::int64_t voxels, const T* p, const T* y, const T* mask) {
  Sums sums;
  for (std::int64_t begin = 0; begin < voxels; begin += kChunk) {
    const std::int64_t count = std::min(kChunk, voxels - begin);
    if (mask == nullptr) {
      add_chunk<false>(count, p + begin, y + begin, mask, sums);
    } else {
      add_chunk<true>(count, p + begin, y + begin, mask + begin, sums);
    }
  }
  return sums;
}

// A mask of no elements stands for none, since an undefined tensor can't pass through autograd.
bool has(const at::Tensor& mask) { return mask.numel() > 0; }

DiceRows rows_cpu(const at::Tensor& p, const at::Tensor& y, const at::Tensor& mask, double epsilon) {
  const std::int64_t rows = p.size(0);
  const std::int64_t voxels = p.size(1);
  DiceRows out{at::empty({rows}, p.options()), at::empty({rows, 2}, p.options().dtype(at::kDouble))};
  auto* factors = out.factors.mutable_data_ptr<double>();
  AT_DISPATCH_FLOATING_TYPES(p.scalar_type(), "masked_dice", [&] {
    const auto* p_data = p.const_data_ptr<scalar_t>();
    const auto* y_data = y.const_data_ptr<scalar_t>();
    const scalar_t* mask_data = has(mask) ? mask.const_data_ptr<scalar_t>() : nullptr;
    auto* loss = out.loss.mutable_data_ptr<scalar_t>();
    at::parallel_for(0, rows, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t k = begin; k < end; ++k) {
        const std::int64_t first = k * voxels;
        const Sums sums = sums_of_row(voxels, p_data + first, y_data + first,
                                      mask_data == nullptr ? nullptr : mask_data + first);
        const double above = 2 * sums.py + epsilon;
        const double below = sums.pp + sums.yy + epsilon;
        loss[k] = static_cast<scalar_t>(1 - above / below);
        factors[2 * k] = -2 / below;
        factors[2 * k + 1] = 2 * above / (below * below);
      }
    });
  });
  return out;
}

at::Tensor gradient_cpu(const at::Tensor& p, const at::Tensor& y, const at::Tensor& mask,
                        const at::Tensor& factors) {
  at::Tensor gradient = at::empty_like(p);
  const std::int64_t voxels = p.size(1);
  const auto* by_row = factors.const_data_ptr<double>();
  AT_DISPATCH_FLOATING_TYPES(p.scalar_type(), "masked_dice_backward", [&] {
    const auto* p_data = p.const_data_ptr<scalar_t>();
    const auto* y_data = y.const_data_ptr<scalar_t>();
    const scalar_t* mask_data = has(mask) ? mask.const_data_ptr<scalar_t>() : nullptr;
    auto* out = gradient.mutable_data_ptr<scalar_t>();
    at::parallel_for(0, p.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t k = begin; k < end; ++k) {
        const auto of_y = static_cast<scalar_t>(by_row[2 * k]);
        const auto of_p = static_cast<scalar_t>(by_row[2 * k + 1]);
        const std::int64_t first = k * voxels;
        for (std::int64_t v = first; v < first + voxels; ++v) out[v] = of_y * y_data[v] + of_p * p_data[v];
        if (mask_data == nullptr) continue;
        for (std::int64_t v = first; v < first + voxels; ++v) out[v] *= mask_data[v] * mask_data[v];
      }
    });
  });
  return gradient;
}

DiceRows rows_of(const at::Tensor& p, const at::Tensor& y, const at::Tensor& mask, double epsilon) {
#ifdef TOTUM_WITH_CUDA
  if (p.is_cuda()) return dice_rows_cuda(p, y, mask, epsilon);
#endif
  return rows_cpu(p, y, mask, epsilon);
}

at::Tensor gradient_of(const at::Tensor& p, const at::Tensor& y, const at::Tensor& mask,
                       const at::Tensor& factors) {
#ifdef TOTUM_WITH_CUDA
  if (p.is_cuda()) return dice_gradient_cuda(p, y, mask, factors);
#endif
  return gradient_cpu(p, y, mask, factors);
}

class MaskedDice final : public torch::autograd::Function<MaskedDice> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& p,
                            const at::Tensor& y, const at::Tensor& mask, double epsilon) {
    const DiceRows rows = rows_of(p, y, mask, epsilon);
    context->save_for_backward({p, y, mask, rows.factors});
    return rows.loss;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "masked_dice has no second derivative");
    const auto saved = context->get_saved_variables();
    const at::Tensor factors = saved[3] * gradients[0].to(at::kDouble).unsqueeze(1);
    return {gradient_of(saved[0], saved[1], saved[2], factors), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

bool is_fused(const at::Tensor& p) {
  return (p.is_cpu() || p.is_cuda()) && (p.scalar_type() == at::kFloat || p.scalar_type() == at::kDouble);
}

}  // namespace

at::Tensor masked_dice_by_aten(const at::Tensor& p, const at::Tensor& y, const at::Tensor& mask,
                               double epsilon) {
  const at::Tensor a = mask.defined() ? p * mask : p;
  const at::Tensor b = mask.defined() ? y * mask : y;
  return 1 - (2 * (a * b).sum(1) + epsilon) / (a.square().sum(1) + b.square().sum(1) + epsilon);
}

at::Tensor masked_dice(const at::Tensor& p, const at::Tensor& y, const at::Tensor& mask, double epsilon) {
  TORCH_CHECK(p.dim() == 2 && p.sizes() == y.sizes() && (!mask.defined() || mask.sizes() == p.sizes()),
              "masked_dice takes p, y and mask of one shape [K,N]; p is ", p.sizes(), ", y ", y.sizes());
  TORCH_CHECK(p.device() == y.device() && (!mask.defined() || mask.device() == p.device()),
              "masked_dice takes p, y and mask on one device; p is on ", p.device(), ", y on ", y.device(),
              mask.defined() ? ", mask on " + mask.device().str() : "");
  TORCH_CHECK(!y.requires_grad() && !(mask.defined() && mask.requires_grad()),
              "masked_dice has a gradient for p alone");
  if (!is_fused(p)) return masked_dice_by_aten(p, y, mask, epsilon);
  const at::Tensor rows = p.contiguous();
  const at::Tensor target = y.to(p.scalar_type()).contiguous();
  const at::Tensor counts =
      mask.defined() ? mask.to(p.scalar_type()).contiguous() : at::empty({0}, p.options());
  if (!at::GradMode::is_enabled() || !p.requires_grad()) return rows_of(rows, target, counts, epsilon).loss;
  return MaskedDice::apply(rows, target, counts, epsilon);
}

}  // namespace totum
