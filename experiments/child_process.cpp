#include "experiments/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "core/error.h"

namespace totum {

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kPoll = std::chrono::milliseconds(20);
constexpr double kGrace_s = 5;  // between SIGTERM and SIGKILL

// Becomes the program; on failure writes errno into the pipe. Only calls that are safe after a fork.
[[noreturn]] void become(char* const* arguments, const char* output, pid_t parent, int failure_pipe) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  const int in = ::open("/dev/null", O_RDONLY);
  const int out = ::open(output, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (in >= 0 && out >= 0) {
    ::dup2(in, STDIN_FILENO);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(out, STDERR_FILENO);
    ::execvp(arguments[0], arguments);
  }
  const int error = errno;
  if (::write(failure_pipe, &error, sizeof error) < 0) ::_exit(126);
  ::_exit(127);
}

pid_t start(const ChildCommand& command) {
  std::vector<std::string> texts = command.arguments;
  std::vector<char*> arguments;
  for (std::string& text : texts) arguments.push_back(text.data());
  arguments.push_back(nullptr);
  const std::string output = command.output.string();
  const pid_t parent = ::getpid();
  std::array<int, 2> failure{};
  if (::pipe2(failure.data(), O_CLOEXEC) != 0)
    throw RunError(fmt::format("no pipe for {}: {}", texts[0], std::strerror(errno)));
  const pid_t child = ::fork();
  if (child == 0) become(arguments.data(), output.c_str(), parent, failure[1]);
  const int fork_error = errno;
  ::close(failure[1]);
  int error = child < 0 ? fork_error : 0;
  const bool failed = child < 0 || ::read(failure[0], &error, sizeof error) > 0;  // closed by a good exec
  ::close(failure[0]);
  if (!failed) return child;
  if (child > 0) ::waitpid(child, nullptr, 0);
  throw RunError(fmt::format("{}: can't be started: {}", texts[0], std::strerror(error)));
}

double seconds_since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

}  // namespace

ChildResult run_child(const ChildCommand& command) {
  const pid_t child = start(command);
  const auto begun = Clock::now();
  ChildResult result;
  bool ended_by_us = false;
  Clock::time_point asked;
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    const bool late = command.time_limit_s > 0 && seconds_since(begun) > command.time_limit_s;
    const bool stop = command.should_stop && command.should_stop();
    if (!ended_by_us && (late || stop)) {
      result.end = stop ? ChildEnd::stopped : ChildEnd::timed_out;
      ended_by_us = true;
      asked = Clock::now();
      ::kill(-child, SIGTERM);
    } else if (ended_by_us && seconds_since(asked) > kGrace_s) {
      ::kill(-child, SIGKILL);
    }
    std::this_thread::sleep_for(kPoll);
  }
  ::kill(-child, SIGKILL);  // whatever it left behind
  if (ended_by_us) return result;
  if (WIFSIGNALED(status)) return {ChildEnd::killed, WTERMSIG(status)};
  return {ChildEnd::exited, WEXITSTATUS(status)};
}

}  // namespace totum
