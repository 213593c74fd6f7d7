#pragma once
// The templates of json_reader.h; include that, not this.

#include <type_traits>

namespace totum {

namespace json_detail {

bool read(const nlohmann::json& value, bool& target);
bool read(const nlohmann::json& value, std::int64_t& target);
bool read(const nlohmann::json& value, std::uint64_t& target);
bool read(const nlohmann::json& value, int& target);
bool read(const nlohmann::json& value, double& target);
bool read(const nlohmann::json& value, std::string& target);

template <class T>
constexpr const char* type_words() {
  if constexpr (std::is_same_v<T, bool>) return "true or false";
  if constexpr (std::is_same_v<T, double>) return "a number";
  if constexpr (std::is_same_v<T, std::string>) return "a string";
  if constexpr (std::is_same_v<T, std::uint64_t>) return "a whole number, 0 or more";
  return "a whole number";
}

bool meets(double value, const NumberRange& range);
bool meets(std::int64_t value, const Multiple& multiple);
bool meets(const std::string& value, const OneOf& names);
template <class T>
bool meets(const T& value, const Allowed<T>& allowed) {
  return allowed.holds(value);
}

std::string words(const NumberRange& range);
std::string words(const Multiple& multiple);
std::string words(const OneOf& names);
template <class T>
std::string words(const Allowed<T>& allowed) {
  return allowed.text;
}

}  // namespace json_detail

template <class T>
void JsonReader::convert(const std::string& path, const nlohmann::json& value, T& target) const {
  if (!json_detail::read(value, target)) {
    fail_at(path, value, std::string("must be ") + json_detail::type_words<T>());
  }
}

template <class T>
void JsonReader::convert(const std::string& path, const nlohmann::json& value, std::vector<T>& target) const {
  if (!value.is_array()) fail_at(path, value, "must be an array");
  std::vector<T> read(value.size());
  for (std::size_t i = 0; i < value.size(); ++i) {
    T element{};
    convert(path + "/" + std::to_string(i), value[i], element);
    read[i] = element;
  }
  target = std::move(read);
}

template <class T, std::size_t N>
void JsonReader::convert(const std::string& path, const nlohmann::json& value,
                         std::array<T, N>& target) const {
  if (!value.is_array() || value.size() != N) {
    fail_at(path, value, "must be an array of " + std::to_string(N) + " values");
  }
  for (std::size_t i = 0; i < N; ++i) convert(path + "/" + std::to_string(i), value[i], target[i]);
}

template <class T, class C>
void JsonReader::check(const std::string& path, const nlohmann::json& met, const T& value,
                       const C& allowed) const {
  bool good = false;
  if constexpr (std::is_same_v<C, NumberRange>) {
    good = json_detail::meets(static_cast<double>(value), allowed);
  } else {
    good = json_detail::meets(value, allowed);
  }
  if (!good) fail_at(path, met, "must be " + json_detail::words(allowed));
}

template <class T, class C>
void JsonReader::check(const std::string& path, const nlohmann::json& met, const std::vector<T>& values,
                       const C& allowed) const {
  for (std::size_t i = 0; i < values.size(); ++i)
    check(path + "/" + std::to_string(i), met[i], values[i], allowed);
}

template <class T, std::size_t N, class C>
void JsonReader::check(const std::string& path, const nlohmann::json& met, const std::array<T, N>& values,
                       const C& allowed) const {
  for (std::size_t i = 0; i < N; ++i) check(path + "/" + std::to_string(i), met[i], values[i], allowed);
}

template <class T>
bool JsonReader::optional(std::string_view key, T& target) {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return false;
  convert(path_of(key), *value, target);
  return true;
}

template <class T, class C>
bool JsonReader::optional(std::string_view key, T& target, const C& allowed) {
  T read = target;
  if (!optional(key, read)) return false;
  check(path_of(key), *find(key), read, allowed);
  target = std::move(read);
  return true;
}

template <class T>
void JsonReader::required(std::string_view key, T& target) {
  if (!optional(key, target)) fail(key, "is missing");
}

template <class T, class C>
void JsonReader::required(std::string_view key, T& target, const C& allowed) {
  if (!optional(key, target, allowed)) fail(key, "is missing; must be " + json_detail::words(allowed));
}

}  // namespace totum
