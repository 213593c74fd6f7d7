#pragma once
// One case of a phantom on disk, measured and brought to the small grid that the quality checks share.

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/json_reader.h"
#include "data/dataset.h"
#include "data/organs.h"
#include "data/volume.h"

namespace totum {

inline constexpr Shape3 kCheckGridXyz{56, 56, 32};
inline constexpr std::size_t kClasses = 14;  // background and 13 organs
inline constexpr std::size_t kFeatures = 3;

struct CheckedCase {
  std::string case_id;
  Modality modality = Modality::ct;
  std::string sequence;                         // of an MR: "t1", "t2fs", "t1ce"
  std::set<std::int64_t> missing;               // organs the generator left out
  bool same_grid = true;                        // do image and label lie on one grid?
  std::array<double, kClasses> volume_ml{};     // on the case's own grid
  std::array<std::int64_t, kClasses> voxels{};  // on its own or the check grid, where there are fewer
  // Median over the voxels whose four neighbours in the slice are of the same organ: partial volume and gas
  // in the stomach do not count. None if there are fewer than three such voxels.
  std::array<std::optional<double>, kClasses> intensity;
  double labelled_fraction = 0;                        // of the volume's voxels
  std::vector<std::uint8_t> label;                     // check grid, [D,H,W]
  std::array<std::vector<float>, kFeatures> features;  // normalised intensity, and blurred by 1 and 2 voxels
};

/// `record` is the case's entry in phantom.json. Throws DataError.
CheckedCase load_checked_case(const std::string& case_id, const DatasetCase& files,
                              const nlohmann::json& record);

}  // namespace totum
