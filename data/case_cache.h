#pragma once
// Preprocessed cases on disk: one memory-mapped, checksummed file for each case.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "core/safetensors.h"
#include "data/preprocess.h"

namespace totum {

/// A preprocessed case, read from its cache file. Copies share the mapping.
class PreparedCase {
 public:
  /// Opens and verifies a cache file. Throws DataError if it is damaged or not of this program's format.
  PreparedCase(std::string case_id, const std::filesystem::path& path);

  [[nodiscard]] const std::string& case_id() const { return case_id_; }
  [[nodiscard]] Modality modality() const { return modality_; }
  [[nodiscard]] Shape3 shape() const { return network_.shape(); }               // D,H,W
  [[nodiscard]] std::span<const float> image() const { return image_; }         // [D,H,W]
  [[nodiscard]] std::span<const std::uint8_t> label() const { return label_; }  // [D,H,W] or empty
  [[nodiscard]] const Geometry& native() const { return native_; }
  [[nodiscard]] const Geometry& network() const { return network_; }
  [[nodiscard]] float padding() const { return padding_; }

 private:
  std::string case_id_;
  std::shared_ptr<const SafetensorsFile> file_;
  Modality modality_ = Modality::ct;
  Geometry native_;
  Geometry network_;
  float padding_ = 0;
  std::span<const float> image_;
  std::span<const std::uint8_t> label_;
};

/// Writes a cache file by atomic rename.
void write_prepared_case(const std::filesystem::path& path, const PreprocessedCase& prepared);

nlohmann::json to_json(const Geometry& geometry);
Geometry geometry_from_json(const nlohmann::json& json);

}  // namespace totum
