#include "baselines/dar_translation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "baselines/k_means.h"
#include "core/sha256.h"

namespace totum {

namespace {

constexpr std::int64_t kSlicesAtOnce = 8;
constexpr double kLevels = 32767;

std::string weights_sha256(const torch::nn::Module& module) {
  std::string text;
  for (const auto& entry : module.named_parameters()) {
    const at::Tensor host = entry.value().detach().cpu().contiguous();
    text += sha256(std::string_view(static_cast<const char*>(host.const_data_ptr()), host.nbytes()));
  }
  return sha256(std::string_view(text));
}

template <class T>
std::span<const std::byte> bytes_of(const T* values, std::int64_t count) {
  return {reinterpret_cast<const std::byte*>(values), static_cast<std::size_t>(count) * sizeof(T)};
}

void write_volume(const std::filesystem::path& path, const at::Tensor& quantised, Modality target) {
  std::array<double, 2> normalisation{0, 1};  // mean, standard deviation
  if (target == Modality::mr) {               // as real MR: standardised over the volume
    const at::Tensor values = quantised.to(at::kDouble) / kLevels;
    const double sd = values.std(false).item<double>();
    normalisation = {values.mean().item<double>(), sd > 0 ? sd : 1.0};
  }
  write_safetensors(path,
                    {{"voxels",
                      {"I16", quantised.sizes().vec(),
                       bytes_of(quantised.const_data_ptr<std::int16_t>(), quantised.numel())}},
                     {"normalisation", {"F64", {2}, bytes_of(normalisation.data(), 2)}}},
                    {});
}

TranslatedVolume open_volume(const std::filesystem::path& path) {
  TranslatedVolume volume;
  volume.file = std::make_shared<const SafetensorsFile>(path);
  const SafetensorsView& voxels = volume.file->at("voxels");
  volume.quantised = at::from_blob(const_cast<std::byte*>(voxels.bytes.data()), voxels.shape, at::kShort);
  std::array<double, 2> normalisation{};
  std::memcpy(normalisation.data(), volume.file->at("normalisation").bytes.data(), sizeof(normalisation));
  volume.mean = normalisation[0];
  volume.sd = normalisation[1];
  return volume;
}

// Slices as large as training's pieces, with air around them: the translator's norms take statistics over the
// slice, so a body that fills it looks brighter than in training.
at::Tensor as_trained(const at::Tensor& slices, const TranslationConfig& config) {
  return padded_around(slices, config.slice_pixels);
}

}  // namespace

at::Tensor TranslatedVolume::values(const at::Tensor& part) const {
  return ((part.to(at::kDouble) / kLevels - mean) / sd).to(at::kFloat);
}

at::Tensor TranslatedVolume::translator_output() const { return quantised.to(at::kFloat) / kLevels; }

at::Tensor TranslatedVolume::patch(const Shape3& start, const Shape3& size) const {
  at::Tensor inside = quantised;
  std::vector<std::int64_t> padding;  // of the last axis first
  for (std::int64_t axis = 0; axis < 3; ++axis) {
    const auto a = static_cast<std::size_t>(axis);
    const std::int64_t end = std::min(start[a] + size[a], quantised.size(axis));
    inside = inside.slice(axis, start[a], end);
    padding.insert(padding.begin(), {0, size[a] - inside.size(axis)});
  }
  return at::constant_pad_nd(values(inside), padding, (-1 - mean) / sd);
}

VolumeTranslation::VolumeTranslation(SliceTranslator translator, AxialSlices& slices,
                                     const TrainingData& data, const TranslationConfig& config)
    : translator_(std::move(translator)),
      slices_(slices),
      data_(data),
      config_(config),
      folder_(data.scratch_folder() / ("translated-" + weights_sha256(*translator_).substr(0, 16))) {}

at::Tensor VolumeTranslation::slice_styles(Modality target) {
  const at::RecordFunctionGuard not_counted(false);  // made once, or read from a file: no work of a step
  const torch::NoGradGuard no_grad;
  std::vector<at::Tensor> styles;
  for (const std::string& id : slices_.case_ids(target)) {
    const std::int64_t depth = slices_.depth(id);
    const std::int64_t end = std::max<std::int64_t>(depth * 5 / 6, depth / 6 + 1);  // the middle two thirds
    for (std::int64_t z = depth / 6; z < end; z += kSlicesAtOnce) {
      const std::int64_t count = std::min(kSlicesAtOnce, end - z);
      const at::Tensor x = as_trained(slices_.scaled(id, target, z, count), config_).unsqueeze(1);
      styles.push_back(translator_->style(x.to(config_.device), target == Modality::mr).cpu());
    }
  }
  return at::cat(styles);
}

const VolumeTranslation::Clusters& VolumeTranslation::clusters(Modality target) {
  if (const auto found = clusters_.find(target); found != clusters_.end()) return found->second;
  Clusters made;
  made.styles = slice_styles(target);
  const at::Tensor rows = made.styles.to(at::kDouble).contiguous();
  std::vector<FeatureVector> points;
  for (std::int64_t i = 0; i < rows.size(0); ++i) {
    const double* row = rows.const_data_ptr<double>() + i * rows.size(1);
    points.emplace_back(row, row + rows.size(1));
  }
  const std::int64_t k = std::min(config_.styles, rows.size(0));
  RandomStream random(config_.seed, "dar_unet/clusters/" + std::string(to_string(target)));
  const std::vector<std::int64_t> cluster = k_means(points, k, random);
  made.members.resize(static_cast<std::size_t>(k));
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    made.members[static_cast<std::size_t>(cluster[i])].push_back(static_cast<std::int64_t>(i));
  }
  std::erase_if(made.members, [](const auto& rows_of_cluster) { return rows_of_cluster.empty(); });
  return clusters_.emplace(target, std::move(made)).first->second;
}

