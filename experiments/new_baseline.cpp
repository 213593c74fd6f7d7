#include "experiments/new_baseline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "core/error.h"
#include "core/files.h"

namespace totum {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kRegistryMark = "// `totum new-baseline` adds its line above this one.";
constexpr std::size_t kColumns = 110;

struct PlannedFile {
  fs::path path;       // relative to the root
  std::string text;    // what it is to be
  std::string before;  // what it was
  bool is_new = false;
};

void check_name(const std::string& name) {
  const auto fits = [](unsigned char c) { return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '_'; };
  const bool ok = name.size() >= 2 && name.size() <= 30 &&
                  std::islower(static_cast<unsigned char>(name[0])) != 0 && name.back() != '_' &&
                  name.find("__") == std::string::npos && std::all_of(name.begin(), name.end(), fits);
  if (ok) return;
  throw ConfigError(
      fmt::format("\"{}\" can't name a baseline; must be 2 to 30 lower-case letters, digits and single "
                  "underscores, beginning "
                  "with a letter: my_method",
                  name));
}

void check_display_name(const std::string& name) {
  const bool ok = name.size() <= 40 &&
                  std::none_of(name.begin(), name.end(), [](unsigned char c) { return c < 32 || c == 127; });
  if (!ok) throw ConfigError("--display-name must be one line of at most 40 bytes");
}

// "my_method" -> "MyMethod"
std::string class_name(const std::string& name) {
  std::string out;
  bool upper = true;
  for (const char c : name) {
    if (c != '_') out += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = c == '_';
  }
  return out;
}

// "my_method" -> "My method"
std::string display_name(const NewBaseline& baseline) {
  if (!baseline.display_name.empty()) return baseline.display_name;
  std::string out = baseline.name;
  std::replace(out.begin(), out.end(), '_', ' ');
  out[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(out[0])));
  return out;
}

// A line with "@wrap@" is broken there, and aligned with its parenthesis, if it is too long for one.
std::string wrapped(const std::string& text) {
  constexpr std::string_view kMark = "@wrap@";
  std::string out = text;
  for (std::size_t at = 0; (at = out.find(kMark, at)) != std::string::npos;) {
    const std::size_t begin = out.rfind('\n', at) + 1;
    const std::size_t length = out.find('\n', at) - begin - kMark.size() + 1;
    const std::size_t indent = out.find('(', begin) + 1 - begin;
    std::string by(length <= kColumns ? " " : "\n");
    if (length > kColumns) by.append(indent, ' ');
    out.replace(at, kMark.size(), by);
  }
  return out;
}

std::string filled(std::string text, const NewBaseline& baseline) {
  for (const auto& [mark, value] : {std::pair{std::string("@name@"), baseline.name},
                                    std::pair{std::string("@Class@"), class_name(baseline.name)}}) {
    for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos; at += value.size())
      text.replace(at, mark.size(), value);
  }
  return wrapped(text);
}

[[noreturn]] void fail_place(const fs::path& file, const std::string& what) {
  throw ConfigError(
      fmt::format("{}: {} was not found, so nothing is changed; add the baseline by hand as "
                  "docs/adding-a-baseline.md says",
                  file.string(), what));
}

// Adds a source to the list between SOURCES and LINKS of the CMake call that begins with `call`.
std::string with_source(const std::string& text, const fs::path& file, const std::string& call,
                        const std::string& source) {
  const std::size_t begin = text.find(call);
  const std::size_t sources = begin == std::string::npos ? begin : text.find("SOURCES ", begin);
  const std::size_t links = sources == std::string::npos ? sources : text.find("LINKS", sources);
  if (links == std::string::npos) fail_place(file, fmt::format("the list of sources of {}", call));
  const std::string list = text.substr(sources, links - sources);
  if (list.find(" " + source) != std::string::npos) return text;  // left by a call that was killed
  const std::size_t last = text.find_last_not_of(" \n", links - 1) + 1;
  const std::size_t line = text.rfind('\n', last) + 1;
  const bool fits = last - line + 1 + source.size() <= kColumns;
  return text.substr(0, last) + (fits ? " " : "\n          ") + source + text.substr(last);
}

// Quotation marks and backslashes as in a C++ string.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
  return out + "\"";
}

