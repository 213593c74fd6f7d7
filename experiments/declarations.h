#pragma once
// RUNS/declarations.jsonl: every declaration of every table in order, also those made when scores existed. It
// only grows; run.json, whose hash older reports hold, is never changed for it.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace totum {

/// A table as it was declared when a run was planned. Decides no result.
struct Declaration {
  std::string table, sha256;
};

struct RunCount {
  std::int64_t done = 0, all = 0;
};

/// Adds one line for each declaration that is not the last one of its table, with the time and how many runs
/// had scores by then. The file is replaced atomically, under a lock.
void keep_declarations(const std::filesystem::path& runs, const std::vector<Declaration>& declared,
                       const RunCount& count);

}  // namespace totum
