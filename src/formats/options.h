// WITH (...) options as typed values, for formats and connectors.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/status.h"
#include "formats/format.h"

namespace millrace {

// Parses "10 s", "500ms", "1 min", "PT10S", "10 MB" as Flink does.
Result<std::chrono::milliseconds> ParseDuration(const std::string& text);
Result<int64_t> ParseMemorySize(const std::string& text);
// Options with a default, typed; errors name the option and the value.
Result<int64_t> IntOption(const Options& options, const std::string& key, int64_t fallback);
Result<bool> BoolOption(const Options& options, const std::string& key, bool fallback);
Result<double> DoubleOption(const Options& options, const std::string& key, double fallback);
std::string StringOption(const Options& options, const std::string& key,
                         const std::string& fallback);
Result<std::chrono::milliseconds> DurationOption(const Options& options, const std::string& key,
                                                 std::chrono::milliseconds fallback);

}  // namespace millrace
