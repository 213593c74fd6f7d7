#include "data/nifti.h"

#include <fmt/format.h>
#include <itkImage.h>
#include <itkImageFileReader.h>
#include <itkNiftiImageIO.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "data/nifti_header.h"

namespace totum {

namespace {

namespace fs = std::filesystem;
using ItkImage = itk::Image<float, 3>;

// The voxels through ITK (all data types, byte orders and scaling); its geometry is not used.
std::vector<float> read_with_itk(const fs::path& path, const Geometry& geometry) {
  auto reader = itk::ImageFileReader<ItkImage>::New();
  reader->SetImageIO(itk::NiftiImageIO::New());
  reader->SetFileName(path.string());
  reader->Update();
  const auto* image = reader->GetOutput();
  const auto size = image->GetLargestPossibleRegion().GetSize();
  for (unsigned axis = 0; axis < 3; ++axis) {
    if (static_cast<std::int64_t>(size[axis]) != geometry.size_xyz[axis]) {
      throw DataError(fmt::format("{}: ITK reads another size than the header says", path.string()));
    }
  }
  const float* begin = image->GetBufferPointer();
  return {begin, begin + geometry.voxels()};
}

// ITK 5.2 refuses an affine with shear (a tilted gantry), though only the voxels are wanted from it: such a
// file is handed over as a copy without orientation.
std::vector<float> read_copy_without_orientation(const fs::path& path, const std::string& file,
                                                 const Geometry& geometry) {
  std::string copy = (fs::temp_directory_path() / "totum-XXXXXX.nii").string();
  const int descriptor = ::mkstemps(copy.data(), 4);
  if (descriptor < 0)
    throw DataError(fmt::format("{}: no temporary file could be made for it", path.string()));
  ::close(descriptor);
  const std::unique_ptr<const std::string, void (*)(const std::string*)> removed(
      &copy, [](const std::string* name) { std::remove(name->c_str()); });
  write_file_atomically(copy, without_orientation(file));
  return read_with_itk(copy, geometry);
}

std::vector<float> read_voxels(const fs::path& path, const std::string& file, const NiftiHeader& header) {
  try {
    return read_with_itk(path, header.geometry);
  } catch (const itk::ExceptionObject&) {
    try {
      return read_copy_without_orientation(path, file, header.geometry);
    } catch (const itk::ExceptionObject& error) {
      throw DataError(fmt::format("{}: can't be read: {}", path.string(), error.GetDescription()));
    }
  }
}

ImageVolume read_checked(const fs::path& path) {
  const std::string file = read_unpacked(path);
  const NiftiHeader header = parse_nifti_header(file, path);
  if (header.forms_disagree) {
    log_warning(fmt::format("{}: sform and qform disagree; the sform is used", path.string()));
  }
  std::int64_t bad = voxels_not_finite(file, header);
  ImageVolume volume{header.geometry, read_voxels(path, file, header)};
  for (const float value : volume.voxels)
    bad += std::isfinite(value) ? 0 : 1;  // too large for float32, or badly scaled
  if (bad > 0) {
    throw DataError(fmt::format("{}: {} of {} voxels are NaN or infinite; repair the image", path.string(),
                                bad, volume.voxels.size()));
  }
  return volume;
}

template <class T>
void write_volume(const fs::path& path, const Volume<T>& volume, std::int16_t datatype) {
  for (const std::int64_t length : volume.geometry.size_xyz) {
    if (length < 1 || length > 32767)
      throw DataError(fmt::format("{}: NIfTI-1 can't hold an axis of {} voxels", path.string(), length));
  }
  std::string bytes = make_nifti_header(volume.geometry, datatype, static_cast<std::int16_t>(8 * sizeof(T)));
  bytes.append(reinterpret_cast<const char*>(volume.voxels.data()), volume.voxels.size() * sizeof(T));
  constexpr int kLevel = 4;  // label maps shrink to about 1 % at any level; this one is quick
  write_file_atomically(path, gzip_bytes(bytes, kLevel));
}

}  // namespace

NiftiHeader read_nifti_header(const fs::path& path) { return parse_nifti_header(read_unpacked(path), path); }

ImageVolume read_image(const fs::path& path) { return read_checked(path); }

LabelMap read_label(const fs::path& path) {
  const ImageVolume image = read_checked(path);
  LabelMap labels{image.geometry, std::vector<std::uint8_t>(image.voxels.size())};
  constexpr float kBladder = 14;
  for (std::size_t i = 0; i < image.voxels.size(); ++i) {
    const float value = image.voxels[i];
    if (!(value >= 0 && value <= 15) || value != std::floor(value)) {
      throw DataError(
          fmt::format("{}: voxel {} has the label {}; AMOS22's labels are 0..15", path.string(), i, value));
    }
    labels.voxels[i] = value >= kBladder ? std::uint8_t{0} : static_cast<std::uint8_t>(value);
  }
  return labels;
}

Geometry as_stored(Geometry geometry) {
  for (auto& row : geometry.affine) {
    for (double& value : row) value = static_cast<double>(static_cast<float>(value));
  }
  return geometry;
}

void write_label_map(const fs::path& path, const LabelMap& labels) {
  constexpr std::int16_t kUint8 = 2;
  write_volume(path, labels, kUint8);
}

void write_image(const fs::path& path, const ImageVolume& image) {
  constexpr std::int16_t kFloat32 = 16;
  write_volume(path, image, kFloat32);
}

}  // namespace totum
