#include "experiments/declarations.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "core/files.h"
#include "tests/core/temporary_folder.h"

namespace totum {
namespace {

std::vector<nlohmann::json> lines_of(const std::filesystem::path& runs) {
  std::vector<nlohmann::json> lines;
  std::istringstream text(read_file(runs / "declarations.jsonl"));
  for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

TEST(Declarations, TheFirstAndEveryLaterOneStayInOrder) {
  const TemporaryFolder folder;
  keep_declarations(folder.path(), {{"table1", "aa"}, {"table2", "bb"}}, {0, 4});
  const std::string first = read_file(folder.path() / "declarations.jsonl");
  keep_declarations(folder.path(), {{"table1", "aa"}}, {2, 4});  // the same again: no line
  EXPECT_EQ(read_file(folder.path() / "declarations.jsonl"), first);
  keep_declarations(folder.path(), {{"table1", "cc"}}, {2, 4});
  keep_declarations(folder.path(), {{"table1", "aa"}},
                    {4, 4});  // back to the first one: that is a change too
  EXPECT_TRUE(read_file(folder.path() / "declarations.jsonl").starts_with(first));
  const auto lines = lines_of(folder.path());
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0]["sha256"], "aa");
  EXPECT_EQ(lines[2]["sha256"], "cc");
  EXPECT_EQ(lines[2]["done"], 2);
  EXPECT_EQ(lines[2]["runs"], 4);
  EXPECT_EQ(lines[3]["sha256"], "aa");
}

TEST(Declarations, ALineThatWasCutKeepsTheOthers) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "declarations.jsonl", "{\"table\": \"table1\", \"sha\n");
  keep_declarations(folder.path(), {{"table1", "aa"}}, {0, 1});
  const std::string text = read_file(folder.path() / "declarations.jsonl");
  EXPECT_TRUE(text.starts_with("{\"table\": \"table1\", \"sha\n{"));
}

}  // namespace
}  // namespace totum
