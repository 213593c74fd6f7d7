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

Box largest_component_box(const ImageVolume& image, double threshold, std::int64_t margin_voxels) {
  const Shape3& size = image.geometry.size_xyz;
  std::vector<std::uint8_t> above(image.voxels.size());
  for (std::size_t i = 0; i < above.size(); ++i)
    above[i] = static_cast<double>(image.voxels[i]) > threshold ? 1 : 0;
  auto components = itk::ConnectedComponentImageFilter<ItkMask, ItkComponents>::New();
  components->SetInput(to_itk<ItkMask>(above, size));
  components->SetFullyConnected(false);  // faces only: 6 neighbours
  components->SetNumberOfWorkUnits(1);
  components->Update();
  const std::uint32_t* component = components->GetOutput()->GetBufferPointer();
  std::vector<std::int64_t> voxels(components->GetObjectCount() + 1, 0);
  for (std::size_t i = 0; i < above.size(); ++i) ++voxels[component[i]];
  if (voxels.size() < 2) return {{0, 0, 0}, size};
  const auto largest =
      static_cast<std::uint32_t>(std::max_element(voxels.begin() + 1, voxels.end()) - voxels.begin());

  Shape3 low{size};
  Shape3 high{-1, -1, -1};
  std::size_t i = 0;
  for (std::int64_t z = 0; z < size[2]; ++z) {
    for (std::int64_t y = 0; y < size[1]; ++y) {
      for (std::int64_t x = 0; x < size[0]; ++x, ++i) {
        if (component[i] != largest) continue;
        const Shape3 place{x, y, z};
        for (std::size_t axis = 0; axis < 3; ++axis) {
          low[axis] = std::min(low[axis], place[axis]);
          high[axis] = std::max(high[axis], place[axis]);
        }
      }
    }
  }
  Box box;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    box.start_xyz[axis] = std::max<std::int64_t>(0, low[axis] - margin_voxels);
    box.size_xyz[axis] = std::min(size[axis], high[axis] + 1 + margin_voxels) - box.start_xyz[axis];
  }
  return box;
}

}  // namespace totum
