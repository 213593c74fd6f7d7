#pragma once
// gzip in memory: libdeflate unpacks whole files, zlib packs and looks at a file's start. Internal to data/.

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace totum {

/// Do the bytes begin as a gzip file does?
bool is_gzip(std::string_view bytes);

/// The first `count` unpacked bytes, or fewer if there are no more. Throws DataError that names `path`.
std::string unpack_start(std::string_view packed, std::size_t count, const std::filesystem::path& path);

/// All unpacked bytes of all members, checksums verified. What follows the last member is ignored, as `gzip
/// -d` does. `expected` is how many bytes are thought to come out; memory is taken for no more than
/// kUnpackedSlack above that, and a file that holds more is refused. Throws DataError that names `path`.
std::string unpack(std::string_view packed, std::size_t expected, const std::filesystem::path& path);

inline constexpr std::size_t kUnpackedSlack = std::size_t{16} << 20U;

/// gzip with no name and no time in the header, so that equal bytes give equal files.
std::string gzip_bytes(const std::string& bytes, int level);

}  // namespace totum
