// NIfTI headers, and the voxels that a header which was accepted points to.

#include "core/error.h"
#include "data/gzip.h"
#include "data/nifti_header.h"
#include "data/nifti_voxels.h"
#include "tests/fuzz/fuzz_target.h"

namespace totum {

std::vector<std::string> seed_inputs() {
  Geometry geometry;
  geometry.size_xyz = {3, 4, 2};
  geometry.affine = {{{-0.8, 0.1, 0, 90}, {0.1, 0.8, 0, -70}, {0, 0, 5, 12}}};
  constexpr std::int16_t kInt16 = 4;
  constexpr std::int16_t kFloat32 = 16;
  const std::string whole = make_nifti_header(geometry, kInt16, 16) + std::string(24 * 2, '\1');
  return {whole, make_nifti_header(geometry, kFloat32, 32) + std::string(24 * 4, '\0'), gzip_bytes(whole, 1)};
}

namespace {

void read_voxels(std::string_view file) {
  const NiftiHeader header = parse_nifti_header(file, "fuzz.nii");
  (void)voxels_as_float(file, header);
  (void)voxels_as_labels(file, header, 15);
  (void)voxels_as_int32(file, header);
}

}  // namespace
}  // namespace totum

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string file(data, data + size);
  try {
    if (totum::is_gzip(file)) {
      const std::string start = totum::unpack_start(file, totum::kLongestHeader, "fuzz.nii.gz");
      const totum::NiftiHeader header = totum::parse_nifti_start(start, "fuzz.nii.gz");
      totum::read_voxels(totum::unpack(file, totum::announced_bytes(header), "fuzz.nii.gz"));
    } else {
      totum::read_voxels(file);
    }
  } catch (const totum::Error&) {  // a refusal is an answer
  }
  return 0;
}
