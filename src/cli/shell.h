// Shell: reads statements from the terminal and runs them one by one.
#pragma once

#include <string>
#include <vector>

#include "cli/runner.h"

namespace millrace {

// Runs until end of input or QUIT; returns the exit code. A statement that fails does not end it.
int RunShell(const RunSettings& settings, const std::vector<std::string>& sets);

}  // namespace millrace
