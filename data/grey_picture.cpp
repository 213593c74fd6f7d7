#include "data/grey_picture.h"

#include <fmt/format.h>
#include <itkImage.h>
#include <itkImageFileWriter.h>
#include <itkPNGImageIO.h>

#include <algorithm>

#include "core/error.h"
#include "core/files.h"

namespace totum {

void write_png(const std::filesystem::path& path, const GreyPicture& picture) {
  using Image = itk::Image<std::uint8_t, 2>;
  auto image = Image::New();
  image->SetRegions(Image::RegionType(Image::SizeType{static_cast<itk::SizeValueType>(picture.width),
                                                      static_cast<itk::SizeValueType>(picture.height)}));
  image->Allocate();
  std::copy(picture.pixels.begin(), picture.pixels.end(), image->GetBufferPointer());
  write_path_atomically(path, [&](const std::filesystem::path& temporary) {
    auto writer = itk::ImageFileWriter<Image>::New();
    writer->SetImageIO(itk::PNGImageIO::New());
    writer->SetFileName(temporary.string());
    writer->SetInput(image);
    try {
      writer->Update();
    } catch (const itk::ExceptionObject& error) {
      throw RunError(fmt::format("{}: can't be written: {}", path.string(), error.GetDescription()));
    }
  });
}

}  // namespace totum
