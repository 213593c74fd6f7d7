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
  unchecked,     // what it would be compared with is not here
  changed_rule,  // made under an earlier rule, by which it can't be computed again
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
/// scores, title, caveats, training curves, the hashes of the logs, which cases the overlays show and their
/// pictures (where the cached images are here), and every file of the report, made again from report.json.
/// Which files a report has is what this program writes, not what report.json names. The times are not
/// checked. Stops at the first link that does not hold; it is the last element then. What differs in a report
/// or a run of earlier rules (reports/rules.h) is in the state changed_rule, with the numbers of the rules
/// that changed since; its hashes are checked all the same. Throws DataError if report.json is missing or no
/// report.
std::vector<VerifiedLink> verify_report(const VerifyRequest& request, const PublishedNumbers& published);

}  // namespace totum
