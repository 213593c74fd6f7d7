// NIfTI headers, and the voxels that a header which was accepted points to.

#include "core/error.h"
#include "data/nifti_header.h"
#include "tests/fuzz/fuzz_target.h"

namespace totum {

std::vector<std::string> seed_inputs() {
  Geometry geometry;
  geometry.size_xyz = {3, 4, 2};
  geometry.affine = {{{-0.8, 0.1, 0, 90}, {0.1, 0.8, 0, -70}, {0, 0, 5, 12}}};
  constexpr std::int16_t kInt16 = 4;
  constexpr std::int16_t kFloat32 = 16;
  return {make_nifti_header(geometry, kInt16, 16) + std::string(24 * 2, '\1'),
          make_nifti_header(geometry, kFloat32, 32) + std::string(24 * 4, '\0')};
}

}  // namespace totum

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string file(data, data + size);
  try {
    const totum::NiftiHeader header = totum::parse_nifti_header(file, "fuzz.nii");
    (void)totum::voxels_not_finite(file, header);
    (void)totum::parse_nifti_header(totum::without_orientation(file), "fuzz.nii");
  } catch (const totum::Error&) {  // a refusal is an answer
  }
  return 0;
}
