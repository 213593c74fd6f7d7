#pragma once
// Strict reading of JSON configuration: unknown keys, wrong types and impossible values are errors that name
// the file, the JSON path, the value and what is allowed.

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace totum {

struct NumberRange {  // what between(), at_least(), positive() make; usable for integers and doubles
  double low, high;
  bool low_open;
  std::string text;
};
NumberRange between(double low, double high);  // both ends allowed
NumberRange at_least(double low);
NumberRange positive();
struct Multiple {
  std::int64_t of;  // positive multiples only
};
Multiple multiple_of(std::int64_t n);
struct OneOf {
  std::vector<std::string> names;
};
OneOf one_of(std::initializer_list<const char*> names);

/// Any other condition on a value, with the words that tell a user what is allowed ("must be …").
template <class T>
struct Allowed {
  std::function<bool(const T&)> holds;
  std::string text;
};

/// Reads one JSON object key by key. Each key that is read is remembered; no_more_keys() refuses the others.
/// Copies share nothing: finish with one reader before you copy it.
class JsonReader {
 public:
  /// `file` and `path` only name the place in messages ("smoke.json: /sampler/patch_voxels"). Throws
  /// ConfigError if `value` is no object.
  JsonReader(const nlohmann::json& value, std::string file, std::string path = "");

  /// Sets `target` and returns true if `key` is there; else leaves it. T: bool, int64_t, uint64_t, int,
  /// double, std::string, std::vector<…> and std::array<…> of these. Integers are not taken from 1.5, nor
  /// bools from 0. For vectors and arrays the condition is on each element.
  template <class T>
  bool optional(std::string_view key, T& target);
  template <class T, class C>
  bool optional(std::string_view key, T& target, const C& allowed);
  /// The same, and an error if `key` is missing.
  template <class T>
  void required(std::string_view key, T& target);
  template <class T, class C>
  void required(std::string_view key, T& target, const C& allowed);

  [[nodiscard]] bool has(std::string_view key) const;
  /// The object at `key`; an empty one if the key is missing.
  [[nodiscard]] JsonReader object(std::string_view key);
  /// The objects of the array at `key`; empty if the key is missing.
  [[nodiscard]] std::vector<JsonReader> objects(std::string_view key);
  /// The value at `key` as it stands (null if missing), marked as read.
  [[nodiscard]] nlohmann::json raw(std::string_view key);
  /// Throws ConfigError that names every key which was not read, with the nearest known key ("did you mean
  /// …").
  void no_more_keys() const;
  /// Throws ConfigError "FILE: PATH/KEY is VALUE; WHAT".
  [[noreturn]] void fail(std::string_view key, const std::string& what) const;

  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  const nlohmann::json* find(std::string_view key);
  [[noreturn]] void fail_at(const std::string& path, const nlohmann::json& value,
                            const std::string& what) const;
  [[nodiscard]] std::string path_of(std::string_view key) const;

  template <class T>
  void convert(const std::string& path, const nlohmann::json& value, T& target) const;
  template <class T>
  void convert(const std::string& path, const nlohmann::json& value, std::vector<T>& target) const;
  template <class T, std::size_t N>
  void convert(const std::string& path, const nlohmann::json& value, std::array<T, N>& target) const;
  template <class T, class C>
  void check(const std::string& path, const nlohmann::json& met, const T& value, const C& allowed) const;
  template <class T, class C>
  void check(const std::string& path, const nlohmann::json& met, const std::vector<T>& values,
             const C& allowed) const;
  template <class T, std::size_t N, class C>
  void check(const std::string& path, const nlohmann::json& met, const std::array<T, N>& values,
             const C& allowed) const;

  nlohmann::json value_;
  std::string file_;
  std::string path_;
  std::set<std::string, std::less<>> known_;
};

/// The parsed JSON of a file. Throws ConfigError with line and column if it is not JSON, DataError if
/// unreadable.
nlohmann::json read_json_file(const std::filesystem::path& path);
/// The name in `known` that is nearest to `name` (edit distance of at most a third of its length), or "".
std::string nearest_name(std::string_view name, const std::vector<std::string>& known);

}  // namespace totum

#include "core/json_reader_templates.h"
