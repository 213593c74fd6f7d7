#include "core/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.h"

namespace totum {

namespace {

constexpr std::array<std::pair<const char*, std::size_t>, 8> kDtypes{
    {{"F64", 8}, {"F32", 4}, {"I64", 8}, {"I32", 4}, {"I16", 2}, {"U8", 1}, {"I8", 1}, {"BOOL", 1}}};

[[noreturn]] void damaged(const std::filesystem::path& path, const std::string& why) {
  throw DataError(fmt::format("{}: not a valid safetensors file: {}", path.string(), why));
}

std::size_t bytes_of(const std::string& dtype, const std::vector<std::int64_t>& shape) {
  std::size_t bytes = safetensors_element_bytes(dtype);
  for (const std::int64_t axis : shape) {
    std::size_t product = 0;
    if (axis < 0 || __builtin_mul_overflow(bytes, static_cast<std::size_t>(axis), &product)) return SIZE_MAX;
    bytes = product;
  }
  return bytes;
}

nlohmann::json parse_header(std::span<const std::byte> file, std::size_t& data_start,
                            const std::filesystem::path& path) {
  if (file.size() < 8) damaged(path, "shorter than 8 bytes");
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), 8);
  if (length > file.size() - 8) damaged(path, "the header is longer than the file");
  data_start = 8 + static_cast<std::size_t>(length);
  const char* text = reinterpret_cast<const char*>(file.data()) + 8;
  try {
    nlohmann::json header = nlohmann::json::parse(text, text + length);
    if (!header.is_object()) damaged(path, "the header is no JSON object");
    return header;
  } catch (const nlohmann::json::exception& error) {
    damaged(path, error.what());
  }
}

SafetensorsView parse_entry(const std::string& name, const nlohmann::json& entry,
                            std::span<const std::byte> data, const std::filesystem::path& path) {
  try {
    SafetensorsView view{entry.at("dtype"), entry.at("shape"), {}};
    const auto begin = entry.at("data_offsets").at(0).get<std::size_t>();
    const auto end = entry.at("data_offsets").at(1).get<std::size_t>();
    if (safetensors_element_bytes(view.dtype) == 0)
      damaged(path, fmt::format("{} has dtype {}", name, view.dtype));
    if (begin > end || end > data.size() || end - begin != bytes_of(view.dtype, view.shape)) {
      damaged(path, fmt::format("{} lies outside the file or has another size than its shape", name));
    }
    view.bytes = data.subspan(begin, end - begin);
    return view;
  } catch (const nlohmann::json::exception& error) {
    damaged(path, fmt::format("{}: {}", name, error.what()));
  }
}

}  // namespace

std::size_t safetensors_element_bytes(const std::string& dtype) {
  for (const auto& [name, bytes] : kDtypes) {
    if (dtype == name) return bytes;
  }
  return 0;
}

void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, SafetensorsView>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::size_t offset = 0;
  for (const auto& [name, view] : tensors) {
    if (view.bytes.size() != bytes_of(view.dtype, view.shape)) {
      throw RunError(fmt::format("{}: tensor {} has {} bytes, which is not what its shape needs",
                                 path.string(), name, view.bytes.size()));
    }
    header[name] = {
        {"dtype", view.dtype}, {"shape", view.shape}, {"data_offsets", {offset, offset + view.bytes.size()}}};
    offset += view.bytes.size();
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // the format aligns the data to 8 bytes
  std::string file(8, '\0');
  const std::uint64_t length = text.size();
  std::memcpy(file.data(), &length, 8);
  file += text;
  file.reserve(file.size() + offset);
  for (const auto& [name, view] : tensors)
    file.append(reinterpret_cast<const char*>(view.bytes.data()), view.bytes.size());
  write_file_atomically(path, file);
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : file_(path), path_(path) {
  std::size_t data_start = 0;
  const nlohmann::json header = parse_header(file_.bytes(), data_start, path);
  const auto data = file_.bytes().subspan(data_start);
  std::vector<std::pair<const std::byte*, std::size_t>> ranges;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      try {
        metadata_ = entry.get<std::map<std::string, std::string>>();
      } catch (const nlohmann::json::exception& error) {
        damaged(path, error.what());
      }
      continue;
    }
    const auto [added, is_new] = tensors_.emplace(name, parse_entry(name, entry, data, path));
    ranges.emplace_back(added->second.bytes.data(), added->second.bytes.size());
  }
  std::sort(ranges.begin(), ranges.end());
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i - 1].first + ranges[i - 1].second > ranges[i].first) damaged(path, "two tensors overlap");
  }
}

const SafetensorsView& SafetensorsFile::at(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end())
    throw DataError(fmt::format("{}: holds no tensor \"{}\"", path_.string(), name));
  return found->second;
}

}  // namespace totum