// The entry as clang-format would write it.
std::string registry_line(const NewBaseline& baseline) {
  std::string text = "      MethodEntry{";
  const std::size_t indent = text.size();
  std::size_t column = indent;
  const std::string words[] = {fmt::format("\"{}\",", baseline.name), quoted(display_name(baseline)) + ",",
                               "\"\",", fmt::format("make_{}}},", baseline.name)};
  for (const std::string& word : words) {
    const bool first = column == indent;
    if (!first && column + 1 + word.size() > kColumns) {
      text += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (!first) {
      text += ' ';
      ++column;
    }
    text += word;
    column += word.size();
  }
  return text + "\n";
}

std::string with_registry_line(const std::string& text, const fs::path& file, const NewBaseline& baseline) {
  const std::size_t mark = text.find(kRegistryMark);
  if (mark == std::string::npos) fail_place(file, fmt::format("the line \"{}\"", kRegistryMark));
  const std::size_t line = text.rfind('\n', mark) + 1;
  std::string out = text.substr(0, line) + registry_line(baseline) + text.substr(line);
  // The includes are sorted: before the first that comes after it.
  const std::string include = fmt::format("#include \"baselines/{}.h\"\n", baseline.name);
  std::size_t at = out.find("#include \"");
  at = out.find("#include \"", at + 1);  // behind the file's own header
  while (at != std::string::npos && out.compare(at, include.size(), include) < 0 &&
         out.compare(at, 10, "#include \"") == 0) {
    at = out.find('\n', at) + 1;
  }
  if (at == std::string::npos) fail_place(file, "the list of includes");
  return out.insert(at, include);
}

std::vector<PlannedFile> plan(const NewBaseline& b) {
  const fs::path templates = b.root / "baselines/template";
  std::vector<PlannedFile> files;
  for (const auto& [path, name] :
       {std::pair{fs::path("baselines") / (b.name + ".h"), "baseline.h.in"},
        std::pair{fs::path("baselines") / (b.name + ".cpp"), "baseline.cpp.in"},
        std::pair{fs::path("tests/baselines") / (b.name + "_test.cpp"), "baseline_test.cpp.in"}}) {
    files.push_back({path, filled(read_file(templates / name), b), "", true});
  }
  const auto edit = [&](const fs::path& path, const auto& change) {
    const std::string before = read_file(b.root / path);
    files.push_back({path, change(before), before, false});
  };
  edit("baselines/CMakeLists.txt", [&](const std::string& text) {
    return with_source(text, "baselines/CMakeLists.txt", "totum_library(baselines", b.name + ".cpp");
  });
  edit("tests/baselines/CMakeLists.txt", [&](const std::string& text) {
    return with_source(text, "tests/baselines/CMakeLists.txt", "totum_test(baselines_test",
                       b.name + "_test.cpp");
  });
  edit("experiments/registry.cpp",
       [&](const std::string& text) { return with_registry_line(text, "experiments/registry.cpp", b); });
  return files;
}

void check_new(const NewBaseline& baseline, const std::vector<PlannedFile>& files) {
  if (read_file(baseline.root / "experiments/registry.cpp").find(fmt::format("{{\"{}\",", baseline.name)) !=
      std::string::npos) {
    throw ConfigError(
        fmt::format("there is a method \"{}\" already; `totum methods` lists them all", baseline.name));
  }
  for (const PlannedFile& file : files) {
    const fs::path path = baseline.root / file.path;
    if (!file.is_new || !fs::exists(path)) continue;
    // The same bytes were left by a call that was killed before the registry's turn.
    if (!fs::is_regular_file(path) || read_file(path) != file.text)
      throw ConfigError(fmt::format("{} exists already; choose another name", file.path.string()));
  }
}

void undo(const NewBaseline& baseline, const std::vector<PlannedFile>& files, std::size_t written) {
  for (std::size_t i = 0; i < written; ++i) {
    const fs::path path = baseline.root / files[i].path;
    std::error_code ignored;
    if (files[i].is_new) {
      fs::remove(path, ignored);
    } else {
      write_file_atomically(path, files[i].before);
    }
  }
}

}  // namespace

std::vector<fs::path> add_baseline(const NewBaseline& baseline) {
  check_name(baseline.name);
  check_display_name(baseline.display_name);
  if (!fs::is_regular_file(baseline.root / "experiments/registry.cpp")) {
    throw ConfigError(
        fmt::format("{}: is no source tree of totum; name it with --root", baseline.root.string()));
  }
  const std::vector<PlannedFile> files = plan(baseline);
  check_new(baseline, files);
  std::size_t written = 0;
  try {
    for (; written < files.size(); ++written)
      write_file_atomically(baseline.root / files[written].path, files[written].text);
  } catch (...) {
    undo(baseline, files, written);
    throw;
  }
  std::vector<fs::path> changed;
  for (const PlannedFile& file : files) changed.push_back(file.path);
  return changed;
}

}  // namespace totum
