#pragma once
// A plain parallel loop over independent items.

#include <cstdint>
#include <functional>

namespace totum {

/// Cores that this process may use (its affinity, not the machine's size); at least 1.
[[nodiscard]] int available_cores();

/// Calls work(i) for i in 0..count-1 on up to `threads` threads (0 = all available cores). The first
/// exception (that of the lowest i among those thrown) is rethrown after all threads have stopped; no new
/// items are begun after one threw.
void parallel_for(std::int64_t count, int threads, const std::function<void(std::int64_t)>& work);

}  // namespace totum
