#include "data/torso.h"

#include <itkConnectedComponentImageFilter.h>
#include <itkImage.h>
#include <itkOtsuThresholdImageFilter.h>

#include <algorithm>
#include <vector>

namespace totum {

namespace {

using ItkImage = itk::Image<float, 3>;
using ItkMask = itk::Image<std::uint8_t, 3>;
using ItkComponents = itk::Image<std::uint32_t, 3>;

template <class Image, class T>
typename Image::Pointer to_itk(const std::vector<T>& voxels, const Shape3& size_xyz) {
  auto image = Image::New();
  typename Image::SizeType size;
  for (unsigned axis = 0; axis < 3; ++axis) size[axis] = static_cast<itk::SizeValueType>(size_xyz[axis]);
  image->SetRegions(typename Image::RegionType(size));
  auto container = Image::PixelContainer::New();
  container->SetImportPointer(const_cast<T*>(voxels.data()), voxels.size(), false);
  image->SetPixelContainer(container);
  return image;
}

}  // namespace

double otsu_threshold(const ImageVolume& image) {
  auto filter = itk::OtsuThresholdImageFilter<ItkImage, ItkMask>::New();
  filter->SetInput(to_itk<ItkImage>(image.voxels, image.geometry.size_xyz));
  filter->SetNumberOfHistogramBins(256);
  filter->SetNumberOfWorkUnits(1);
  filter->Update();
  return static_cast<double>(filter->GetThreshold());
}

std::optional<Component> largest_component(const std::vector<std::uint8_t>& mask, const Shape3& size_xyz) {
  auto components = itk::ConnectedComponentImageFilter<ItkMask, ItkComponents>::New();
  components->SetInput(to_itk<ItkMask>(mask, size_xyz));
  components->SetFullyConnected(false);  // faces only: 6 neighbours
  components->SetNumberOfWorkUnits(1);
  components->Update();
  const std::uint32_t* component = components->GetOutput()->GetBufferPointer();
  std::vector<std::int64_t> voxels(components->GetObjectCount() + 1, 0);
  for (std::size_t i = 0; i < mask.size(); ++i) ++voxels[component[i]];
  if (voxels.size() < 2) return std::nullopt;
  const auto largest = std::max_element(voxels.begin() + 1, voxels.end());
  const auto number = static_cast<std::uint32_t>(largest - voxels.begin());

  Shape3 low{size_xyz};
  Shape3 high{-1, -1, -1};
  std::size_t i = 0;
  for (std::int64_t z = 0; z < size_xyz[2]; ++z) {
    for (std::int64_t y = 0; y < size_xyz[1]; ++y) {
      for (std::int64_t x = 0; x < size_xyz[0]; ++x, ++i) {
        if (component[i] != number) continue;
        const Shape3 place{x, y, z};
        for (std::size_t axis = 0; axis < 3; ++axis) {
          low[axis] = std::min(low[axis], place[axis]);
          high[axis] = std::max(high[axis], place[axis]);
        }
      }
    }
  }
  Component found{{low, {}}, *largest};
  for (std::size_t axis = 0; axis < 3; ++axis) found.box.size_xyz[axis] = high[axis] + 1 - low[axis];
  return found;
}

Box widened(const Box& box, std::int64_t margin_voxels, const Shape3& size_xyz) {
  Box wide;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    wide.start_xyz[axis] = std::max<std::int64_t>(0, box.start_xyz[axis] - margin_voxels);
    const std::int64_t end = box.start_xyz[axis] + box.size_xyz[axis] + margin_voxels;
    wide.size_xyz[axis] = std::min(size_xyz[axis], end) - wide.start_xyz[axis];
  }
  return wide;
}

Box largest_component_box(const ImageVolume& image, double threshold, std::int64_t margin_voxels) {
  const Shape3& size = image.geometry.size_xyz;
  std::vector<std::uint8_t> above(image.voxels.size());
  for (std::size_t i = 0; i < above.size(); ++i)
    above[i] = static_cast<double>(image.voxels[i]) > threshold ? 1 : 0;
  const auto largest = largest_component(above, size);
  if (!largest) return {{0, 0, 0}, size};
  return widened(largest->box, margin_voxels, size);
}

}  // namespace totum
