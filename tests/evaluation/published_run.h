#pragma once
// The validation scores of the published training run: 24 cases, 13 organs, by epoch.

#include <libfccp/csv.h>

#include <array>
#include <map>
#include <string>
#include <vector>

#include "data/split.h"
#include "evaluation/scores.h"

namespace totum {

inline std::map<int, std::vector<Score>> published_run_scores(const Split& split) {
  std::map<int, std::vector<Score>> by_epoch;
  io::CSVReader<15> csv(TOTUM_SOURCE_DIR "/tests/parity/published_run_validation_dice.csv");
  csv.read_header(io::ignore_no_column, "epoch", "case_id", "organ_1", "organ_2", "organ_3", "organ_4",
                  "organ_5", "organ_6", "organ_7", "organ_8", "organ_9", "organ_10", "organ_11", "organ_12",
                  "organ_13");
  int epoch = 0;
  std::string id;
  std::array<std::string, 13> v;  // as text: the reader's own conversion misses the last bit
  while (csv.read_row(epoch, id, v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[11],
                      v[12])) {
    const Modality modality = *modality_of_amos_id(id);
    for (std::int64_t organ = 1; organ <= kOrgans; ++organ) {
      const Relation relation =
          split.labelled_in_modality(organ, modality) ? Relation::intra : Relation::cross;
      by_epoch[epoch].push_back({std::to_string(epoch), id, modality, organ, relation, "network",
                                 "dice_published", std::stod(v[static_cast<std::size_t>(organ - 1)])});
    }
  }
  return by_epoch;
}

}  // namespace totum
