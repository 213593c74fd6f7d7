#include "baselines/dar_gallery.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>

#include "core/files.h"
#include "data/nifti.h"

namespace totum {

namespace {

constexpr std::int64_t kGap = 4;
constexpr std::int64_t kPixelsPerVoxel = 2;
constexpr std::uint8_t kBetween = 64;

// [H,W] uint8, enlarged; rows from the front, columns from the patient's right.
at::Tensor picture_of(const at::Tensor& volume) {
  const at::Tensor slice = volume[volume.size(0) / 2].flip({0, 1});
  const at::Tensor grey = ((slice.clamp(-1, 1) + 1) * 127.5).round().to(at::kByte);
  return grey.repeat_interleave(kPixelsPerVoxel, 0).repeat_interleave(kPixelsPerVoxel, 1).contiguous();
}

void write_volume(const std::filesystem::path& path, const Geometry& geometry, const at::Tensor& volume) {
  const at::Tensor host = volume.to(at::kFloat).contiguous();
  const auto* values = host.const_data_ptr<float>();
  write_image(path, {geometry, {values, values + host.numel()}});
}

}  // namespace

GreyPicture slice_sheet(const std::vector<std::vector<at::Tensor>>& rows) {
  std::vector<std::vector<at::Tensor>> pictures(rows.size());
  GreyPicture sheet{kGap, 0, {}};
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::int64_t width = kGap;
    std::int64_t height = 0;
    for (const at::Tensor& volume : rows[r]) {
      pictures[r].push_back(picture_of(volume));
      width += pictures[r].back().size(1) + kGap;
      height = std::max(height, pictures[r].back().size(0));
    }
    sheet.width = std::max(sheet.width, width);
    sheet.height += height + kGap;
  }
  at::Tensor canvas = at::full({sheet.height, sheet.width}, kBetween, at::kByte);
  std::int64_t top = kGap;
  for (const auto& row : pictures) {
    std::int64_t left = kGap;
    std::int64_t height = 0;
    for (const at::Tensor& picture : row) {
      canvas.narrow(0, top, picture.size(0)).narrow(1, left, picture.size(1)).copy_(picture);
      left += picture.size(1) + kGap;
      height = std::max(height, picture.size(0));
    }
    top += height + kGap;
  }
  const auto* pixels = canvas.const_data_ptr<std::uint8_t>();
  sheet.pixels.assign(pixels, pixels + canvas.numel());
  return sheet;
}

void write_gallery(VolumeTranslation& translation, Modality target, std::int64_t cases,
                   const TrainingData& data) {
  const Modality source = other(target);
  const auto folder = data.gallery_folder();
  std::vector<std::vector<at::Tensor>> rows;
  for (const std::string& id : translation.slices().case_ids(source)) {
    if (std::ssize(rows) == cases) break;
    const Geometry& geometry = data.geometry(id);
    rows.push_back({translation.slices().scaled(id, source, 0, geometry.shape()[0])});
    write_volume(folder / (id + ".nii.gz"), geometry, rows.back()[0]);
    for (std::int64_t style = 0; style < translation.styles(target); ++style) {
      rows.back().push_back(translation.volume(id, target, style).translator_output());
      write_volume(folder / fmt::format("{}_to_{}_style_{}.nii.gz", id, to_string(target), style + 1),
                   geometry, rows.back().back());
    }
  }
  write_file_atomically(folder / fmt::format("to_{}.png", to_string(target)), encode_png(slice_sheet(rows)));
}

}  // namespace totum
