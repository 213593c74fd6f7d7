#include "core/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tests/core/temporary_folder.h"

namespace totum {
namespace {

std::span<const std::byte> bytes_of(const std::vector<float>& values) {
  return std::as_bytes(std::span(values));
}

// Bytes written by the Python package safetensors for {"a": float32 [2] = (1, 2)} with metadata {"k": "v"}
// follow the same layout: header length, header, data. Here the layout is checked by hand.
TEST(Safetensors, WritesTheDocumentedLayout) {
  const TemporaryFolder folder;
  const std::vector<float> values{1.0F, 2.0F};
  write_safetensors(folder.path() / "x.safetensors", {{"a", {"F32", {2}, bytes_of(values)}}}, {{"k", "v"}});
  const std::string file = read_file(folder.path() / "x.safetensors");
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), 8);
  EXPECT_EQ(length % 8, 0U);
  const auto header = nlohmann::json::parse(file.substr(8, length));
  EXPECT_EQ(header["a"]["data_offsets"], nlohmann::json::parse("[0,8]"));
  EXPECT_EQ(header["__metadata__"]["k"], "v");
  float second = 0;
  std::memcpy(&second, file.data() + 8 + length + 4, 4);
  EXPECT_EQ(second, 2.0F);
}

TEST(Safetensors, ReadsBackWhatWasWritten) {
  const TemporaryFolder folder;
  const std::vector<float> values{1.0F, 2.0F, 3.0F};
  write_safetensors(folder.path() / "x.safetensors",
                    {{"a", {"F32", {3, 1}, bytes_of(values)}}, {"empty", {"F32", {0}, {}}}}, {});
  const SafetensorsFile file(folder.path() / "x.safetensors");
  EXPECT_EQ(file.at("a").shape, (std::vector<std::int64_t>{3, 1}));
  EXPECT_EQ(std::memcmp(file.at("a").bytes.data(), values.data(), 12), 0);
  EXPECT_TRUE(file.at("empty").bytes.empty());
  EXPECT_THROW((void)file.at("b"), DataError);
}

TEST(Safetensors, RefusesDamagedFiles) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.safetensors";
  const std::vector<float> values{1.0F, 2.0F, 3.0F, 4.0F};
  write_safetensors(path, {{"a", {"F32", {4}, bytes_of(values)}}}, {});
  const std::string good = read_file(path);
  for (std::size_t size : {std::size_t{0}, std::size_t{7}, std::size_t{20}, good.size() - 1}) {
    write_file_atomically(path, good.substr(0, size));
    EXPECT_THROW(SafetensorsFile{path}, DataError) << size;
  }
  std::string longer_header = good;
  longer_header[6] = '\x7f';
  write_file_atomically(path, longer_header);
  EXPECT_THROW(SafetensorsFile{path}, DataError);
}

TEST(Safetensors, RefusesOverlappingTensors) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.safetensors";
  std::string header =
      R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})";
  std::string file(8, '\0');
  const std::uint64_t length = header.size();
  std::memcpy(file.data(), &length, 8);
  write_file_atomically(path, file + header + "123456");
  EXPECT_THROW(SafetensorsFile{path}, DataError);
}

}  // namespace
}  // namespace totum
