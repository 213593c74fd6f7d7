// JSON configuration: the strict reader below every preset and table, and what reads tables, preprocessing
// and atlas settings with it.

#include "core/error.h"
#include "core/json_reader.h"
#include "reports/table_spec.h"
#include "tests/fuzz/fuzz_target.h"

namespace totum {

std::vector<std::string> seed_inputs() { return files_in(TOTUM_SOURCE_DIR "/experiments/tables", ".json"); }

}  // namespace totum

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const totum::MemoryFile file(data, size);
  try {
    (void)totum::read_table_spec(totum::JsonReader(totum::read_json_file(file.path()), "table.json"));
  } catch (const totum::Error&) {  // a refusal is an answer
  }
  return 0;
}
