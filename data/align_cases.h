#pragma once
// Atlas by registration (the paper's future work): every training case is registered with one of them, the
// template, instead of being resized alone. Only training images are looked at; no label, and no validation
// or test case.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/progress.h"
#include "data/case_cache.h"
#include "data/registration.h"

namespace totum {

struct CaseAlignment {
  Warp to_image;  // from a place in the atlas to the place in the case's image
  Warp to_atlas;  // and back, by a registration of its own (a B-spline has no inverse in closed form)
};

/// The case whose shape is nearest to `extent` (least sum of |log(size / extent)|; the first id of several).
const PreparedCase& template_case(const std::vector<const PreparedCase*>& cases, const Shape3& extent);

/// Registers every case with the template, both ways, `threads` cases at once, through one cache file for
/// each case. extent: the atlas's shape. Deterministic. Throws one DataError that names every case that does
/// not converge, Interrupted.
std::map<std::string, CaseAlignment> align_cases(const std::vector<const PreparedCase*>& cases,
                                                 const Shape3& extent, Registration kind,
                                                 const std::filesystem::path& cache, int threads,
                                                 Progress& progress);

}  // namespace totum
