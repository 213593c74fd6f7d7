#pragma once
// What the commands that make reports have in common.

#include <string>
#include <vector>

#include "reports/table_spec.h"

namespace totum {

/// The named tables (files in experiments/tables, without .json, or paths); table1 and table2 if none is
/// named.
std::vector<TableSpec> read_tables(const std::vector<std::string>& names);
PublishedNumbers published_numbers();

}  // namespace totum
