#include "core/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <mutex>

#include "core/log.h"

namespace totum {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<long>(seconds + 0.5);
  if (whole >= 3600) return fmt::format("{}h{:02}m", whole / 3600, whole / 60 % 60);
  if (whole >= 60) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}s", whole);
}

class ConsoleProgress final : public Progress {
 public:
  explicit ConsoleProgress(bool terminal) : terminal_(terminal) {}

  void start(const std::string& what, std::int64_t total) override {
    const std::lock_guard lock(mutex_);
    what_ = what;
    total_ = total;
    started_ = last_shown_ = Clock::now();
    if (!terminal_) log_info(what_);
  }

  void update(std::int64_t done, const std::string& note) override {
    const std::lock_guard lock(mutex_);
    if (seconds_since(last_shown_) < (terminal_ ? 0.1 : 10.0)) return;
    last_shown_ = Clock::now();
    const double elapsed = seconds_since(started_);
    const std::string left =
        done > 0 ? duration_text(elapsed / static_cast<double>(done) * static_cast<double>(total_ - done))
                 : "?";
    if (terminal_) {
      draw(done, left, note);
    } else {
      log_info(
          fmt::format("{}: {}/{}, {} left{}{}", what_, done, total_, left, note.empty() ? "" : ", ", note));
    }
  }

  void finish() override {
    const std::lock_guard lock(mutex_);
    if (terminal_) {
      fmt::print(stderr, "\r\033[K{}: {} in {}\n", what_, total_, duration_text(seconds_since(started_)));
    } else {
      log_info(fmt::format("{}: done in {}", what_, duration_text(seconds_since(started_))));
    }
  }

 private:
  void draw(std::int64_t done, const std::string& left, const std::string& note) const {
    constexpr std::int64_t kWidth = 30;
    const std::int64_t filled = total_ > 0 ? done * kWidth / total_ : 0;
    fmt::print(stderr, "\r\033[K{} [{:#<{}}{:.<{}}] {}/{} {} left {}", what_, "", filled, "", kWidth - filled,
               done, total_, left, note);
    std::fflush(stderr);
  }

  bool terminal_;
  std::mutex mutex_;
  std::string what_;
  std::int64_t total_ = 0;
  Clock::time_point started_;
  Clock::time_point last_shown_;
};

class SilentProgress final : public Progress {
 public:
  void start(const std::string&, std::int64_t) override {}
  void update(std::int64_t, const std::string&) override {}
  void finish() override {}
};

}  // namespace

std::unique_ptr<Progress> make_console_progress() {
  return std::make_unique<ConsoleProgress>(::isatty(STDERR_FILENO) == 1);
}
std::unique_ptr<Progress> make_silent_progress() { return std::make_unique<SilentProgress>(); }

}  // namespace totum
