// Drives a fuzz target where there is no libFuzzer: blind mutations of the seeds for some seconds. It finds
// less than coverage-guided fuzzing (see README.md), but runs with every build and compiler.
//
//   TARGET SECONDS [FIRST]      mutations FIRST, FIRST+1, ...; mutation n is a function of n alone
//   TARGET --write-seeds DIR    the seeds as files, for libFuzzer's corpus

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "core/random.h"
#include "tests/fuzz/fuzz_target.h"

namespace totum {
namespace {

const std::array<std::string, 18> kTokens{",",
                                          "\n",
                                          "\"",
                                          "{",
                                          "}",
                                          "[",
                                          "]",
                                          "null",
                                          "-1",
                                          "0",
                                          "1e999",
                                          "NaN",
                                          "9223372036854775808",
                                          "1.5",
                                          "\\u0",
                                          "\r",
                                          " ",
                                          std::string(1, '\0')};

std::string mutated(const std::vector<std::string>& seeds, std::uint64_t number) {
  RandomStream random(number, "fuzz", 0, 0);
  const auto below = [&](std::size_t n) {
    return static_cast<std::size_t>(random.below(static_cast<std::int64_t>(n)));
  };
  std::string text = seeds[below(seeds.size())];
  const std::size_t changes = 1 + below(6);
  for (std::size_t i = 0; i < changes; ++i) {
    const std::size_t at = below(text.size() + 1);
    const std::size_t length = std::min(1 + below(16), text.size() - at);
    switch (below(6)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ static_cast<char>(1U << below(8)));
        break;
      case 1:
        if (at < text.size()) text[at] = static_cast<char>(below(256));
        break;
      case 2:
        text.erase(at, length);
        break;
      case 3:
        text.insert(at, kTokens[below(kTokens.size())]);
        break;
      case 4:  // a piece once more, somewhere else
        text.insert(below(text.size() + 1), text.substr(at, length));
        break;
      default:
        text.resize(at);
    }
  }
  return text;
}

void write_seeds(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  const auto seeds = seed_inputs();
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    std::ofstream(folder / ("seed-" + std::to_string(i)), std::ios::binary) << seeds[i];
  }
}

int run(double seconds, std::uint64_t first) {
  using Clock = std::chrono::steady_clock;
  const auto seeds = seed_inputs();
  for (const std::string& seed : seeds) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(seed.data()), seed.size());
  }
  const auto start = Clock::now();
  std::uint64_t number = first;
  while (std::chrono::duration<double>(Clock::now() - start).count() < seconds) {
    const std::string text = mutated(seeds, number);
    try {
      LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    } catch (const std::exception& error) {
      std::fprintf(stderr, "mutation %llu: %s\n", static_cast<unsigned long long>(number), error.what());
      return 1;
    }
    ++number;
  }
  std::printf("%llu mutations without a finding\n", static_cast<unsigned long long>(number - first));
  return 0;
}

}  // namespace
}  // namespace totum

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--write-seeds") {
    totum::write_seeds(argv[2]);
    return 0;
  }
  if (argc != 2 && argc != 3) {
    std::fprintf(stderr, "usage: %s SECONDS [FIRST] | --write-seeds DIR\n", argv[0]);
    return 2;
  }
  return totum::run(std::strtod(argv[1], nullptr), argc == 3 ? std::strtoull(argv[2], nullptr, 10) : 0);
}
