#pragma once
// What the fuzz targets share. Each target defines both functions; libFuzzer or mutate_main.cpp drives it.
//
// A target may only end in a value or in a totum::Error. Any other exception, a signal or a sanitizer's
// report is a finding.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace totum {

/// Valid inputs to start from.
std::vector<std::string> seed_inputs();

/// A file in memory with these bytes, for readers that take a path.
class MemoryFile {
 public:
  MemoryFile(const std::uint8_t* data, std::size_t size);
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  [[nodiscard]] std::filesystem::path path() const;

 private:
  int descriptor_;
};

/// The whole files of a folder of the source tree whose names end so, smallest first.
std::vector<std::string> files_in(const std::filesystem::path& folder, const std::string& extension);

}  // namespace totum
