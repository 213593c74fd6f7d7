#include "data/case_cache.h"

#include <fmt/format.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/sha256.h"

namespace totum {

namespace {

constexpr const char* kFormat = "totum-case-1";

std::string checksum(std::span<const std::byte> image, std::span<const std::byte> label,
                     const std::string& header) {
  return sha256(sha256(image) + sha256(label) + sha256(std::string_view(header)));
}

}  // namespace

nlohmann::json to_json(const Geometry& geometry) {
  return {{"size_xyz", geometry.size_xyz}, {"affine", geometry.affine}};
}

Geometry geometry_from_json(const nlohmann::json& json) {
  return {json.at("size_xyz").get<Shape3>(), json.at("affine").get<std::array<std::array<double, 4>, 4>>()};
}

void write_prepared_case(const std::filesystem::path& path, const PreprocessedCase& prepared) {
  const Shape3 shape = prepared.network.shape();
  const std::vector<std::int64_t> axes(shape.begin(), shape.end());
  const auto image = std::as_bytes(std::span(prepared.image));
  const auto label = std::as_bytes(std::span(prepared.label));
  const std::string header = nlohmann::json{
      {"modality", to_string(prepared.modality)},
      {"native", to_json(prepared.native)},
      {"network", to_json(prepared.network)},
      {"padding",
       prepared.padding}}.dump();
  std::map<std::string, SafetensorsView> tensors{{"image", {"F32", axes, image}}};
  if (!prepared.label.empty()) tensors["label"] = {"U8", axes, label};
  write_safetensors(path, tensors,
                    {{"format", kFormat}, {"case", header}, {"sha256", checksum(image, label, header)}});
}

PreparedCase::PreparedCase(std::string case_id, const std::filesystem::path& path)
    : case_id_(std::move(case_id)), file_(std::make_shared<const SafetensorsFile>(path)) {
  const auto damaged = [&](const std::string& why) {
    return DataError(fmt::format("{}: the cache file is damaged ({})", path.string(), why));
  };
  const auto& metadata = file_->metadata();
  if (!metadata.contains("format") || metadata.at("format") != kFormat)
    throw damaged("its format is not " + std::string(kFormat));
  const SafetensorsView& image = file_->at("image");
  const auto label = file_->tensors().find("label");
  const auto label_bytes =
      label == file_->tensors().end() ? std::span<const std::byte>{} : label->second.bytes;
  if (!metadata.contains("case") || !metadata.contains("sha256") ||
      metadata.at("sha256") != checksum(image.bytes, label_bytes, metadata.at("case"))) {
    throw damaged("its checksum is not that of its contents");
  }
  const nlohmann::json header = nlohmann::json::parse(metadata.at("case"));
  modality_ = parse_modality(header.at("modality").get<std::string>()).value();
  native_ = geometry_from_json(header.at("native"));
  network_ = geometry_from_json(header.at("network"));
  padding_ = header.at("padding").get<float>();
  const Shape3 axes = shape();
  const std::vector<std::int64_t> expected(axes.begin(), axes.end());
  if (image.dtype != "F32" || image.shape != expected)
    throw damaged("its image has another type or shape than its grid");
  if (!label_bytes.empty() && (label->second.dtype != "U8" || label->second.shape != expected)) {
    throw damaged("its label has another type or shape than its grid");
  }
  image_ = {reinterpret_cast<const float*>(image.bytes.data()), image.bytes.size() / sizeof(float)};
  label_ = {reinterpret_cast<const std::uint8_t*>(label_bytes.data()), label_bytes.size()};
}

}  // namespace totum
