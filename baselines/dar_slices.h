#pragma once
// Axial slices of training cases for DAR-UNet's translator, scaled to [-1,1].
//
// Source: Yao et al., IEEE JBHI 2022 (published code: utils/dataloader2d.py). Its flips are left out, as in
// every method here: organs have a left and a right.

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

#include "core/random.h"
#include "methods/training_data.h"

namespace totum {

/// What becomes -1 and 1.
struct IntensityRange {
  double low = -1, high = 1;
};

/// The .5 and 99.5 percentiles (linear between neighbours).
IntensityRange robust_range(const at::Tensor& volume);
/// low -> -1, high -> 1, clipped; all -1 if they are equal.
at::Tensor scale_to_unit(const at::Tensor& image, const IntensityRange& range);

/// Rotation about the centre, enlargement and shift of a slice.
struct SliceTurn {
  double angle_rad = 0;
  double scale = 1;
  double shift_y = 0, shift_x = 0;  // fractions of the slice's size
};
/// With chance 1/2: angle ±30°, scale 1 ± .1, shifts ±.1, all uniform; else nothing.
SliceTurn draw_turn(RandomStream& random);
/// slice [S,S] -> same; linear between pixels, -1 beyond the edge.
at::Tensor turned(const at::Tensor& slice, const SliceTurn& turn);
/// A piece of slice [H,W] with `pixels` on both axes: anywhere inside a longer axis, and with a shorter one
/// anywhere inside the piece, the rest being -1.
at::Tensor random_piece(const at::Tensor& slice, std::int64_t pixels, RandomStream& random);
/// slices [n,H,W] with -1 around them, to multiples of 4 and to `least` pixels at least; of an odd number of
/// missing pixels, the greater half comes behind.
at::Tensor padded_around(const at::Tensor& slices, std::int64_t least);
/// Its inverse: the middle of padded [n,H',W'], [n,height,width].
at::Tensor middle_of(const at::Tensor& padded, std::int64_t height, std::int64_t width);

/// All slices of the training cases. CT is in [-1,1] as it was preprocessed; an MR volume is scaled by its
/// robust range. Keeps a reference to `data`; not for several threads.
class AxialSlices {
 public:
  /// Throws DataError if one modality has no training case.
  AxialSlices(const TrainingData& data, const std::vector<Task>& tasks);

  [[nodiscard]] const std::vector<std::string>& case_ids(Modality modality) const;
  [[nodiscard]] std::int64_t depth(const std::string& case_id) const;
  /// Slices z .. z + count - 1, [count,H,W]. `modality` is the case's.
  [[nodiscard]] at::Tensor scaled(const std::string& case_id, Modality modality, std::int64_t z,
                                  std::int64_t count);
  /// A training slice [pixels,pixels]: any slice of any case of the modality, a random piece of it, turned.
  [[nodiscard]] at::Tensor draw(Modality modality, std::int64_t pixels, RandomStream& random);

 private:
  const TrainingData& data_;
  std::map<Modality, std::vector<std::string>> case_ids_;
  std::map<Modality, std::int64_t> slices_;       // of all cases together
  std::map<std::string, IntensityRange> ranges_;  // of MR cases met so far
};

}  // namespace totum
