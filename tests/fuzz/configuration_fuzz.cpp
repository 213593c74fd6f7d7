// JSON configuration: the strict reader below every preset and table, and what reads tables, preprocessing
// and atlas settings with it.

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/json_reader.h"
#include "data/atlas.h"
#include "data/preprocess.h"
#include "reports/table_spec.h"
#include "tests/fuzz/fuzz_target.h"

namespace totum {

std::vector<std::string> seed_inputs() {
  const std::filesystem::path experiments = TOTUM_SOURCE_DIR "/experiments";
  std::vector<std::string> seeds = files_in(experiments / "tables", ".json");
  for (const std::string& preset : files_in(experiments / "presets", ".json")) {
    const auto json = nlohmann::json::parse(preset);
    for (const char* part : {"preprocess", "atlas"}) {
      if (json.contains(part)) seeds.push_back(json[part].dump());
    }
  }
  return seeds;
}

}  // namespace totum

namespace {

template <class Read>
void tolerate(Read read) {
  try {
    read();
  } catch (const totum::Error&) {  // a refusal is an answer
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const totum::MemoryFile file(data, size);
  tolerate([&] {
    const nlohmann::json json = totum::read_json_file(file.path());
    tolerate([&] { (void)totum::read_table_spec(totum::JsonReader(json, "table.json")); });
    tolerate([&] { (void)totum::read_preprocess_config(totum::JsonReader(json, "preset.json")); });
    tolerate([&] { (void)totum::read_atlas_config(totum::JsonReader(json, "preset.json")); });
  });
  return 0;
}
