#include "experiments/new_baseline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <map>

#include "core/error.h"
#include "core/files.h"
#include "tests/core/temporary_folder.h"

namespace totum {
namespace {

using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

constexpr const char* kEdited[] = {"baselines/CMakeLists.txt", "tests/baselines/CMakeLists.txt",
                                   "experiments/registry.cpp"};

// A copy of the files that are read or edited.
class NewBaselineTest : public testing::Test {
 protected:
  void SetUp() override {
    const fs::path source = TOTUM_SOURCE_DIR;
    for (const char* file : kEdited) copy(source / file, file);
    for (const auto& entry : fs::directory_iterator(source / "baselines/template"))
      copy(entry.path(), fs::path("baselines/template") / entry.path().filename());
    write_file_atomically(root() / "baselines/single.h", read_file(source / "baselines/single.h"));
  }
  void copy(const fs::path& from, const fs::path& to) const {
    write_file_atomically(root() / to, read_file(from));
  }
  const fs::path& root() const { return folder_.path(); }
  std::string text(const std::string& file) const { return read_file(root() / file); }
  std::string refusal(const std::string& name, const std::string& display = "") const {
    try {
      add_baseline({name, display, root()});
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  }
  // Every file of the copy with its text.
  std::map<std::string, std::string> all() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(root())) {
      if (entry.is_regular_file())
        files[fs::relative(entry.path(), root()).string()] = read_file(entry.path());
    }
    return files;
  }
  TemporaryFolder folder_;
};

TEST_F(NewBaselineTest, WritesThreeFilesAndThreeLines) {
  EXPECT_EQ(add_baseline({"my_method", "", root()}).size(), 6U);
  EXPECT_THAT(text("baselines/my_method.h"), HasSubstr("std::unique_ptr<Method> make_my_method("));
  EXPECT_THAT(text("baselines/my_method.cpp"), HasSubstr("class MyMethodMethod final : public PlainNetwork"));
  EXPECT_THAT(text("tests/baselines/my_method_test.cpp"), HasSubstr("TEST(MyMethod, "));
  EXPECT_THAT(text("baselines/CMakeLists.txt"), HasSubstr(" my_method.cpp\n  LINKS"));
  EXPECT_THAT(text("tests/baselines/CMakeLists.txt"), HasSubstr(" my_method_test.cpp\n  LINKS"));
  EXPECT_THAT(
      text("experiments/registry.cpp"),
      HasSubstr("      MethodEntry{\"my_method\", \"My method\", \"\", make_my_method},\n      // `totum"));
  EXPECT_THAT(text("experiments/registry.cpp"), HasSubstr("#include \"baselines/my_method.h\"\n"));
  for (const auto& [name, content] : all()) {
    if (name.find("template/") != std::string::npos) continue;
    EXPECT_THAT(content, Not(HasSubstr("@name@"))) << name;
  }
}

TEST_F(NewBaselineTest, WritesWhatClangFormatWouldWrite) {
  if (std::system("clang-format --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "no clang-format here";
  for (const std::string name : {"my_method", "ab", "thirty_characters_are_the_most"}) {
    add_baseline({name, "A name as tables show it, rather long", root()});
    for (const std::string& file :
         {"baselines/" + name + ".h", "baselines/" + name + ".cpp", "tests/baselines/" + name + "_test.cpp",
          std::string("experiments/registry.cpp")}) {
      const std::string command = "clang-format --dry-run --Werror --style=file:" TOTUM_SOURCE_DIR
                                  "/.clang-format " +
                                  (root() / file).string();
      EXPECT_EQ(std::system(command.c_str()), 0) << text(file);
    }
  }
}

TEST_F(NewBaselineTest, SortsItsIncludeAmongTheOthers) {
  for (const char* name : {"zebra", "aardvark", "full_label"}) add_baseline({name, "", root()});
  const std::string registry = text("experiments/registry.cpp");
  std::size_t before = 0;
  for (const char* name : {"aardvark", "atlas_only", "full_label", "full_labels", "single", "zebra"}) {
    const std::size_t at = registry.find("#include \"baselines/" + std::string(name) + ".h\"");
    ASSERT_NE(at, std::string::npos) << name;
    EXPECT_GT(at, before) << name;
    before = at;
  }
}

TEST_F(NewBaselineTest, RefusesNamesThatAreNoneAndChangesNothing) {
  const auto before = all();
  for (const char* name : {"", "x", "MyMethod", "my-method", "my method", "2fast", "_my", "my_", "my__method",
                           "../my", "thirty_characters_are_too_few_x", "müller"}) {
    EXPECT_THAT(refusal(name), HasSubstr("can't name a baseline")) << name;
  }
  EXPECT_THAT(refusal("fine", "two\nlines"), HasSubstr("one line"));
  EXPECT_EQ(all(), before);
}

TEST_F(NewBaselineTest, RefusesNamesThatExistAndChangesNothing) {
  add_baseline({"mine", "", root()});
  write_file_atomically(root() / "tests/baselines/other_test.cpp", "somebody's work");
  const auto before = all();
  for (const char* name : {"single", "proposed", "external", "mine"})
    EXPECT_THAT(refusal(name), HasSubstr("there is a method")) << name;
  EXPECT_THAT(refusal("other"), HasSubstr("tests/baselines/other_test.cpp exists already"));
  EXPECT_EQ(all(), before);
}

TEST_F(NewBaselineTest, RefusesATreeItDoesNotKnowAndChangesNothing) {
  EXPECT_THROW(add_baseline({"mine", "", root() / "nowhere"}), ConfigError);
  std::string registry = text("experiments/registry.cpp");
  registry.erase(registry.find("// `totum new-baseline`"), 10);
  write_file_atomically(root() / "experiments/registry.cpp", registry);
  const auto before = all();
  EXPECT_THAT(refusal("mine"), HasSubstr("experiments/registry.cpp: the line"));
  EXPECT_EQ(all(), before);
}

// A file size limit stands for a full disk: the registry, the last file, can't be written.
TEST_F(NewBaselineTest, TakesEverythingBackAfterAnError) {
  const std::string padding(100000, ' ');
  write_file_atomically(root() / "experiments/registry.cpp", text("experiments/registry.cpp") + padding);
  const auto before = all();
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{50000, 50000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      add_baseline({"mine", "", root()});
      ::_exit(1);
    } catch (const RunError& error) {
      ::_exit(std::string(error.what()).find("registry.cpp: can't be written") != std::string::npos ? 0 : 2);
    }
  }
  int status = 1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(all(), before);
}

// Killed before the registry's turn: the same call completes the work, each line once.
TEST_F(NewBaselineTest, CompletesWhatAKilledCallLeft) {
  const std::string registry = text("experiments/registry.cpp");
  add_baseline({"mine", "", root()});
  const auto complete = all();
  write_file_atomically(root() / "experiments/registry.cpp", registry);
  add_baseline({"mine", "", root()});
  EXPECT_EQ(all(), complete);
}

}  // namespace
}  // namespace totum
