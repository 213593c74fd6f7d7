// Splits: CSV with cases, tasks and labelled organs.

#include <algorithm>

#include "core/error.h"
#include "data/split.h"
#include "tests/fuzz/fuzz_target.h"

namespace totum {

std::vector<std::string> seed_inputs() {
  auto seeds = files_in(TOTUM_SOURCE_DIR "/data_splits", ".csv");
  seeds.resize(std::min<std::size_t>(seeds.size(), 2));  // the smallest
  return seeds;
}

}  // namespace totum

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const totum::MemoryFile file(data, size);
  try {
    (void)totum::read_split(file.path(), {"ct_a", "ct_b", "mr"});
  } catch (const totum::Error&) {  // a refusal is an answer
  }
  return 0;
}
