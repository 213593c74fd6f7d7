#include "experiments/predict_case.h"

#include <ATen/ATen.h>

#include "evaluation/sliding_window.h"

namespace totum {

NetworkImage network_image(const PreparedCase& image) {
  return {image.image(), image.shape(), image.modality(), image.padding()};
}

std::vector<std::uint8_t> predict_case(Method& method, const NetworkImage& image, const RunRecord& record,
                                       std::int64_t part) {
  const auto [depth, height, width] = image.shape;
  const c10::Device device(record.device);
  const at::Tensor volume =
      at::from_blob(const_cast<float*>(image.voxels.data()), {1, 1, depth, height, width}, at::kFloat);
  SlidingWindow options;
  options.window = record.preset.sampler.patch_voxels;
  options.stride = default_stride(options.window);
  options.padding = static_cast<double>(image.padding);
  const at::Tensor labels = predict_volume(volume, options, [&](const at::Tensor& patch) {
    const at::Tensor there = patch.to(device);
    return part < 0 ? method.predict(there, image.modality)
                    : method.predict_part(part, there, image.modality);
  });
  const auto* begin = labels.const_data_ptr<std::uint8_t>();
  return {begin, begin + labels.numel()};
}

}  // namespace totum
