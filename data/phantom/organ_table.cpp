#include "data/phantom/organ_table.h"

#include <libfccp/csv.h>

#include <cstring>

#include "core/error.h"
#include "data/phantom/organ_table.csv.h"

namespace totum {

namespace {

OrganTable parse_organ_table() {
  io::CSVReader<18> csv("organs.csv", kOrganTableCsv, kOrganTableCsv + std::strlen(kOrganTableCsv));
  csv.read_header(io::ignore_extra_column, "id", "name", "fx", "fy", "fz", "ext_x_mm", "ext_y_mm", "ext_z_mm",
                  "vol_ml", "vol_cv", "jit_mm", "primitive", "hu_pv", "hu_nc", "mr_t1", "mr_t2fs", "mr_t1ce",
                  "tex_sd");
  OrganTable table;
  OrganRow row;
  std::string primitive;
  std::size_t rows = 0;
  while (csv.read_row(row.id, row.name, row.centre_fraction[0], row.centre_fraction[1],
                      row.centre_fraction[2], row.extent_mm[0], row.extent_mm[1], row.extent_mm[2],
                      row.volume_ml, row.volume_cv, row.jitter_mm, primitive, row.hu_portal_venous,
                      row.hu_unenhanced, row.mr[0], row.mr[1], row.mr[2], row.texture_sd)) {
    if (rows == table.size() || row.id != static_cast<std::int64_t>(rows) + 1) {
      throw RunError("organs.csv must have the organs 1..13 in this order");
    }
    table[rows++] = row;
  }
  if (rows != table.size()) throw RunError("organs.csv must have 13 rows");
  return table;
}

}  // namespace

const char* to_string(MrSequence sequence) {
  switch (sequence) {
    case MrSequence::t1:
      return "t1";
    case MrSequence::t2fs:
      return "t2fs";
    default:
      return "t1ce";
  }
}

const OrganTable& organ_table() {
  static const OrganTable table = parse_organ_table();
  return table;
}

}  // namespace totum
