#pragma once
// Do the scores of several trainings speak about the same cases and organs? Asked before they are compared.

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "evaluation/scores.h"

namespace totum {

using CaseOrgan = std::pair<std::string, std::int64_t>;

/// The scores of one training (a run, or one value of a file's column `run`) under the name that messages
/// call it by; looks at scores that live elsewhere.
struct NamedScores {
  std::string name;
  const std::vector<Score>* scores = nullptr;
};

/// Which scores a table takes.
struct ScoreChoice {
  std::string metric, grid;
  std::set<std::pair<Modality, Relation>> cells;
};

/// What two of them say differently about a case or its organs, a sentence each: another modality, another
/// relation, an organ that is in the reference of the one only. Empty if they agree.
std::vector<std::string> contradictions(std::span<const NamedScores> all, const ScoreChoice& choice);

/// The (case, organ) pairs that count, by the rows that there are: a row without a value is a hole of the
/// method and no missing row.
struct Coverage {
  std::set<CaseOrgan> common;                // a row from all
  std::set<CaseOrgan> of_some;               // from some, not from all
  std::vector<std::set<CaseOrgan>> lacking;  // [as `all`] pairs that others have a row of
};
Coverage coverage_of(std::span<const NamedScores> all, const ScoreChoice& choice);

/// What each lacks, a line each for those that lack something: whole cases, then cases by organ.
std::vector<std::string> lacking_lines(std::span<const NamedScores> all, const Coverage& coverage,
                                       const ScoreChoice& choice);

/// What scores there are: "DSC (native), dice (network)".
std::string choices_text(const std::vector<Score>& scores);

/// "liver (amos_0001, amos_0002), spleen (amos_0001)"; at most ten cases of an organ, and how many there are.
std::string pairs_text(const std::set<CaseOrgan>& pairs);

/// "a, b, …, j, … (12 in all)": at most ten.
std::string first_of(const std::vector<std::string>& items);
/// At most ten of the items, and a last one that says how many there are.
std::vector<std::string> first_few(const std::vector<std::string>& items);

}  // namespace totum
