#include "cli/report_arguments.h"

#include "experiments/resources.h"

namespace totum {

std::vector<TableSpec> read_tables(const std::vector<std::string>& names) {
  std::vector<TableSpec> tables;
  const std::vector<std::string> all{"table1", "table2"};
  for (const std::string& name : names.empty() ? all : names)
    tables.push_back(read_table_spec(table_file(name)));
  return tables;
}

PublishedNumbers published_numbers() {
  return PublishedNumbers(resource_folder() / "experiments/tables/paper_tables.csv");
}

}  // namespace totum
