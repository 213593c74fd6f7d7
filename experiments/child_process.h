#pragma once
// Another program, run to its end, to a time limit, or until somebody asks to stop.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace totum {

struct ChildCommand {
  std::vector<std::string> arguments;  // the program first; looked for on PATH if it has no '/'
  std::filesystem::path output;        // file that takes its stdout and stderr
  double time_limit_s = 0;             // 0: none
  std::function<bool()> should_stop;   // asked every few hundredths of a second
};

enum class ChildEnd : std::uint8_t { exited, killed, timed_out, stopped };
struct ChildResult {
  ChildEnd end = ChildEnd::exited;
  int status = 0;  // exit status, or the signal that killed it
};

/// Runs in a process group of its own, in the current directory, with our environment and no stdin. At the
/// time limit or a stop the group gets SIGTERM and, five seconds later, SIGKILL; what a program leaves
/// running in its group when it ends is killed, too. It dies with this process. Throws RunError if it can't
/// be started.
ChildResult run_child(const ChildCommand& command);

}  // namespace totum
