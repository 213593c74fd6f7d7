#pragma once
// Progress of long work: a bar with ETA on a terminal, a line with a timestamp now and then elsewhere. On
// stderr.

#include <cstdint>
#include <memory>
#include <string>

namespace totum {

class Progress {
 public:
  virtual ~Progress() = default;
  /// Begins work of `total` steps; `what` is shown ("preprocessing 36 cases").
  virtual void start(const std::string& what, std::int64_t total) = 0;
  /// `done` steps of the current work are finished; thread-safe. `note` is shown behind the bar.
  virtual void update(std::int64_t done, const std::string& note = "") = 0;
  virtual void finish() = 0;
};

/// A bar if stderr is a terminal, else log lines at most every 10 seconds.
std::unique_ptr<Progress> make_console_progress();
/// Shows nothing (tests).
std::unique_ptr<Progress> make_silent_progress();

}  // namespace totum
