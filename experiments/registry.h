#pragma once
// The table of methods, one line for each: the proposed one and its rivals alike.

#include <span>
#include <string_view>

#include "methods/label_source.h"
#include "methods/method.h"

namespace totum {

/// What must be known about a method besides its name; stored with every run and said by every report.
struct MethodTraits {
  /// `full`: sees the labels that training cases hide, so it is no rival but a bound. The trainer gives the
  /// sampler what stands here, and nothing else does.
  Supervision supervision = Supervision::partial;
  bool of_paper = true;     // false: a row that this suite adds
  std::string_view remark;  // what tables and reports must say of it; "" for nothing
};

struct MethodEntry {
  std::string_view name;  // token in JSON and on the command line
  std::string_view display_name;
  std::string_view citation;  // first author, year and title word of its source; "" without one
  MethodFactory make;         // trained by totum; null if it is not
  MethodTraits traits = {};
  LabelSourceFactory make_source = nullptr;  // not trained by totum; null if it is
};

std::span<const MethodEntry> all_methods();
/// Throws ConfigError with the nearest name if there is no such method.
const MethodEntry& find_method(std::string_view name);
/// Builds a method that totum trains. Throws RunError for one that it does not.
std::unique_ptr<Method> make_method(std::string_view name, const MethodSetup& setup, JsonReader options);

}  // namespace totum
