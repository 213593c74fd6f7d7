#include "data/phantom/quality_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/parallel.h"
#include "data/phantom/organ_table.h"
#include "data/phantom/simple_classifiers.h"

namespace totum {

namespace {

namespace fs = std::filesystem;
using DiceByOrgan = std::array<std::optional<double>, kClasses>;

std::string organ_text(std::size_t organ) {
  return std::string(organ_name(static_cast<std::int64_t>(organ)));
}

QualityCheck within(std::string name, double value, double low, double high) {
  return {std::move(name), fmt::format("{:.3f}", value), fmt::format("{:.2f}..{:.2f}", low, high),
          value >= low && value <= high};
}
QualityCheck below(std::string name, double value, double limit) {
  return {std::move(name), fmt::format("{:.3f}", value), fmt::format("< {:.2f}", limit), value < limit};
}
QualityCheck above(std::string name, double value, double limit) {
  return {std::move(name), fmt::format("{:.3f}", value), fmt::format("> {:.2f}", limit), value > limit};
}

struct Measured {
  std::vector<CheckedCase> cases;
  Cases ct, mr, ct_train, ct_test, mr_train, mr_test;
};

Measured load(const fs::path& folder, int threads) {
  const Dataset dataset = open_dataset(folder);
  if (!fs::exists(folder / "phantom.json"))
    throw DataError(folder.string() + ": phantom.json is missing; this is no phantom", true);
  const nlohmann::json record = read_json_file(folder / "phantom.json");
  if (!record.value("complete", false))
    throw DataError(folder.string() + ": the phantom is not complete; run `totum phantom` again", true);
  const nlohmann::json& entries = record.at("cases");
  std::vector<std::string> ids;
  for (const auto& [id, entry] : entries.items()) {
    if (!dataset.cases.contains(id) || dataset.cases.at(id).label.empty()) {
      throw DataError(
          fmt::format("{}: image or label of {} is missing; run `totum phantom` again", folder.string(), id));
    }
    ids.push_back(id);
  }
  Measured measured;
  measured.cases.resize(ids.size());
  parallel_for(static_cast<std::int64_t>(ids.size()), threads, [&](std::int64_t i) {
    const std::string& id = ids[static_cast<std::size_t>(i)];
    measured.cases[static_cast<std::size_t>(i)] = load_checked_case(id, dataset.cases.at(id), entries.at(id));
  });
  return measured;
}

// Every third case of a modality, in the order of the ids, is a test case.
void divide(Measured& measured) {
  for (const CheckedCase& subject : measured.cases) {
    if (!subject.same_grid) continue;
    Cases& all = subject.modality == Modality::ct ? measured.ct : measured.mr;
    const bool test = all.size() % 3 == 2;
    all.push_back(&subject);
    if (subject.modality == Modality::ct) (test ? measured.ct_test : measured.ct_train).push_back(&subject);
    if (subject.modality == Modality::mr) (test ? measured.mr_test : measured.mr_train).push_back(&subject);
  }
}

void check_volumes(const Cases& ct, std::vector<QualityCheck>& checks) {
  for (std::size_t organ = 1; organ < kClasses; ++organ) {
    double sum = 0, squares = 0, n = 0;
    for (const CheckedCase* subject : ct) {
      const double ml = subject->volume_ml[organ];
      if (ml <= 0) continue;
      sum += ml;
      squares += ml * ml;
      ++n;
    }
    const double mean = n > 0 ? sum / n : 0;
    const double sd = n > 1 ? std::sqrt(std::max(0.0, (squares - n * mean * mean) / (n - 1))) : 0;
    const bool variable = organ == 4 || organ == 7;
    checks.push_back(within("mean volume / table, CT: " + organ_text(organ),
                            mean / organ_table()[organ - 1].volume_ml, variable ? 0.6 : 0.75,
                            variable ? 1.5 : 1.3));
    checks.push_back(within("volume CV, CT: " + organ_text(organ), mean > 0 ? sd / mean : 0, 0.1, 0.9));
  }
}

void check_labels(const std::vector<CheckedCase>& cases, std::vector<QualityCheck>& checks) {
  double adrenals = 0, large = 0, labelled = 0, sum = 0, on_grid = 0;
  for (const CheckedCase& subject : cases) {
    on_grid += subject.same_grid ? 1 : 0;
    labelled += subject.labelled_fraction / static_cast<double>(cases.size());
    for (const std::size_t organ : {11U, 12U}) {
      if (subject.missing.contains(static_cast<std::int64_t>(organ))) continue;
      ++adrenals;
      sum += static_cast<double>(subject.voxels[organ]);
      large += subject.voxels[organ] >= 3 ? 1 : 0;
    }
  }
  const auto count = static_cast<double>(cases.size());
  checks.push_back(
      {"label lies on its image's grid", fmt::format("{} of {}", on_grid, count), "all", on_grid == count});
  checks.push_back({"adrenals of at least 3 voxels",
                    fmt::format("{:.3f} (mean {:.1f})", large / adrenals, sum / adrenals), ">= 0.95",
                    large / adrenals >= 0.95});
  checks.push_back(within("labelled fraction of the volume", labelled, 0.05, 0.11));
}

void check_atlas(const CheckAtlas& atlas, std::vector<QualityCheck>& checks) {
  checks.push_back(below("atlas peak, right adrenal gland", atlas.peak(11), 0.35));
  checks.push_back(below("atlas peak, left adrenal gland", atlas.peak(12), 0.35));
  checks.push_back(above("atlas peak, liver", atlas.peak(6), 0.9));
  checks.push_back(within("atlas entropy where an organ may be, bit", atlas.entropy_bits(), 0.6, 1.6));
}

double mean_of(const DiceByOrgan& dice) {
  double sum = 0, n = 0;
  for (const auto& value : dice) {
    if (!value) continue;
    sum += *value;
    ++n;
  }
  return n > 0 ? sum / n : 0;
}

void check_classifiers(const Measured& measured, const CheckAtlas& atlas, int threads,
                       std::vector<QualityCheck>& checks) {
  const IntensityModel ct(measured.ct_train), mr(measured.mr_train);
  const auto dice = [&](const Cases& cases, const IntensityModel* intensity, const CheckAtlas* prior) {
    return mean_of(mean_dice(cases, intensity, prior, threads));
  };
  checks.push_back(below("Dice, intensity only, CT to CT", dice(measured.ct_test, &ct, nullptr), 0.2));
  checks.push_back(below("Dice, intensity only, CT to MR", dice(measured.mr_test, &ct, nullptr), 0.2));
  checks.push_back(below("Dice, intensity only, MR to MR", dice(measured.mr_test, &mr, nullptr), 0.2));
  checks.push_back(within("Dice, atlas only, on CT", dice(measured.ct_test, nullptr, &atlas), 0.08, 0.35));
  checks.push_back(within("Dice, atlas only, on MR", dice(measured.mr_test, nullptr, &atlas), 0.08, 0.35));
  const DiceByOrgan both = mean_dice(measured.ct_test, &ct, &atlas, threads);
  checks.push_back(above("Dice, intensity and atlas, CT to CT", mean_of(both), 0.4));
  const double gap = dice(measured.mr_test, &ct, &atlas);
  checks.push_back(below("Dice, intensity and atlas, CT to MR", gap, 0.2));
  const double transferred = dice(measured.mr_test, &mr, &atlas);
  checks.push_back(above("Dice, MR intensity and CT atlas, on MR", transferred, std::max(0.2, 3 * gap)));
  const double kidneys = (both[2].value_or(0) + both[3].value_or(0)) / 2;
  const double adrenals = (both[11].value_or(0) + both[12].value_or(0)) / 2;
  checks.push_back({"Dice of kidneys and of adrenals, CT to CT",
                    fmt::format("{:.3f}, {:.3f}", kidneys, adrenals), "kidneys better", kidneys > adrenals});
}

// Mean of a group of organs over the cases where they can be measured; in MR relative to the same case's
// liver.
std::optional<double> mean_intensity(const Cases& cases, const std::vector<std::size_t>& organs,
                                     bool relative_to_liver) {
  constexpr std::size_t kLiver = 6;
  double sum = 0, n = 0;
  for (const CheckedCase* subject : cases) {
    for (const std::size_t organ : organs) {
      if (!subject->intensity[organ] || !subject->intensity[kLiver]) continue;
      sum += *subject->intensity[organ] * (relative_to_liver ? 100 / *subject->intensity[kLiver] : 1);
      ++n;
    }
  }
  return n > 0 ? std::optional(sum / n) : std::nullopt;
}

// Each group of organs must be brighter than the next; a group that no case shows is passed over. In MR two
// standard errors of the generator's own noise of class means (13 % a case) are allowed for, since a small
// phantom has few cases of a sequence.
QualityCheck check_order(const std::string& name, const Cases& cases,
                         const std::vector<std::vector<std::size_t>>& groups, bool relative_to_liver) {
  const double slack =
      relative_to_liver ? 1 + 2 * 0.13 * std::sqrt(2 / static_cast<double>(cases.size())) : 1;
  std::string text;
  bool ordered = true;
  std::optional<double> last;
  for (const auto& group : groups) {
    const auto mean = mean_intensity(cases, group, relative_to_liver);
    text += fmt::format("{}{}", text.empty() ? "" : " ", mean ? fmt::format("{:.0f}", *mean) : "-");
    if (!mean) continue;
    ordered = ordered && (!last || *mean < *last * slack);
    last = mean;
  }
  return {name, text, "falling", ordered};
}

void check_orders(const Measured& measured, std::vector<QualityCheck>& checks) {
  const std::vector<std::size_t> kidneys{2, 3};
  checks.push_back(check_order("HU: kidney, aorta, liver, pancreas, gallbladder", measured.ct,
                               {kidneys, {8}, {6}, {10}, {4}}, false));
  const auto of_sequence = [&](const std::string& sequence) {
    Cases cases;
    std::copy_if(measured.mr.begin(), measured.mr.end(), std::back_inserter(cases),
                 [&](const CheckedCase* subject) { return subject->sequence == sequence; });
    return cases;
  };
  if (const Cases t1 = of_sequence("t1"); !t1.empty()) {
    checks.push_back(
        check_order("T1: pancreas and liver, then vessels and kidneys", t1, {{10, 6}, {2, 3, 8, 9}}, true));
  }
  if (const Cases t2 = of_sequence("t2fs"); !t2.empty()) {
    checks.push_back(check_order("T2: gallbladder, kidney, stomach, spleen, liver, aorta", t2,
                                 {{4}, kidneys, {7}, {1}, {6}, {8}}, true));
  }
}

}  // namespace

std::vector<QualityCheck> check_phantom(const fs::path& dataset, int threads) {
  Measured measured = load(dataset, threads);
  divide(measured);
  std::vector<QualityCheck> checks;
  check_labels(measured.cases, checks);
  constexpr std::size_t kFewest = 6;
  if (!checks.front().passed) return checks;  // nothing else can be measured rightly
  if (measured.ct.size() < kFewest || measured.mr.size() < kFewest) {
    throw DataError(fmt::format("{}: {} CT and {} MR cases are too few to be checked; {} of each are needed",
                                dataset.string(), measured.ct.size(), measured.mr.size(), kFewest),
                    true);
  }
  check_volumes(measured.ct, checks);
  const CheckAtlas atlas = make_check_atlas(measured.ct_train);
  check_atlas(atlas, checks);
  check_classifiers(measured, atlas, threads, checks);
  check_orders(measured, checks);
  return checks;
}

bool all_passed(const std::vector<QualityCheck>& checks) {
  return std::all_of(checks.begin(), checks.end(), [](const QualityCheck& check) { return check.passed; });
}

std::string to_table(const std::vector<QualityCheck>& checks) {
  std::string table = fmt::format("{:<58} {:>28}  {:<16} {}\n", "check", "measured", "accepted", "result");
  for (const QualityCheck& check : checks) {
    table += fmt::format("{:<58} {:>28}  {:<16} {}\n", check.name, check.measured, check.accepted,
                         check.passed ? "ok" : "MISSED");
  }
  return table;
}

}  // namespace totum
