#pragma once
// The safetensors format without LibTorch: named arrays and a string map in one file that can't run code.
// Layout: 8-byte little-endian header length, JSON header, raw row-major data.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/files.h"

namespace totum {

/// One array to be written or that was read. `dtype` is the format's token: "F64", "F32", "I64", "I32",
/// "I16", "U8", "BOOL".
struct SafetensorsView {
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

/// Bytes of one array element of `dtype`; 0 for a dtype that is not supported.
std::size_t safetensors_element_bytes(const std::string& dtype);

/// Writes atomically; the bytes of the file depend only on the arguments. Throws RunError.
void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, SafetensorsView>& tensors,
                       const std::map<std::string, std::string>& metadata);

/// A safetensors file, memory-mapped; views stay valid while this lives. The header is checked (offsets,
/// sizes, overlaps); throws DataError if it is damaged.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);
  [[nodiscard]] const std::map<std::string, SafetensorsView>& tensors() const { return tensors_; }
  [[nodiscard]] const SafetensorsView& at(
      const std::string& name) const;  // throws DataError, naming the file
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  MappedFile file_;
  std::filesystem::path path_;
  std::map<std::string, SafetensorsView> tensors_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace totum
