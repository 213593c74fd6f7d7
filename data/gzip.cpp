#include "data/gzip.h"

#include <fmt/format.h>
#include <libdeflate.h>
#include <zlib.h>

#include <algorithm>
#include <memory>

#include "core/error.h"

namespace totum {

namespace {

namespace fs = std::filesystem;

constexpr int kGzipWindow = 15 + 16;  // zlib: the largest window, with a gzip header

[[noreturn]] void refuse(const fs::path& path, const std::string& why) {
  throw DataError(fmt::format("{}: {}; replace the file with a whole one", path.string(), why));
}

[[noreturn]] void refuse_damaged(const fs::path& path) {
  refuse(path, "its compressed data is damaged or cut");
}

Bytef* input_of(std::string_view bytes) {  // zlib's fields lack a const
  return reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
}

// The unpacked length that the last member's last four bytes give (RFC 1952); 0 where there is no such place.
std::size_t stated_length(std::string_view packed) {
  if (packed.size() < 18) return 0;
  std::size_t length = 0;
  for (std::size_t i = 0; i < 4; ++i)
    length |= static_cast<std::size_t>(static_cast<unsigned char>(packed[packed.size() - 4 + i])) << (8 * i);
  return length;
}

// Unpacks every member into `unpacked` and cuts it to what came; false if it does not fit.
bool unpack_into(std::string& unpacked, std::string_view packed, const fs::path& path) {
  const std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)> decompressor(
      libdeflate_alloc_decompressor(), libdeflate_free_decompressor);
  if (!decompressor) throw std::bad_alloc();
  std::size_t filled = 0;
  do {
    std::size_t used = 0;
    std::size_t written = 0;
    const auto result =
        libdeflate_gzip_decompress_ex(decompressor.get(), packed.data(), packed.size(),
                                      unpacked.data() + filled, unpacked.size() - filled, &used, &written);
    if (result == LIBDEFLATE_INSUFFICIENT_SPACE) return false;
    if (result != LIBDEFLATE_SUCCESS) refuse_damaged(path);
    packed.remove_prefix(used);
    filled += written;
  } while (is_gzip(packed));
  unpacked.resize(filled);
  return true;
}

}  // namespace

bool is_gzip(std::string_view bytes) { return bytes.size() > 1 && bytes[0] == '\x1f' && bytes[1] == '\x8b'; }

std::string unpack_start(std::string_view packed, std::size_t count, const fs::path& path) {
  std::string start(count, '\0');
  std::size_t filled = 0;
  while (filled < count && is_gzip(packed)) {  // a member may hold less
    z_stream stream{};
    if (inflateInit2(&stream, kGzipWindow) != Z_OK) throw std::bad_alloc();
    stream.next_in = input_of(packed);
    stream.avail_in = static_cast<uInt>(std::min<std::size_t>(packed.size(), 1U << 20U));
    stream.next_out = reinterpret_cast<Bytef*>(start.data() + filled);
    stream.avail_out = static_cast<uInt>(count - filled);
    const int code = inflate(&stream, Z_SYNC_FLUSH);
    filled += stream.total_out;
    packed.remove_prefix(stream.total_in);
    inflateEnd(&stream);
    if (code != Z_STREAM_END && filled < count) refuse_damaged(path);
  }
  start.resize(filled);
  return start;
}

std::string unpack(std::string_view packed, std::size_t expected, const fs::path& path) {
  // Deflate packs no better than 1:1032 (zlib's technical notes), so a short file cannot hold that much:
  // asked before memory is taken.
  constexpr std::size_t kBestRatio = 1032;
  if (packed.size() < expected / kBestRatio)
    refuse(path, fmt::format("its {} bytes cannot hold the {} that its header announces; it is cut",
                             packed.size(), expected));
  const std::size_t most = expected + kUnpackedSlack;
  const std::size_t stated = stated_length(packed);
  std::string unpacked(stated > expected && stated <= most ? stated : expected, '\0');
  if (unpack_into(unpacked, packed, path)) return unpacked;
  unpacked.resize(most);
  if (!unpack_into(unpacked, packed, path))
    refuse(path,
           fmt::format("it unpacks to more than {} bytes, and its header announces {}", most, expected));
  return unpacked;
}

std::string gzip_bytes(const std::string& bytes, int level) {
  z_stream stream{};
  if (deflateInit2(&stream, level, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw RunError("zlib can't compress");
  std::string packed(deflateBound(&stream, bytes.size()) + 32, '\0');
  stream.next_in = input_of(bytes);
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int code = deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  if (code != Z_STREAM_END) throw RunError("zlib failed to compress");
  return packed;
}

}  // namespace totum
