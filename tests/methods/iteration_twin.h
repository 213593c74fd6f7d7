#pragma once
// A slow, independent twin of one training iteration of the proposed method, written from the pseudo-code of
// docs/method.md with plain ATen operations, one image, organ and copy at a time. It shares no code with
// methods/ or networks/: only the random stream of the block masks and the names of the tensors.

#include <torch/torch.h>

#include <array>
#include <map>
#include <string>
#include <vector>

namespace totum::twin {

struct Settings {
  bool is_code = false;  // published code in place of the paper's text
  std::uint64_t seed = 0;
  std::int64_t stem_stride = 1;
  std::int64_t epochs = 10;
  std::int64_t ramp_epochs = 0;
  double learning_rate = 5e-4, weight_decay = 5e-5;
};

struct Image {
  at::Tensor image;  // [D,H,W]
  at::Tensor label;  // [D,H,W] int64, labelled organs only
  at::Tensor atlas;  // [13,D,H,W]
  std::vector<std::int64_t> labelled, cross;
};

struct Losses {
  double seg = 0, pseudo = 0, adv = 0, proto = 0, aprn = 0, aman = 0;
};

/// Parameters and prototypes by their names in the method's state, changed in place.
class Twin {
 public:
  Twin(std::map<std::string, at::Tensor> tensors, const Settings& settings);
  Losses iterate(const std::vector<Image>& images, std::int64_t iteration, std::int64_t epoch);
  [[nodiscard]] const std::map<std::string, at::Tensor>& tensors() const { return tensors_; }

 private:
  struct Moments {
    at::Tensor first, second;
    std::int64_t steps = 0;
  };
  struct Step {
    double rate, decay;
    bool fresh;  // an optimiser without a past
  };
  struct Output {
    at::Tensor logits;                   // [14,D,H,W]
    std::array<at::Tensor, 3> features;  // [n,d,h,w]
  };
  const at::Tensor& w(const std::string& name) const { return tensors_.at(name); }
  at::Tensor conv(const std::string& name, const at::Tensor& x, std::int64_t stride) const;
  at::Tensor norm_relu(const std::string& name, const at::Tensor& x, std::int64_t groups) const;
  at::Tensor block(const std::string& name, const at::Tensor& x, std::int64_t stride,
                   std::int64_t groups) const;
  Output unet(const std::string& prefix, const at::Tensor& x) const;
  at::Tensor refine(const at::Tensor& p, const at::Tensor& atlas) const;
  at::Tensor discriminate(const at::Tensor& p, const at::Tensor& atlas) const;
  at::Tensor attention(std::size_t scale, std::int64_t organ, const at::Tensor& features) const;
  at::Tensor refiner_loss(const Image& image, const at::Tensor& p, std::int64_t iteration,
                          std::size_t b) const;
  void adam(const std::vector<std::string>& networks, const at::Tensor& loss, const Step& step);
  void move_prototypes(const std::vector<Image>& images, const std::vector<Output>& outputs);

  std::map<std::string, at::Tensor> tensors_;
  std::map<std::string, Moments> moments_;
  Settings settings_;
};

}  // namespace totum::twin
