#pragma once
// log.jsonl: one JSON object in each line, cut back to the checkpoint when a run is continued.

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>

namespace totum {

class TrainLog {
 public:
  /// Keeps the first `bytes` of the file (a new file if it is missing) and appends behind them. Throws
  /// RunError.
  TrainLog(std::filesystem::path path, std::int64_t bytes);
  ~TrainLog();
  TrainLog(const TrainLog&) = delete;
  TrainLog& operator=(const TrainLog&) = delete;

  void append(const nlohmann::json& line);
  /// Flushes to disk and returns the length so far: what a checkpoint remembers.
  std::int64_t sync();

 private:
  std::filesystem::path path_;
  int descriptor_;
  std::int64_t bytes_;
};

/// The last whole line that has `key`; null if there is none.
nlohmann::json last_log_line(const std::filesystem::path& log, const char* key);

/// Largest resident memory of this process so far (VmHWM), in bytes.
std::int64_t peak_memory_bytes();

}  // namespace totum
