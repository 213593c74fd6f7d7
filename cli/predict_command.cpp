#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <string>

#include "cli/commands.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/progress.h"
#include "experiments/devices.h"
#include "experiments/predict_folder.h"

namespace totum {

void add_predict_command(CLI::App& app, int&) {
  auto* command = app.add_subcommand("predict", "Label maps of any images, in the images' own geometry");
  auto request = std::make_shared<PredictRequest>();
  auto modality = std::make_shared<std::string>();
  auto device = std::make_shared<std::string>("auto");
  command->add_option("--run", request->run.path, "A finished run's folder")->required();
  command->add_option("--images", request->images, "A folder of *.nii.gz, or one file")->required();
  command->add_option("--out", request->out, "Where the label maps go")->required();
  command->add_option("--modality", *modality, "ct or mr, for all images; by AMOS22's ids if not given")
      ->check(CLI::IsMember({"ct", "mr"}));
  command->add_option("--device", *device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  command->callback([request, modality, device] {
    install_interrupt_handler();
    request->modality = parse_modality(*modality);
    request->device = choose_device(*device);
    const auto progress = make_console_progress();
    const PredictedFolder result = predict_folder(*request, *progress);
    for (const auto& file : result.written) fmt::print("{}\n", file.string());
    if (!result.faults.empty()) {
      throw DataError(fmt::format("{} of {} images could not be predicted:\n  {}", result.faults.size(),
                                  result.images, fmt::join(result.faults, "\n  ")));
    }
  });
}

}  // namespace totum
