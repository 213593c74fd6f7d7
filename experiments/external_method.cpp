#include "experiments/external_method.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <string.h>

#include <algorithm>
#include <deque>
#include <sstream>

#include "core/error.h"
#include "core/files.h"
#include "core/sha256.h"
#include "experiments/child_process.h"
#include "experiments/exchange_folder.h"
#include "experiments/resources.h"

namespace totum {

namespace {

namespace fs = std::filesystem;

struct ExternalOptions {
  std::vector<std::string> command;
  std::string grid = "native";
  double time_limit_s = 0;
  bool keep_folder = false;
};

ExternalOptions read_options(JsonReader options) {
  ExternalOptions out;
  options.required("command", out.command);
  if (out.command.empty() || out.command.front().empty())
    options.fail("command", "must be a program and its arguments: [\"python3\", \"my.py\", \"{folder}\"]");
  options.optional("grid", out.grid, one_of({"native", "network"}));
  options.optional("time_limit_s", out.time_limit_s, positive());
  options.optional("keep_folder", out.keep_folder);
  options.no_more_keys();
  return out;
}

std::string replaced(std::string text, std::string_view what, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
  return text;
}

std::vector<std::string> arguments_for(const ExternalOptions& options, const fs::path& folder) {
  const std::string place = fs::absolute(folder).lexically_normal().string();
  std::vector<std::string> arguments;
  bool named = false;
  for (const std::string& argument : options.command) {
    named = named || argument.find("{folder}") != std::string::npos;
    arguments.push_back(
        replaced(replaced(argument, "{totum}", resource_folder().string()), "{folder}", place));
  }
  if (!named) arguments.push_back(place);
  return arguments;
}

// The last lines of a program's output, in ASCII: they go into JSON.
std::string last_lines(const fs::path& path) {
  constexpr std::size_t kLines = 10;
  std::istringstream text(fs::exists(path) ? read_file(path) : "");
  std::deque<std::string> lines;
  for (std::string line; std::getline(text, line);) {
    std::replace_if(
        line.begin(), line.end(), [](unsigned char c) { return (c < 32 && c != '\t') || c > 126; }, '?');
    lines.push_back(line);
    if (lines.size() > kLines) lines.pop_front();
  }
  return lines.empty() ? "" : fmt::format("; its last output:\n  {}", fmt::join(lines, "\n  "));
}

class External final : public LabelSource {
 public:
  explicit External(ExternalOptions options) : options_(std::move(options)) {}

  void prepare(const SourceJob& job, Progress& progress) override {
    const Exchange exchange = exchange_of(job);
    const auto arguments = arguments_for(options_, exchange.folder);
    for (const std::string& argument : arguments) {
      std::error_code ignored;
      if (fs::is_regular_file(argument, ignored)) origins_[argument] = sha256_of_file(argument);
    }
    progress.start(fmt::format("{}: {}", job.run, options_.command.front()), 1);
    write_exchange_folder(exchange, job);
    run(arguments, job);
    check_predictions(exchange, job);
    progress.finish();
  }

  CasePrediction predict(const SourceJob& job, const PreparedCase& image) override {
    return read_prediction(exchange_of(job), image);
  }

  void finish(const SourceJob& job) override {
    if (!options_.keep_folder) fs::remove_all(exchange_of(job).folder);
  }

  [[nodiscard]] std::map<std::string, std::string> origins() const override { return origins_; }

 private:
  [[nodiscard]] Exchange exchange_of(const SourceJob& job) const {
    return {job.folder / "external", options_.grid, options_.time_limit_s};
  }

  void run(const std::vector<std::string>& arguments, const SourceJob& job) const {
    const fs::path log = job.folder / "external.log";
    const ChildResult result = run_child({arguments, log, options_.time_limit_s, job.should_stop});
    const std::string& name = options_.command.front();
    switch (result.end) {
      case ChildEnd::stopped:
        throw Interrupted(
            fmt::format("{}: the external program was stopped; the same command begins it again", job.run));
      case ChildEnd::timed_out:
        throw RunError(fmt::format(
            "the external program {} ran longer than {} s and was ended; raise options/time_limit_s{}", name,
            options_.time_limit_s, last_lines(log)));
      case ChildEnd::killed:
        throw RunError(fmt::format("the external program {} was killed by signal {} ({}){}", name,
                                   result.status, ::strsignal(result.status), last_lines(log)));
      case ChildEnd::exited:
        if (result.status == 0) return;
        throw RunError(fmt::format("the external program {} ended with status {}; see {}{}", name,
                                   result.status, log.string(), last_lines(log)));
    }
  }

  ExternalOptions options_;
  std::map<std::string, std::string> origins_;
};

}  // namespace

std::unique_ptr<LabelSource> make_external(JsonReader options) {
  return std::make_unique<External>(read_options(std::move(options)));
}

}  // namespace totum
