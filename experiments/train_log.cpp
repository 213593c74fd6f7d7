#include "experiments/train_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>

#include "core/error.h"
#include "core/files.h"

namespace totum {

namespace {

constexpr std::int64_t kTailBytes = 16384;  // enough for some dozens of lines

[[noreturn]] void fail(const std::filesystem::path& path) {
  throw RunError(fmt::format("{}: can't be written: {}", path.string(), std::strerror(errno)));
}

int open_for_writing(const std::filesystem::path& path) {
  std::error_code ignored;  // open() says what is wrong
  std::filesystem::create_directories(path.parent_path(), ignored);
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) fail(path);
  return descriptor;
}

}  // namespace

TrainLog::TrainLog(std::filesystem::path path, std::int64_t bytes)
    : path_(std::move(path)), descriptor_(open_for_writing(path_)), bytes_(bytes) {
  const off_t length = ::lseek(descriptor_, 0, SEEK_END);
  if (length < bytes) {
    ::close(descriptor_);
    throw RunError(fmt::format(
        "{}: is shorter ({} bytes) than its checkpoint says ({}); remove the run's folder and start again",
        path_.string(), length, bytes));
  }
  if (::ftruncate(descriptor_, bytes) != 0 || ::lseek(descriptor_, bytes, SEEK_SET) < 0) {
    ::close(descriptor_);
    fail(path_);
  }
}

TrainLog::~TrainLog() { ::close(descriptor_); }

void TrainLog::append(const nlohmann::json& line) {
  const std::string text = line.dump() + "\n";
  for (std::size_t written = 0; written < text.size();) {
    const ssize_t n = ::write(descriptor_, text.data() + written, text.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(path_);
    written += static_cast<std::size_t>(n);
  }
  bytes_ += static_cast<std::int64_t>(text.size());
}

std::int64_t TrainLog::sync() {
  if (::fdatasync(descriptor_) != 0) fail(path_);
  return bytes_;
}

nlohmann::json last_log_line(const std::filesystem::path& log, const char* key) {
  std::ifstream file(log, std::ios::binary | std::ios::ate);
  if (!file) return nullptr;
  const auto length = static_cast<std::int64_t>(file.tellg());
  const std::int64_t start = length > kTailBytes ? length - kTailBytes : 0;
  file.seekg(start);
  nlohmann::json last;
  for (std::string line; std::getline(file, line);) {
    nlohmann::json parsed = nlohmann::json::parse(line, nullptr, false);
    if (parsed.is_object() && parsed.contains(key)) last = std::move(parsed);
  }
  return last;
}

std::int64_t peak_memory_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return 1024 * std::stoll(line.substr(6));
  }
  return 0;
}

}  // namespace totum
