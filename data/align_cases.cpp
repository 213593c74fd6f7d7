#include "data/align_cases.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>

#include "core/error.h"
#include "core/files.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/sha256.h"

namespace totum {

namespace {

namespace fs = std::filesystem;

constexpr const char* kVersion = "totum-alignment-1";

std::span<const std::byte> bytes_of(const Warp& warp) { return std::as_bytes(std::span(warp.displacement)); }

void write_alignment(const fs::path& path, const CaseAlignment& alignment) {
  const auto view = [](const Warp& warp) {
    return SafetensorsView{"F32", {3, warp.points[0], warp.points[1], warp.points[2]}, bytes_of(warp)};
  };
  write_safetensors(
      path, {{"to_image", view(alignment.to_image)}, {"to_atlas", view(alignment.to_atlas)}},
      {{"sha256", sha256(sha256(bytes_of(alignment.to_image)) + sha256(bytes_of(alignment.to_atlas)))}});
}

Warp read_warp(const SafetensorsView& view) {
  if (view.dtype != "F32" || view.shape.size() != 4 || view.shape[0] != 3) return {};
  Warp warp{{view.shape[1], view.shape[2], view.shape[3]},
            std::vector<float>(view.bytes.size() / sizeof(float))};
  std::memcpy(warp.displacement.data(), view.bytes.data(), view.bytes.size());
  return warp;
}

CaseAlignment read_alignment(const fs::path& path) {
  const SafetensorsFile file(path);
  CaseAlignment alignment{read_warp(file.at("to_image")), read_warp(file.at("to_atlas"))};
  const auto stored = file.metadata().find("sha256");
  if (stored == file.metadata().end() ||
      stored->second != sha256(sha256(bytes_of(alignment.to_image)) + sha256(bytes_of(alignment.to_atlas)))) {
    throw DataError(path.string() + ": the alignment file is damaged");
  }
  return alignment;
}

ImageVolume coarse_image(const PreparedCase& c, const Shape3& extent) {
  return registration_image(c.image(), c.shape(), c.modality(), extent);
}

// A case's image as it enters the key of its alignment.
std::string image_hash(const PreparedCase& c) {
  const Shape3 shape = c.shape();
  return fmt::format("{} {}x{}x{} {}", sha256(std::as_bytes(c.image())), shape[0], shape[1], shape[2],
                     to_string(c.modality()));
}

}  // namespace

const PreparedCase& template_case(const std::vector<const PreparedCase*>& cases, const Shape3& extent) {
  const auto distance = [&](const PreparedCase& c) {
    double sum = 0;
    for (std::size_t axis = 0; axis < 3; ++axis)
      sum += std::abs(std::log(static_cast<double>(c.shape()[axis]) / static_cast<double>(extent[axis])));
    return sum;
  };
  const auto nearest = std::min_element(cases.begin(), cases.end(), [&](const auto* a, const auto* b) {
    return std::pair{distance(*a), a->case_id()} < std::pair{distance(*b), b->case_id()};
  });
  if (nearest == cases.end()) throw DataError("an atlas needs at least one training case");
  return **nearest;
}

std::map<std::string, CaseAlignment> align_cases(const std::vector<const PreparedCase*>& cases,
                                                 const Shape3& extent, Registration kind,
                                                 const fs::path& cache, int threads, Progress& progress) {
  const PreparedCase& fixed = template_case(cases, extent);
  const ImageVolume fixed_image = coarse_image(fixed, extent);
  const std::string common = fmt::format("{} {} {}x{}x{} {}", kVersion, static_cast<int>(kind), extent[0],
                                         extent[1], extent[2], image_hash(fixed));
  const Warp identity{{2, 2, 2}, std::vector<float>(24, 0.0F)};
  std::map<std::string, CaseAlignment> aligned;
  std::vector<std::string> faults;
  std::mutex mutex;
  std::int64_t done = 0;
  progress.start(fmt::format("registering {} cases with {}", cases.size(), fixed.case_id()),
                 static_cast<std::int64_t>(cases.size()));
  const auto open_or_make = [&](const PreparedCase& c) -> CaseAlignment {
    if (c.case_id() == fixed.case_id()) return {identity, identity};
    const fs::path path = cache / "alignment" / (sha256(common + " " + image_hash(c)) + ".safetensors");
    if (fs::exists(path)) {
      try {
        return read_alignment(path);
      } catch (const DataError& error) {
        log_warning(fmt::format("{}; making it again", error.what()));
      }
    }
    const ImageVolume image = coarse_image(c, extent);
    CaseAlignment made{register_images(fixed_image, image, kind), register_images(image, fixed_image, kind)};
    write_alignment(path, made);
    return made;
  };
  parallel_for(static_cast<std::int64_t>(cases.size()), threads, [&](std::int64_t i) {
    stop_if_interrupted("run the same command again to continue");
    const PreparedCase& c = *cases[static_cast<std::size_t>(i)];
    try {
      CaseAlignment alignment = open_or_make(c);
      const std::lock_guard lock(mutex);
      aligned.emplace(c.case_id(), std::move(alignment));
      progress.update(++done, c.case_id());
    } catch (const DataError& error) {
      const std::lock_guard lock(mutex);
      faults.push_back(fmt::format("{}: {}", c.case_id(), error.what()));
    }
  });
  if (!faults.empty()) {
    std::sort(faults.begin(), faults.end());
    throw DataError(
        fmt::format("{} case(s) can't be aligned:\n  {}", faults.size(), fmt::join(faults, "\n  ")));
  }
  progress.finish();
  return aligned;
}

}  // namespace totum
