#pragma once
// Prediction of a whole volume from overlapping windows with Gaussian weights.
// Source: the published code's evaluate_amos.py (predict_sliding), which follows nnU-Net.

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

namespace totum {

using WindowSize = std::array<std::int64_t, 3>;  // D,H,W

/// A unit impulse at index size/2, Gaussian blur with sigma = size/8 truncated at 4 sigma (zero border),
/// divided by its maximum, zeros replaced by the smallest positive value. [D,H,W] float32.
at::Tensor gaussian_importance(const WindowSize& window);

/// First voxel of each window along one axis: steps of `stride`, the last shifted back to end at the border.
/// `length` is at least `window`.
std::vector<std::int64_t> window_starts(std::int64_t length, std::int64_t window, std::int64_t stride);

/// Strides ceil(3/4 window): overlap 1/4.
WindowSize default_stride(const WindowSize& window);

struct SlidingWindow {
  WindowSize window{};
  WindowSize stride{};
  double padding = 0;      // value beyond a volume that is smaller than the window
  std::int64_t batch = 2;  // windows given to the network at once
};

/// Weighted mean over windows of `network`'s output, accumulated in float64 on the host, for a volume
/// [1,1,D,H,W]. network: [b,1,window] -> [b,K,window], on any device. Returns [K,D,H,W] float64.
at::Tensor sliding_window_mean(const at::Tensor& volume, const SlidingWindow& options,
                               const std::function<at::Tensor(const at::Tensor&)>& network);

/// Class index of each voxel [D,H,W] uint8 from windows of probabilities [b,1+C,window]: the argmax of their
/// weighted mean logarithm (floored at 1e-12). Equal to averaging logits, since the two differ by the same
/// number in all channels.
at::Tensor predict_volume(const at::Tensor& volume, const SlidingWindow& options,
                          const std::function<at::Tensor(const at::Tensor&)>& probabilities);

}  // namespace totum
