#pragma once
// The table of methods, one line for each: the proposed one and its rivals alike.

#include <span>
#include <string_view>

#include "methods/method.h"

namespace totum {

struct MethodEntry {
  std::string_view name;  // token in JSON and on the command line
  std::string_view display_name;
  std::string_view citation;  // first author, year and title word of its source
  MethodFactory make;
};

std::span<const MethodEntry> all_methods();
/// Throws ConfigError with the nearest name if there is no such method.
const MethodEntry& find_method(std::string_view name);

}  // namespace totum
