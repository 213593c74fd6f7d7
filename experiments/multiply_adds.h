#pragma once
// How much work a piece of training is, counted from what LibTorch really ran.

#include <cstdint>
#include <functional>

namespace totum {

/// Multiply-adds of all convolutions and matrix products, forward and backward, that `work` runs here and on
/// the threads that autograd uses for it; element-wise work, normalisation and resampling are not counted. A
/// convolution costs output elements x input channels of its group x kernel, and its backward pass as much
/// again for each gradient that it makes. The same on every device and for every algorithm behind it.
std::int64_t count_multiply_adds(const std::function<void()>& work);

}  // namespace totum
