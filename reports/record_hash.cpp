#include "reports/record_hash.h"

#include <string_view>

#include "core/sha256.h"

namespace totum {

std::string config_sha256(const nlohmann::json& record) {
  nlohmann::json preset = record.at("config");
  for (const char* key : {"description", "seeds", "method_options"}) preset.erase(key);
  for (const char* key : {"checkpoint_every_s", "checkpoint_every_iterations", "log_every_iterations"}) {
    preset.at("schedule").erase(key);
  }
  const nlohmann::json all{{"preset", preset},
                           {"method", record.at("method")},
                           {"options", record.at("options")},
                           {"seed", record.at("seed")},
                           {"device", record.at("device")}};
  return sha256(std::string_view(all.dump()));
}

}  // namespace totum
