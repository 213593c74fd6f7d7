// Scores: CSV in long form, also written by other programs.

#include "core/error.h"
#include "evaluation/scores.h"
#include "tests/fuzz/fuzz_target.h"

namespace totum {

std::vector<std::string> seed_inputs() {
  return {
      "run,case,modality,organ,relation,grid,metric,in_reference,value\n"
      "full/seed-0,amos_0001,ct,1,cross,network,dice,1,0.5\n"
      "full/seed-0,amos_0001,ct,5,intra,network,dice,1,0.93750000000000011\n"
      "full/seed-0,amos_0510,mr,1,intra,native,dice_published,0,\n",
      "run,case,modality,organ,relation,grid,metric,value\na,amos_0001,ct,1,cross,native,dice,1\n",
  };
}

}  // namespace totum

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const totum::MemoryFile file(data, size);
  try {
    (void)totum::read_scores(file.path());
  } catch (const totum::Error&) {  // a refusal is an answer
  }
  return 0;
}
