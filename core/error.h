#pragma once
// The error types of totum. A message says where, what and what to do, with the value met and the values
// allowed.

#include <stdexcept>
#include <string>

namespace totum {

/// Base of every error that a user's input, data or machine can cause; `main` prints what() and exits with
/// exit_status().
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  [[nodiscard]] virtual int exit_status() const noexcept { return 1; }
};

/// The command line, a preset, a table or a split is wrong: the user's mistake, exit status 2.
class ConfigError final : public Error {
 public:
  using Error::Error;
  [[nodiscard]] int exit_status() const noexcept override { return 2; }
};

/// A data file (image, label, cache, scores, checkpoint) is missing, damaged or not what it should be.
/// `users_mistake` is true where the user named the wrong folder or file (exit status 2), false where data is
/// damaged (1).
class DataError final : public Error {
 public:
  explicit DataError(const std::string& message, bool users_mistake = false)
      : Error(message), users_mistake_(users_mistake) {}
  [[nodiscard]] int exit_status() const noexcept override { return users_mistake_ ? 2 : 1; }

 private:
  bool users_mistake_;
};

/// A run or an outside step failed while it worked (a loss became NaN, a disk is full, a run is held
/// elsewhere).
class RunError : public Error {
 public:
  using Error::Error;
};

/// A folder or file is in use by another process.
class HeldError final : public RunError {
 public:
  using RunError::RunError;
};

/// The user asked to stop (Ctrl-C or SIGTERM); work stopped at a safe point. Exit status 130.
class Interrupted final : public Error {
 public:
  using Error::Error;
  [[nodiscard]] int exit_status() const noexcept override { return 130; }
};

}  // namespace totum
