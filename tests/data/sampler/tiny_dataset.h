#pragma once
// A prepared dataset of small made-up cases, for tests of sampler and trainer.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/random.h"
#include "data/prepare.h"

namespace totum {

struct TinyCase {
  std::string case_id;
  Subset subset;
  std::int64_t task;  // 0 ct_a, 1 ct_b, 2 mr
};

inline std::vector<Task> tiny_tasks() {
  return {{"ct_a", Modality::ct, {5, 6, 7, 8}},
          {"ct_b", Modality::ct, {9, 11, 12, 13}},
          {"mr", Modality::mr, {1, 2, 3, 4, 10}}};
}

inline std::vector<TinyCase> tiny_cases() {
  return {{"amos_0001", Subset::train, 0}, {"amos_0002", Subset::train, 0}, {"amos_0003", Subset::train, 1},
          {"amos_0507", Subset::train, 2}, {"amos_0508", Subset::train, 2}, {"amos_0004", Subset::val, 0},
          {"amos_0005", Subset::val, 1},   {"amos_0509", Subset::val, 2},   {"amos_0006", Subset::test, 0},
          {"amos_0007", Subset::test, 1},  {"amos_0510", Subset::test, 2}};
}

using LabelEdit = std::function<void(const TinyCase&, std::vector<std::uint8_t>&)>;

/// Organ c is slab c of the first axis in every case; intensities are the class index plus noise, so that a
/// network can learn. `edit` may change the labels (not the images).
inline PreparedDataset tiny_dataset(const std::filesystem::path& folder, const Shape3& shape = {18, 20, 22},
                                    const LabelEdit& edit = {}) {
  PreparedDataset data;
  data.split.name = "tiny.csv";
  data.split.tasks = tiny_tasks();
  for (const TinyCase& c : tiny_cases()) {
    PreprocessedCase prepared;
    prepared.modality = data.split.tasks[static_cast<std::size_t>(c.task)].modality;
    prepared.network.size_xyz = {shape[2], shape[1], shape[0]};
    prepared.native = prepared.network;
    prepared.padding = prepared.modality == Modality::ct ? -1.0F : -0.5F;
    RandomStream random(1, c.case_id);
    const std::int64_t plane = shape[1] * shape[2];
    for (std::int64_t v = 0; v < shape[0] * plane; ++v) {
      const auto organ = static_cast<std::uint8_t>((v / plane) % (kOrgans + 1));
      prepared.label.push_back(organ);
      prepared.image.push_back(static_cast<float>(organ / 7.0 - 1.0 + 0.1 * random.normal()));
    }
    if (edit) edit(c, prepared.label);
    const auto path = folder / (c.case_id + ".safetensors");
    write_prepared_case(path, prepared);
    data.split.cases.push_back({c.case_id, c.subset, c.task});
    data.cases.emplace(c.case_id, PreparedCase(c.case_id, path));
  }
  std::vector<AtlasCase> atlas;
  for (const SplitCase& c : data.split.in(Subset::train))
    atlas.push_back({&data.at(c.case_id), data.split.task_of(c).organs});
  data.atlas = make_atlas(atlas);
  data.data_sha256 = "tiny";
  return data;
}

}  // namespace totum
