#pragma once
// What a dataset calls its labels: names in dataset.json against the classes that totum takes the numbers
// for.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>

namespace totum {

/// Another program's labels -> class indices 0..13.
using LabelIds = std::map<std::int64_t, std::uint8_t>;

/// The label of AMOS22 (0 background, 1..13 the organs, 14 bladder, 15 prostate/uterus) that a name stands
/// for; compared without case, spaces, '_' and '-', through the synonyms of data/label_synonyms.json, which
/// have AMOS22's own spelling. nullopt for any other name.
std::optional<std::int64_t> amos_label_of_name(std::string_view name);

/// Compares the names under `labels` of a dataset.json ({"1": "spleen"} as AMOS22 and nnU-Net 1 write them,
/// or
/// {"spleen": 1} as nnU-Net 2) with what the labels are taken for: AMOS22's numbers, or where `ids` is not
/// empty the classes that it gives. Labels that `ids` does not name, or maps to 0, can't disagree, nor can a
/// name there that is no synonym. A file that is not there says nothing. Throws DataError (exit status 2)
/// that lists every disagreement, ConfigError for a file that is no JSON; `advice` ends the message.
void check_label_names(const std::filesystem::path& dataset_json, const LabelIds& ids,
                       std::string_view advice);

}  // namespace totum
