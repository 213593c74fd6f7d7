#include <fmt/format.h>

#include <cstdio>

#include "cli/commands.h"
#include "core/version.h"
#include "experiments/environment.h"

namespace totum {

void add_version_command(CLI::App& app, int&) {
  auto* command =
      app.add_subcommand("version", "Print the versions of totum and of the libraries it was built with");
  command->callback([] {
    const Environment environment = describe_environment();
    fmt::print("totum {}\nLibTorch {}\nITK {}\n", kVersion, environment.libtorch_version,
               environment.itk_version);
  });
}

}  // namespace totum
