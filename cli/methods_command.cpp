#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/commands.h"
#include "experiments/registry.h"

namespace totum {

void add_methods_command(CLI::App& app, int&) {
  auto* command = app.add_subcommand("methods", "List the methods that can be trained and compared");
  auto* as_json = command->add_flag("--json")->description("Print JSON");
  command->callback([as_json] {
    nlohmann::json list = nlohmann::json::array();
    for (const MethodEntry& entry : all_methods()) {
      if (as_json->count() == 0)
        fmt::print("{:<16} {:<20} {}\n", entry.name, entry.display_name,
                   entry.citation.empty() ? entry.traits.remark : entry.citation);
      list.push_back({{"name", entry.name},
                      {"display_name", entry.display_name},
                      {"citation", entry.citation},
                      {"supervision", to_string(entry.traits.supervision)},
                      {"of_paper", entry.traits.of_paper},
                      {"remark", entry.traits.remark}});
    }
    if (as_json->count() > 0) fmt::print("{}\n", list.dump(2));
  });
}

}  // namespace totum
