#include "data/sampler/patch_sampler.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "core/random.h"
#include "data/sampler/augmentation.h"

namespace totum {

namespace {

using ClassTable = std::array<bool, kOrgans + 1>;  // by class index

ClassTable labelled_table(const std::vector<std::int64_t>& organs) {
  ClassTable table{};
  for (const std::int64_t organ : organs) table[static_cast<std::size_t>(organ)] = true;
  return table;
}

// What a method with this supervision may see of a case of the task.
ClassTable visible_table(const Task& task, Supervision supervision) {
  if (supervision == Supervision::partial) return labelled_table(task.organs);
  ClassTable table{};
  std::fill(table.begin() + 1, table.end(), true);
  return table;
}

// [C] bool
at::Tensor labelled_tensor(const ClassTable& table) {
  at::Tensor labelled = at::empty({kOrgans}, at::kBool);
  std::copy(table.begin() + 1, table.end(), labelled.data_ptr<bool>());
  return labelled;
}

// Labels as int64, 0 where the table doesn't have the class.
void erase_invisible(std::span<const std::uint8_t> label, const ClassTable& visible, std::int64_t* out) {
  for (const std::uint8_t value : label) *out++ = value <= kOrgans && visible[value] ? value : 0;
}

// The start that puts a random voxel of a labelled organ as near to the patch's centre as the image allows.
std::optional<Shape3> foreground_start(const PreparedCase& image, const ClassTable& labelled,
                                       const Shape3& patch, RandomStream& random) {
  const auto label = image.label();
  const auto is_foreground = [&](std::uint8_t value) {
    return labelled[std::min<std::size_t>(value, kOrgans)] && value > 0;
  };
  const auto count = std::count_if(label.begin(), label.end(), is_foreground);
  if (count == 0) return std::nullopt;
  std::int64_t wanted = random.below(count);
  std::int64_t index = 0;
  for (; !is_foreground(label[static_cast<std::size_t>(index)]) || wanted-- > 0; ++index) {
  }
  const Shape3 shape = image.shape();
  const Shape3 voxel{index / (shape[1] * shape[2]), index / shape[2] % shape[1], index % shape[2]};
  Shape3 start{};
  for (std::size_t a = 0; a < 3; ++a) {
    start[a] =
        std::clamp<std::int64_t>(voxel[a] - patch[a] / 2, 0, std::max<std::int64_t>(shape[a] - patch[a], 0));
  }
  return start;
}

// Calls copy(patch row, image row, voxels) for every row (y,z) of the patch that lies inside the image.
template <class Copy>
void for_each_row(const Shape3& shape, const Shape3& start, const Shape3& patch, const Copy& copy) {
  const std::int64_t width = std::max<std::int64_t>(std::min(patch[2], shape[2] - start[2]), 0);
  for (std::int64_t z = 0; z < std::min(patch[0], shape[0] - start[0]); ++z) {
    for (std::int64_t y = 0; y < std::min(patch[1], shape[1] - start[1]); ++y) {
      copy((z * patch[1] + y) * patch[2], ((start[0] + z) * shape[1] + start[1] + y) * shape[2] + start[2],
           width);
    }
  }
}

}  // namespace

SamplerConfig read_sampler_config(JsonReader json) {
  SamplerConfig config;
  json.optional("patch_voxels", config.patch_voxels, multiple_of(16));
  json.optional("batch_size", config.batch_size, at_least(2));
  json.optional("foreground_fraction", config.foreground_fraction, between(0.0, 1.0));
  json.optional("extra_voxels", config.extra_voxels, between(0, 1000));
  json.optional("last_start", config.last_start);
  json.optional("augmentation", config.augmentation, one_of({"none", "published_code"}));
  json.no_more_keys();
  return config;
}

nlohmann::json to_json(const SamplerConfig& config) {
  return {{"patch_voxels", config.patch_voxels},
          {"batch_size", config.batch_size},
          {"foreground_fraction", config.foreground_fraction},
          {"extra_voxels", config.extra_voxels},
          {"last_start", config.last_start},
          {"augmentation", config.augmentation}};
}

Shape3 crop_start(const PreparedCase& image, const std::vector<std::int64_t>& labelled_organs,
                  const SamplerConfig& config, std::uint64_t seed, std::int64_t epoch) {
  RandomStream random(seed, "crop", static_cast<std::uint64_t>(epoch), derive_seed(0, image.case_id()));
  const Shape3 shape = image.shape();
  Shape3 start{};
  for (std::size_t a = 0; a < 3; ++a) {
    const std::int64_t last = std::max(shape[a] - config.patch_voxels[a], config.extra_voxels);
    start[a] = random.below(config.last_start ? last + 1 : std::max<std::int64_t>(last, 1));
  }
  if (config.foreground_fraction > 0 && random.chance(config.foreground_fraction)) {
    return foreground_start(image, labelled_table(labelled_organs), config.patch_voxels, random)
        .value_or(start);
  }
  return start;
}

void augment_patch(std::span<float> patch, const SamplerConfig& config, std::uint64_t seed,
                   const std::string& case_id, std::int64_t epoch) {
  if (config.augmentation != "published_code") return;
  augment_published(
      patch, config.patch_voxels,
      RandomStream(seed, "augmentation", static_cast<std::uint64_t>(epoch), derive_seed(0, case_id)));
}

PatchSampler::PatchSampler(const PreparedDataset& data, const SamplerConfig& config, std::uint64_t seed,
                           const std::vector<std::int64_t>& tasks, const std::string& part,
                           Supervision supervision)
    : data_(data),
      config_(config),
      seed_(seed),
      stream_(derive_seed(0, part)),
      supervision_(supervision),
      cases_(data.split.in(Subset::train)) {
  if (!tasks.empty()) {
    std::erase_if(cases_, [&](const SplitCase& c) {
      return std::find(tasks.begin(), tasks.end(), c.task) == tasks.end();
    });
  }
  if (cases_.empty()) {
    throw DataError(fmt::format("split {}: no training case{}", data.split.name,
                                part.empty() ? "" : " for part \"" + part + "\" of the method"),
                    true);
  }
  // Not the file's order: a split whose rows are sorted otherwise gives the same training.
  std::sort(cases_.begin(), cases_.end(),
            [](const SplitCase& a, const SplitCase& b) { return a.case_id < b.case_id; });
}

std::int64_t PatchSampler::iterations(std::int64_t epochs) const {
  const double steps = static_cast<double>(epochs * cases()) / static_cast<double>(config_.batch_size);
  return std::max<std::int64_t>(1, std::llround(steps));
}

std::int64_t PatchSampler::epoch(std::int64_t iteration) const {
  return iteration * config_.batch_size / cases();
}

PatchSampler::Place PatchSampler::place(std::int64_t position) const {
  const std::int64_t epoch = position / cases();
  RandomStream random(seed_, "order", static_cast<std::uint64_t>(epoch), stream_);
  const auto order = random.permutation(cases());
  const auto index = order[static_cast<std::size_t>(position % cases())];
  return {epoch, &cases_[static_cast<std::size_t>(index)]};
}

void PatchSampler::fill_voxels(const Place& place, const Shape3& start, float* image_out,
                               std::int64_t* label_out) const {
  const PreparedCase& image = data_.at(place.sample->case_id);
  const Shape3& patch = config_.patch_voxels;
  const std::int64_t voxels = patch[0] * patch[1] * patch[2];
  std::fill_n(image_out, voxels, image.padding());
  std::fill_n(label_out, voxels, 0);
  const ClassTable visible = visible_table(data_.split.task_of(*place.sample), supervision_);
  for_each_row(image.shape(), start, patch, [&](std::int64_t to, std::int64_t from, std::int64_t width) {
    std::memcpy(image_out + to, image.image().data() + from, static_cast<std::size_t>(width) * sizeof(float));
    const auto row = image.label().subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(width));
    erase_invisible(row, visible, label_out + to);
  });
  augment_patch({image_out, static_cast<std::size_t>(voxels)}, config_, seed_, image.case_id(), place.epoch);
}

