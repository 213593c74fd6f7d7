#include "experiments/predict_folder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"
#include "core/files.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/sha256.h"
#include "data/case_files.h"
#include "data/nifti.h"
#include "data/preprocess.h"
#include "experiments/predict_case.h"
#include "experiments/registry.h"
#include "experiments/run_worker.h"
#include "methods/checkpoint.h"

namespace totum {

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> images_in(const fs::path& place, std::vector<std::string>& faults) {
  std::vector<fs::path> images;
  if (fs::is_regular_file(place)) return {place};
  if (!fs::is_directory(place))
    throw DataError(fmt::format("{}: there is no such file or folder", place.string()), true);
  const CaseFiles found = case_files_in(place);
  for (const auto& [case_id, image] : found.files) images.push_back(image);
  for (const auto& [case_id, why] : found.unusable) faults.push_back(why);
  if (images.empty() && faults.empty()) {
    throw DataError(fmt::format("{}: no image (CASE.nii.gz), but {}", place.string(), found.others_text()),
                    true);
  }
  return images;
}

std::string stem_of(const fs::path& image) {
  const std::string name = image.filename().string();
  return name.ends_with(kCaseExtension) ? name.substr(0, name.size() - kCaseExtension.size())
                                        : image.stem().string();
}

Modality modality_of(const fs::path& image, const std::optional<Modality>& given) {
  if (given) return *given;
  const auto found = modality_of_amos_id(stem_of(image));
  if (!found) {
    throw DataError(
        fmt::format("{}: the name has no AMOS22 id that tells CT from MR; pass --modality ct or mr",
                    image.string()),
        true);
  }
  return *found;
}

void predict_image(Method& method, const RunRecord& record, const fs::path& image, Modality modality,
                   const fs::path& target) {
  const ImageVolume volume = read_image(image);
  const PreprocessedCase prepared = [&] {
    try {
      return preprocess(volume, std::nullopt, modality, record.preset.preprocess, stem_of(image));
    } catch (const DataError& error) {
      throw DataError(fmt::format("{}: {}", image.string(), error.what()));
    }
  }();
  const NetworkImage input{prepared.image, prepared.network.shape(), modality, prepared.padding};
  const LabelMap network{prepared.network, predict_case(method, input, record)};
  write_label_map(target, to_native(network, volume.geometry));
}

// Weights of a run that is still in training, or that were changed since, predict nothing.
void check_finished(const RunFolder& run) {
  const auto refuse = [&](const std::string& why) {
    throw DataError(
        fmt::format("{}: {}; finish the run first: totum run {}", run.path.string(), why, run.path.string()),
        true);
  };
  if (state_of(run) != RunState::done) refuse("is not done");
  if (!fs::exists(run.best())) refuse("has no best.safetensors");
  const std::string file = run.best().filename().string();
  const nlohmann::json files =
      nlohmann::json::parse(read_file(run.done())).value("files", nlohmann::json::object());
  if (files.value(file, "") != sha256_of_file(run.best()))
    refuse(file + " is not the one that done.json names");
}

// A label map has its image's name, so it must not be written where the image lies.
void check_target(const std::vector<fs::path>& images, const fs::path& out) {
  for (const fs::path& image : images) {
    const fs::path folder = image.parent_path().empty() ? fs::path(".") : image.parent_path();
    std::error_code error;
    if (fs::equivalent(folder, out, error)) {
      throw ConfigError(
          fmt::format("--out {} is the images' own folder: the label maps would replace the images; "
                      "choose another",
                      out.string()));
    }
  }
}

}  // namespace

PredictedFolder predict_folder(const PredictRequest& request, Progress& progress) {
  RunRecord record = read_run_record(request.run);
  record.device = request.device;
  const auto method =
      make_method(record.method, method_setup(record), JsonReader(record.options, "run.json", "/options"));
  check_finished(request.run);
  if (record.preset.preprocess.z_extent == "labels") {
    log_warning(
        "this run's images were cut to the slices of their labels (preprocess/z_extent); here there are no "
        "labels, so "
        "the torso of the whole image is predicted, which the network has not seen in training");
    record.preset.preprocess.z_extent = "torso";
  }
  PredictedFolder result;
  const auto images = images_in(request.images, result.faults);
  result.images = static_cast<std::int64_t>(images.size() + result.faults.size());
  check_target(images, request.out);
  pin_arithmetic(record.preset.threads, record.preset.deterministic);
  load_state(*method, request.run.best(), {"", false});
  progress.start(fmt::format("predicting {} image{}", images.size(), images.size() == 1 ? "" : "s"),
                 static_cast<std::int64_t>(images.size()));
  std::int64_t done = 0;
  for (const fs::path& image : images) {
    stop_if_interrupted("run the same command again");
    try {
      const fs::path target = request.out / (stem_of(image) + std::string(kCaseExtension));
      predict_image(*method, record, image, modality_of(image, request.modality), target);
      result.written.push_back(target);
    } catch (const Interrupted&) {
      throw;
    } catch (const DataError& error) {
      result.faults.emplace_back(error.what());
    } catch (const std::exception& error) {  // out of memory, say: the other images may be smaller
      result.faults.push_back(fmt::format("{}: {}", image.string(), error.what()));
    }
    progress.update(++done, image.filename().string());
  }
  progress.finish();
  return result;
}

}  // namespace totum