at::Tensor VolumeTranslation::translate(const std::string& case_id, Modality target,
                                        const at::Tensor& style) {
  const at::RecordFunctionGuard not_counted(false);  // made once, or read from a file: no work of a step
  const torch::NoGradGuard no_grad;
  const std::int64_t depth = slices_.depth(case_id);
  std::vector<at::Tensor> translated;
  for (std::int64_t z = 0; z < depth; z += kSlicesAtOnce) {
    const at::Tensor slices = slices_.scaled(case_id, other(target), z, std::min(kSlicesAtOnce, depth - z));
    const at::Tensor x = as_trained(slices, config_).unsqueeze(1).to(config_.device);
    const at::Tensor styles = style.expand({x.size(0), -1}).to(config_.device);
    const at::Tensor y = translator_->decode(translator_->content(x), styles).squeeze(1);
    translated.push_back(middle_of(y, slices.size(1), slices.size(2)).cpu());
  }
  return (at::cat(translated) * kLevels).round().to(at::kShort).contiguous();
}

const TranslatedVolume& VolumeTranslation::volume(const std::string& case_id, Modality target,
                                                  std::int64_t style) {
  const std::string name = fmt::format("{}_to_{}_style_{}", case_id, to_string(target), style + 1);
  if (const auto found = volumes_.find(name); found != volumes_.end()) return found->second;
  const std::filesystem::path path = folder_ / (name + ".safetensors");
  if (!std::filesystem::exists(path)) {
    const Clusters& own = clusters(target);
    const auto& members = own.members.at(static_cast<std::size_t>(style));
    RandomStream random(config_.seed, "dar_unet/member", static_cast<std::uint64_t>(style),
                        derive_seed(0, case_id));
    const auto row = members[static_cast<std::size_t>(random.below(std::ssize(members)))];
    write_volume(path, translate(case_id, target, own.styles.slice(0, row, row + 1)), target);
  }
  return volumes_.emplace(name, open_volume(path)).first->second;
}

}  // namespace totum
