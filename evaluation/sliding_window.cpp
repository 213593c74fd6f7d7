#include "evaluation/sliding_window.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace totum {

namespace {

// One axis of the separable map before normalisation: the normalised kernel of a Gaussian filter around
// size/2.
at::Tensor gaussian_line(std::int64_t size) {
  const double sigma = static_cast<double>(size) / 8.0;
  const auto radius = static_cast<std::int64_t>(4.0 * sigma + 0.5);
  const auto kernel = [&](std::int64_t offset) {
    return std::abs(offset) > radius
               ? 0.0
               : std::exp(-0.5 * static_cast<double>(offset * offset) / (sigma * sigma));
  };
  double total = 0;
  for (std::int64_t offset = -radius; offset <= radius; ++offset) total += kernel(offset);
  at::Tensor line = at::zeros({size}, at::kDouble);
  for (std::int64_t i = 0; i < size; ++i) line[i] = kernel(i - size / 2) / total;
  return line;
}

struct Place {
  std::int64_t z, y, x;
};

std::vector<Place> places(const at::Tensor& volume, const SlidingWindow& options) {
  std::vector<Place> all;
  for (const auto z : window_starts(volume.size(2), options.window[0], options.stride[0])) {
    for (const auto y : window_starts(volume.size(3), options.window[1], options.stride[1])) {
      for (const auto x : window_starts(volume.size(4), options.window[2], options.stride[2]))
        all.push_back({z, y, x});
    }
  }
  return all;
}

at::Tensor part(const at::Tensor& values, const Place& place, const WindowSize& window) {
  const std::int64_t first = values.dim() - 3;
  return values.narrow(first, place.z, window[0])
      .narrow(first + 1, place.y, window[1])
      .narrow(first + 2, place.x, window[2]);
}

at::Tensor padded_to_window(const at::Tensor& volume, const SlidingWindow& options) {
  std::vector<std::int64_t> padding;
  for (const std::size_t axis : {2U, 1U, 0U}) {
    padding.push_back(0);
    padding.push_back(
        std::max<std::int64_t>(0, options.window[axis] - volume.size(static_cast<std::int64_t>(axis) + 2)));
  }
  return at::constant_pad_nd(volume, padding, options.padding);
}

}  // namespace

at::Tensor gaussian_importance(const WindowSize& window) {
  at::Tensor map = gaussian_line(window[0]).view({-1, 1, 1}) * gaussian_line(window[1]).view({1, -1, 1}) *
                   gaussian_line(window[2]).view({1, 1, -1});
  map = (map / map.max()).to(at::kFloat);
  return at::where(map > 0, map, map.masked_select(map > 0).min());
}

std::vector<std::int64_t> window_starts(std::int64_t length, std::int64_t window, std::int64_t stride) {
  std::vector<std::int64_t> starts{0};
  while (starts.back() + window < length) starts.push_back(std::min(starts.back() + stride, length - window));
  return starts;
}

WindowSize default_stride(const WindowSize& window) {
  WindowSize stride{};
  for (std::size_t axis = 0; axis < 3; ++axis) stride[axis] = (3 * window[axis] + 3) / 4;
  return stride;
}

at::Tensor sliding_window_mean(const at::Tensor& volume, const SlidingWindow& options,
                               const std::function<at::Tensor(const at::Tensor&)>& network) {
  TORCH_CHECK(volume.dim() == 5 && volume.size(0) == 1, "a volume must be [1,channels,D,H,W]");
  const at::Tensor padded = padded_to_window(volume, options);
  const at::Tensor weight = gaussian_importance(options.window).to(at::kDouble);
  const auto all = places(padded, options);
  at::Tensor sum;
  at::Tensor weights = at::zeros(padded.sizes().slice(2), at::kDouble);
  for (std::size_t first = 0; first < all.size(); first += static_cast<std::size_t>(options.batch)) {
    const std::size_t last = std::min(all.size(), first + static_cast<std::size_t>(options.batch));
    std::vector<at::Tensor> windows;
    for (std::size_t i = first; i < last; ++i) windows.push_back(part(padded, all[i], options.window));
    const at::Tensor output = network(at::cat(windows)).to(at::kCPU, at::kDouble);
    if (!sum.defined()) {
      sum = at::zeros({output.size(1), padded.size(2), padded.size(3), padded.size(4)}, at::kDouble);
    }
    for (std::size_t i = first; i < last; ++i) {
      part(sum, all[i], options.window).addcmul_(output[static_cast<std::int64_t>(i - first)], weight);
      part(weights, all[i], options.window).add_(weight);
    }
  }
  sum.div_(weights);
  return sum.slice(1, 0, volume.size(2)).slice(2, 0, volume.size(3)).slice(3, 0, volume.size(4));
}

at::Tensor predict_volume(const at::Tensor& volume, const SlidingWindow& options,
                          const std::function<at::Tensor(const at::Tensor&)>& probabilities) {
  const auto log_probabilities = [&](const at::Tensor& window) {
    return probabilities(window).clamp_min(1e-12).log();
  };
  // max, since argmax takes ten times as long
  return std::get<1>(sliding_window_mean(volume, options, log_probabilities).max(0))
      .to(at::kByte)
      .contiguous();
}

}  // namespace totum
