#pragma once
// Logging to stderr (spdlog): one event, one line.

#include <string>

namespace totum {

/// Sets the level ("debug", "info", "warning", "error") and the form of a line. Called once in `main`.
void configure_logging(const std::string& level);
void log_debug(const std::string& message);
void log_info(const std::string& message);     // what a user wants to have read afterwards
void log_warning(const std::string& message);  // a result may be questionable
void log_error(const std::string& message);    // this run ends

}  // namespace totum
