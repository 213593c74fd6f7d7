#include "core/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include "core/error.h"
#include "core/interrupt.h"
#include "core/log.h"

namespace totum {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kTemporaryMark = ".totum-tmp-";

[[noreturn]] void fail_writing(const fs::path& path, int error_number) {
  const char* hint = error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG
                         ? "; make room there and run the same command again"
                         : "";
  throw RunError(fmt::format("{}: can't be written: {}{}", path.string(), std::strerror(error_number), hint));
}

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof(name) - 1) == 0 && name[0] != 0 ? name : "unknown";
}

// Unique in this folder for this machine (folders may be shared), process and thread.
fs::path temporary_beside(const fs::path& path) {
  const auto thread = std::hash<std::thread::id>{}(std::this_thread::get_id()) & 0xFFFFFFU;
  return path.parent_path() / fmt::format("{}{}-{}-{:x}-{}", kTemporaryMark, ::getpid(), host_name(), thread,
                                          path.filename().string());
}

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return value_; }

 private:
  int value_;
};

void write_all(int descriptor, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_writing(path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void sync_path(const fs::path& path, int flags) {
  const Descriptor file(::open(path.c_str(), flags | O_CLOEXEC));
  if (file.get() < 0 || ::fsync(file.get()) != 0) fail_writing(path, errno);
}

fs::path folder_of(const fs::path& path) {
  return path.parent_path().empty() ? fs::path(".") : path.parent_path();
}

void make_folder_for(const fs::path& path) {
  std::error_code error;
  fs::create_directories(folder_of(path), error);
  if (error) fail_writing(folder_of(path), error.value());
}

void rename_over(const fs::path& temporary, const fs::path& path) {
  if (::rename(temporary.c_str(), path.c_str()) != 0) fail_writing(path, errno);
  sync_path(folder_of(path), O_RDONLY | O_DIRECTORY);
}

int open_lock_file(const fs::path& path) {
  make_folder_for(path);
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) fail_writing(path, errno);
  return descriptor;
}

// The holder's process number is only for the message; the lock itself is the kernel's and ends with the
// process.
void note_holder(int descriptor) {
  const std::string text = fmt::format("{}\n", ::getpid());
  if (::ftruncate(descriptor, 0) != 0 || ::pwrite(descriptor, text.data(), text.size(), 0) < 0) return;
}

std::string holder_of(int descriptor) {
  char holder[32] = {};
  const ssize_t length = ::pread(descriptor, holder, sizeof(holder) - 1, 0);
  return length > 0 ? std::to_string(std::atol(holder)) : "(unknown)";
}

}  // namespace

std::string read_file(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error))
    throw DataError(fmt::format("{}: there is no such file", path.string()), true);
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) {
    if (fs::file_size(path, error) == 0 && !error) return {};
    throw DataError(fmt::format("{}: can't be read", path.string()));
  }
  return std::move(text).str();
}

void write_file_atomically(const fs::path& path, std::string_view bytes) {
  write_path_atomically(path, [&](const fs::path& temporary) {
    const Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (file.get() < 0) fail_writing(path, errno);
    write_all(file.get(), bytes, path);
  });
}

void write_path_atomically(const fs::path& path,
                           const std::function<void(const fs::path& temporary)>& write) {
  make_folder_for(path);
  const fs::path temporary = temporary_beside(path);
  try {
    write(temporary);
    sync_path(temporary, O_RDONLY);
    rename_over(temporary, path);
  } catch (...) {
    std::error_code ignored;  // the first error is the one to tell
    fs::remove(temporary, ignored);
    throw;
  }
}

void remove_stale_temporaries(const fs::path& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kTemporaryMark)) continue;
    const int process = std::atoi(name.c_str() + kTemporaryMark.size());
    if (!name.starts_with(fmt::format("{}{}-{}-", kTemporaryMark, process, host_name()))) continue;
    if (process == ::getpid() || (process > 0 && fs::exists(fmt::format("/proc/{}", process)))) continue;
    std::error_code ignored;
    fs::remove(entry.path(), ignored);
  }
}

MappedFile::MappedFile(const fs::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    throw DataError(fmt::format("{}: can't be opened: {}", path.string(), std::strerror(errno)));
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    throw DataError(fmt::format("{}: is not a file", path.string()));
  }
  size_ = static_cast<std::size_t>(status.st_size);
  if (size_ == 0) return;
  void* address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) {
    throw DataError(fmt::format("{}: can't be mapped: {}", path.string(), std::strerror(errno)));
  }
  begin_ = static_cast<const std::byte*>(address);
}

MappedFile::~MappedFile() {
  if (begin_ != nullptr) ::munmap(const_cast<std::byte*>(begin_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : begin_(std::exchange(other.begin_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(begin_, other.begin_);
  std::swap(size_, other.size_);
  return *this;
}

std::span<const std::byte> MappedFile::bytes() const { return {begin_, size_}; }

FileLock::FileLock(const fs::path& path) : descriptor_(open_lock_file(path)) {
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) {
    note_holder(descriptor_);
    return;
  }
  const std::string holder = holder_of(descriptor_);
  ::close(descriptor_);
  throw HeldError(
      fmt::format("{} is held by process {}; wait until it has ended, or end it", path.string(), holder));
}

FileLock FileLock::wait(const fs::path& path) {
  FileLock lock;
  lock.descriptor_ = open_lock_file(path);
  bool told = false;
  while (::flock(lock.descriptor_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EINTR && errno != EWOULDBLOCK) fail_writing(path, errno);
    if (!told)
      log_info(
          fmt::format("waiting for process {}, which holds {}", holder_of(lock.descriptor_), path.string()));
    told = true;
    stop_if_interrupted("nothing was begun");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  note_holder(lock.descriptor_);
  return lock;
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

}  // namespace totum
