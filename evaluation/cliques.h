#pragma once
// Groups of methods that were not shown to differ.

#include <cstddef>
#include <vector>

namespace totum {

/// All largest groups in which no two members differ: every pair that does not differ stands in at least one
/// of them, no pair that differs in any. A member that differs from all others is a group of its own. Members
/// ascend, groups are in lexicographic order.
///
/// differs   [member][member], symmetric; the diagonal does not count
///
/// Source: Bron and Kerbosch, Communications of the ACM 16 (1973) 575, with a pivot.
std::vector<std::vector<std::size_t>> groups_without_difference(
    const std::vector<std::vector<bool>>& differs);

}  // namespace totum
