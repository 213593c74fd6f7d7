#include "data/case_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "tests/core/temporary_folder.h"
#include "tests/data/volumes.h"

namespace totum {
namespace {

class CaseCache : public testing::Test {
 protected:
  PreprocessedCase made(bool with_label) const {
    const auto [image, label] = body(turned(upright_grid({7, 6, 5}, {2, 2, 4}), 20), 11);
    return preprocess(image, with_label ? std::optional(label) : std::nullopt, Modality::mr, {{4, 2, 2}, 1});
  }
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path() / "case.safetensors";
};

TEST_F(CaseCache, ACaseComesBackAsItWas) {
  const PreprocessedCase written = made(true);
  write_prepared_case(path_, written);
  const PreparedCase read("amos_0507", path_);
  EXPECT_EQ(read.case_id(), "amos_0507");
  EXPECT_EQ(read.modality(), Modality::mr);
  EXPECT_EQ(read.shape(), written.network.shape());
  EXPECT_EQ(std::vector<float>(read.image().begin(), read.image().end()), written.image);
  EXPECT_EQ(std::vector<std::uint8_t>(read.label().begin(), read.label().end()), written.label);
  EXPECT_EQ(read.native().affine, written.native.affine);
  EXPECT_EQ(read.native().size_xyz, written.native.size_xyz);
  EXPECT_EQ(read.network().affine, written.network.affine);
  EXPECT_EQ(read.padding(), written.padding);
}

TEST_F(CaseCache, ACaseWithoutALabelHasNone) {
  write_prepared_case(path_, made(false));
  EXPECT_TRUE(PreparedCase("amos_0507", path_).label().empty());
}

TEST_F(CaseCache, EqualCasesGiveEqualBytes) {
  write_prepared_case(path_, made(true));
  write_prepared_case(folder_.path() / "again.safetensors", made(true));
  EXPECT_EQ(read_file(path_), read_file(folder_.path() / "again.safetensors"));
}

TEST_F(CaseCache, EveryFlippedByteIsNoticed) {
  write_prepared_case(path_, made(true));
  const std::string whole = read_file(path_);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    write_file_atomically(path_, damaged);
    EXPECT_THAT(message_of<DataError>([&] { PreparedCase("amos_0507", path_); }),
                testing::HasSubstr("case.safetensors"))
        << at;
  }
}

TEST_F(CaseCache, ACutFileIsNoticed) {
  write_prepared_case(path_, made(true));
  const std::string whole = read_file(path_);
  for (const std::size_t length : {std::size_t{0}, std::size_t{4}, std::size_t{100}, whole.size() - 1}) {
    write_file_atomically(path_, whole.substr(0, length));
    EXPECT_THROW(PreparedCase("amos_0507", path_), DataError) << length;
  }
}

}  // namespace
}  // namespace totum
