#include "core/files.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "core/error.h"
#include "tests/core/temporary_folder.h"

namespace totum {
namespace {

namespace fs = std::filesystem;

int files_in(const fs::path& folder) {
  int count = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder)) ++count;
  return count;
}

TEST(WriteFileAtomically, MakesFoldersAndReplacesTheWholeFile) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "a" / "b.txt";
  write_file_atomically(path, "a longer first text");
  write_file_atomically(path, "second");
  EXPECT_EQ(read_file(path), "second");
  EXPECT_EQ(files_in(path.parent_path()), 1);
}

TEST(WriteFileAtomically, KeepsTheOldFileWhenTheDiskIsFull) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "kept.txt";
  write_file_atomically(path, "old");
  // A limit on the size of files stands for the full disk: write() fails half-way in both cases.
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      write_file_atomically(path, std::string(100000, 'x'));
    } catch (const RunError& error) {
      ::_exit(std::string(error.what()).find("make room") != std::string::npos ? 7 : 8);
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(files_in(folder.path()), 1);
}

TEST(WritePathAtomically, KeepsTheExtensionAndRemovesTheTemporaryAfterAnError) {
  const TemporaryFolder folder;
  EXPECT_THROW(write_path_atomically(folder.path() / "case.nii.gz",
                                     [](const fs::path& temporary) {
                                       EXPECT_TRUE(temporary.string().ends_with("case.nii.gz"));
                                       std::ofstream(temporary) << "half";
                                       throw DataError("stop");
                                     }),
               DataError);
  EXPECT_EQ(files_in(folder.path()), 0);
}

TEST(RemoveStaleTemporaries, RemovesThoseOfDeadProcessesOnly) {
  const TemporaryFolder folder;
  char host[256] = {};
  ASSERT_EQ(::gethostname(host, sizeof(host) - 1), 0);
  const fs::path ours = folder.path() / fmt::format(".totum-tmp-999999999-{}-1-x.txt", host);
  const fs::path of_another_machine = folder.path() / ".totum-tmp-999999999-another.machine-1-x.txt";
  std::ofstream(ours) << "half";
  std::ofstream(of_another_machine) << "in work";
  std::ofstream(folder.path() / "x.txt") << "whole";
  remove_stale_temporaries(folder.path());
  EXPECT_FALSE(fs::exists(ours));
  EXPECT_TRUE(fs::exists(of_another_machine));
  EXPECT_TRUE(fs::exists(folder.path() / "x.txt"));
}

TEST(ReadFile, NamesAMissingFile) { EXPECT_THROW(read_file("/nonexistent/file"), DataError); }

TEST(FileLock, IsRefusedWhileAnotherHolderLivesAndNamesIt) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "lock";
  {
    const FileLock held(path);
    try {
      const FileLock second(path);
      FAIL() << "the second lock was granted";
    } catch (const RunError& error) {
      EXPECT_NE(std::string(error.what()).find(std::to_string(::getpid())), std::string::npos)
          << error.what();
    }
  }
  const FileLock again(path);
}

TEST(FileLock, EndsWithAProcessThatIsKilled) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "lock";
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const FileLock held(path);
    if (::write(ready[1], "x", 1) != 1) ::_exit(1);
    ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_THROW(FileLock{path}, RunError);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const FileLock held(path);
}

}  // namespace
}  // namespace totum
