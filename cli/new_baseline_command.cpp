#include <fmt/format.h>

#include <memory>
#include <string>

#include "cli/commands.h"
#include "experiments/new_baseline.h"
#include "experiments/resources.h"

namespace totum {

void add_new_baseline_command(CLI::App& app, int&) {
  auto baseline = std::make_shared<NewBaseline>();
  auto root = std::make_shared<std::string>();
  auto* command = app.add_subcommand(
      "new-baseline", "Write the files of a new method from a template that trains and passes the tests");
  command->add_option("NAME", baseline->name, "Its name: lower-case letters, digits, underscores")
      ->required();
  command->add_option("--display-name", baseline->display_name, "As tables show it (default: from NAME)");
  command->add_option("--root", *root, "The source tree (default: the one this program was built from)");
  command->callback([baseline, root] {
    baseline->root = root->empty() ? resource_folder() : std::filesystem::path(*root);
    for (const auto& file : add_baseline(*baseline)) fmt::print("{}\n", file.string());
    fmt::print(stderr,
               "{0} is a method now: it trains the plain network until you change baselines/{0}.cpp.\n"
               "Next: ./totum test -R 'contract|trainer|baselines', then give it a row in "
               "experiments/tables/table1.json (docs/adding-a-baseline.md).\n",
               baseline->name);
  });
}

}  // namespace totum
