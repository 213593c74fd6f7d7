#pragma once
// Counter-based randomness: what is drawn depends on (seed, purpose, iteration, slot) and the number of the
// draw in that stream, never on how often any generator was called elsewhere. The same on every machine and
// thread count.

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace totum {

/// Philox4x32-10: four random words from a counter and a key. Source: Salmon et al., SC 2011.
std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter,
                                           std::array<std::uint32_t, 2> key);

/// A stream of random numbers named by (seed, purpose, iteration, slot). Cheap to make; not shared between
/// threads.
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, std::string_view purpose, std::uint64_t iteration = 0,
               std::uint64_t slot = 0);

  std::uint32_t bits();                     // uniform in 0..2^32-1
  double uniform();                         // [0,1), 53 bits
  double uniform(double low, double high);  // [low,high)
  std::int64_t below(std::int64_t n);       // 0..n-1, without bias; n >= 1
  bool chance(double probability);          // true with that probability
  double normal();                          // N(0,1), Box-Muller
  double normal(double mean, double sd);
  std::vector<std::int64_t> permutation(std::int64_t n);  // of 0..n-1, Fisher-Yates

 private:
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> words_{};
  int used_ = 4;
  double spare_normal_ = 0;
  bool has_spare_normal_ = false;
};

/// A new 64-bit seed from a seed and a name (for a stream of streams).
std::uint64_t derive_seed(std::uint64_t seed, std::string_view name);

}  // namespace totum
