#pragma once
// The device that the command line asks for.

#include <string>

namespace totum {

/// "auto": cuda if this build has it and there is a GPU, else cpu. "cpu", "cuda", "cuda:N" are checked.
/// Throws ConfigError that says what there is. `elsewhere`: the work is done on other machines, whose GPUs
/// can't be seen from here; then the device must be named.
std::string choose_device(const std::string& wanted, bool elsewhere = false);

}  // namespace totum
