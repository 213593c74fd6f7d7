#pragma once
// The numbers of a table's cells, patients and organs, as JSON. Internal to reports/.

#include <nlohmann/json.hpp>

#include "reports/table_context.h"

namespace totum {

/// One object for each (cell, entry): counts, mean, deviation, intervals, seeds, the paper's number and how
/// ours stands to it. A cell without a score says why instead.
nlohmann::json table_values(const TableContext& context);

/// For each basic cell and each entry the mean over the cell's organs (and over seeds) of every patient.
nlohmann::json table_patients(const TableContext& context);

/// Mean and number of patients of each organ in test images of each modality, for each entry.
nlohmann::json table_organs(const TableContext& context);

}  // namespace totum