void PatchSampler::fill(Batch& batch, std::int64_t slot, const Place& place) const {
  const PreparedCase& image = data_.at(place.sample->case_id);
  const Task& task = data_.split.task_of(*place.sample);
  const Shape3& patch = config_.patch_voxels;
  const Shape3 start = crop_start(image, task.organs, config_, seed_, place.epoch);
  const std::int64_t voxels = patch[0] * patch[1] * patch[2];
  fill_voxels(place, start, batch.image.data_ptr<float>() + slot * voxels,
              batch.label.data_ptr<std::int64_t>() + slot * voxels);
  atlas_patch(data_.atlas, image.shape(), start, patch,
              batch.atlas.data_ptr<float>() + slot * kOrgans * voxels, data_.warp_of(image.case_id()));
  batch.labelled[slot].copy_(labelled_tensor(visible_table(task, supervision_)));
  batch.modality.push_back(task.modality);
  batch.task.push_back(place.sample->task);
  batch.case_id.push_back(place.sample->case_id);
  batch.place.push_back({start, place.epoch});
}

TrainingImage PatchSampler::patch(std::int64_t position) const {
  const Place where = place(position);
  const Task& task = data_.split.task_of(*where.sample);
  const PreparedCase& image = data_.at(where.sample->case_id);
  const auto [depth, height, width] = config_.patch_voxels;
  TrainingImage crop{at::empty({depth, height, width}, at::kFloat),
                     at::empty({depth, height, width}, at::kLong),
                     labelled_tensor(visible_table(task, supervision_)),
                     task.modality,
                     where.sample->task,
                     where.sample->case_id};
  fill_voxels(where, crop_start(image, task.organs, config_, seed_, where.epoch),
              crop.image.data_ptr<float>(), crop.label.data_ptr<std::int64_t>());
  return crop;
}

Batch PatchSampler::batch(std::int64_t iteration) const {
  const std::int64_t size = config_.batch_size;
  const auto [depth, height, width] = config_.patch_voxels;
  Batch batch;
  batch.supervision = supervision_;
  batch.image = at::empty({size, 1, depth, height, width}, at::kFloat);
  batch.label = at::empty({size, depth, height, width}, at::kLong);
  batch.labelled = at::empty({size, kOrgans}, at::kBool);
  batch.atlas = at::empty({size, kOrgans, depth, height, width}, at::kFloat);
  for (std::int64_t slot = 0; slot < size; ++slot) fill(batch, slot, place(iteration * size + slot));
  return batch;
}

Batch BatchPrefetcher::batch(std::int64_t iteration) {
  Batch current = next_ == iteration && future_.valid() ? future_.get() : sampler_.batch(iteration);
  next_ = iteration + 1;
  if (next_ < end_) {
    future_ = std::async(std::launch::async, [this, i = next_] { return sampler_.batch(i); });
  }
  return current;
}

}  // namespace totum
