#pragma once
// The results lock: is every number of a report what the stored files give?

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "reports/table_spec.h"

namespace totum {

enum class LinkState : std::uint8_t {
  holds,
  broken,
  unchecked,  // what it would be compared with is not here
};
std::string_view to_string(LinkState state);

struct VerifiedLink {
  std::string name;  // "report.md", "single/seed-0/scores.csv", "table1, cell ct_ct of single"
  LinkState state = LinkState::holds;
  std::string detail;
};

struct VerifyRequest {
  std::filesystem::path report_json;
  std::filesystem::path
      runs;  // folder of the runs; for `compare` reports the files of scores are relative to it
  std::filesystem::path data;  // dataset in AMOS22's form, to score the stored label maps again; may be empty
};

/// Follows the chain from the report to the stored files: the report's own files; for each run run.json, the
/// configuration's hash, the split, done.json, every file that done.json names (weights, predictions,
/// scores), the hash of images, labels and preprocessing, and the scores of the stored label maps on each
/// grid (these need `data`, and are listed as unchecked without it); at last every table, recomputed from the
/// scores, and which cases the overlays show from which label maps (the pictures are not drawn again). Stops
/// at the first link that does not hold; it is the last element then. Throws DataError if report.json is
/// missing or no report.
std::vector<VerifiedLink> verify_report(const VerifyRequest& request, const PublishedNumbers& published);

}  // namespace totum
