#pragma once
// SHA-256 as lower-case hexadecimal (OpenSSL).

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace totum {

std::string sha256(std::string_view bytes);
std::string sha256(std::span<const std::byte> bytes);
std::string sha256_of_file(const std::filesystem::path& path);  // throws DataError

}  // namespace totum
