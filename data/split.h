#pragma once
// A fixed split: which case is in which subset, which task it belongs to, and so which of its organs count as
// labelled. Loss, sampler, atlas and scores all read supervision from here and from nowhere else.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/organs.h"

namespace totum {

/// One partially labelled dataset: cases of one modality in which the same organs are labelled.
struct Task {
  std::string name;  // "ct_a"
  Modality modality = Modality::ct;
  std::vector<std::int64_t> organs;  // class indices 1..13, ascending, not empty
};

/// Which labels of the training cases a method is given.
enum class Supervision : std::uint8_t {
  partial,  // those of the case's task: what the benchmark is about
  full,     // all 13, also those that the task hides: only for an upper bound
};
std::string_view to_string(Supervision supervision);  // "partial", "full"

struct SplitCase {
  std::string case_id;  // "amos_0001"
  Subset subset = Subset::train;
  std::int64_t task = 0;  // index into Split::tasks
};

struct Split {
  std::string name;              // file name, for messages
  std::string sha256;            // of the file's bytes
  std::vector<Task> tasks;       // sorted by name
  std::vector<SplitCase> cases;  // in the file's order

  [[nodiscard]] const Task& task_of(const SplitCase& c) const {
    return tasks[static_cast<std::size_t>(c.task)];
  }
  [[nodiscard]] std::vector<SplitCase> in(Subset subset) const;
  /// Is organ c labelled in the training data of any task of this modality? (relation intra, else cross)
  [[nodiscard]] bool labelled_in_modality(std::int64_t organ, Modality modality) const;
};

/// Reads `case,modality,subset,task,labelled_organs` (organs separated by blanks). Collects all faults
/// (duplicate case, a case in two subsets, unknown modality/subset, task not in `known_tasks`, organ
/// outside 1..13, rows of one task that disagree on modality or organs) and throws one ConfigError.
/// `known_tasks` empty: any name is a task.
Split read_split(const std::filesystem::path& path, const std::vector<std::string>& known_tasks = {});

}  // namespace totum
