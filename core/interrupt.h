#pragma once
// Ctrl-C and SIGTERM as a question asked at safe points.

#include <string>

namespace totum {

/// Handles SIGINT and SIGTERM from now on: the first asks to stop, a second SIGINT ends the process at once.
/// For commands with safe points; the others end at once, which is as safe since every file is written
/// atomically.
void install_interrupt_handler();
[[nodiscard]] bool interrupt_requested() noexcept;
/// Throws Interrupted(message) if the user asked to stop; `how_to_continue` ends the message.
void stop_if_interrupted(const std::string& how_to_continue);

}  // namespace totum
