#pragma once
// The 13 organs of AMOS22, the two modalities, and the tokens that stand for them in CSV and JSON.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace totum {

inline constexpr std::int64_t kOrgans = 13;  // C; class indices are 0 (background) and 1..13

/// English names by class index 0..13 ("background", "spleen", "right kidney", …), as in AMOS22's label table
/// but with "gallbladder", "aorta", "inferior vena cava" spelt as the field does.
std::string_view organ_name(std::int64_t organ);

enum class Modality : std::uint8_t { ct, mr };
std::string_view to_string(Modality modality);                   // "ct", "mr"
std::optional<Modality> parse_modality(std::string_view token);  // "ct", "CT", "mr", "MR", "MRI"
inline Modality other(Modality modality) { return modality == Modality::ct ? Modality::mr : Modality::ct; }
/// AMOS22's rule: CT up to id 410, MR from 507 on ("amos_0507"). nullopt if the id has no number.
std::optional<Modality> modality_of_amos_id(std::string_view case_id);

enum class Subset : std::uint8_t { train, val, test };
std::string_view to_string(Subset subset);
std::optional<Subset> parse_subset(std::string_view token);

}  // namespace totum
