// Hive's way to keep column values in folder names: "day=2024-01-01/hour=03/". Both ways: what the
// sink makes, the source reads back.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace millrace {

// The folder of a NULL or empty value, unless 'partition.default-name' says otherwise.
inline constexpr const char* kDefaultPartition = "__DEFAULT_PARTITION__";

// `text` with the characters that Hive escapes as %XX.
std::string EscapePathName(std::string_view text);
std::string UnescapePathName(std::string_view text);

// The value of partition `name` in the folders of `path`, unescaped; none if there is no such
// folder.
std::optional<std::string> PartitionValue(std::string_view path, std::string_view name);

}  // namespace millrace
