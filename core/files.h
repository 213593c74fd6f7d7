#pragma once
// Files that are never half-written: everything is written beside its target, flushed to disk, and renamed
// over it.

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace totum {

/// The whole file as bytes. Throws DataError.
std::string read_file(const std::filesystem::path& path);

/// Writes `bytes` to a temporary file beside `path`, fsyncs, renames. Makes parent folders. On failure (a
/// full disk, say) removes the temporary file, leaves an existing `path` as it was, and throws RunError that
/// names the cause.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

/// The same for writers that want a path (ITK): `write` gets a temporary path with the same extension
/// (".nii.gz" is kept whole) in the same folder.
void write_path_atomically(const std::filesystem::path& path,
                           const std::function<void(const std::filesystem::path& temporary)>& write);

/// Removes temporary files that a killed process left in `folder` (not below it).
void remove_stale_temporaries(const std::filesystem::path& folder);

/// A file mapped read-only into memory; unmapped when destroyed.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);  // throws DataError
  ~MappedFile();
  MappedFile(MappedFile&&) noexcept;
  MappedFile& operator=(MappedFile&&) noexcept;
  [[nodiscard]] std::span<const std::byte> bytes() const;

 private:
  const std::byte* begin_ = nullptr;
  std::size_t size_ = 0;
};

/// An exclusive lock on a file, held until destroyed or the process ends (also by kill -9).
class FileLock {
 public:
  /// Throws HeldError "… is held by process N" if another process has it.
  explicit FileLock(const std::filesystem::path& path);
  /// Waits until the lock is free, and says for whom. Throws Interrupted.
  static FileLock wait(const std::filesystem::path& path);
  ~FileLock();
  FileLock(FileLock&&) noexcept;
  FileLock& operator=(FileLock&&) noexcept;

 private:
  FileLock() = default;
  int descriptor_ = -1;
};

}  // namespace totum
