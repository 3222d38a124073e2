// Inspect: what stands in checkpoints and savepoints, as text for people.
#pragma once

#include <string>

#include "base/status.h"

namespace millrace {

// The checkpoints below `path` (a job's folder, a folder of checkpoints, a savepoint), newest first.
Result<std::string> ListCheckpoints(const std::string& path);
// One checkpoint in full: sources, operators with the tables and files of their state, sinks. With
// `rows`, up to so many rows of each table.
Result<std::string> ShowCheckpoint(const std::string& path, int64_t rows);
// What differs between two checkpoints.
Result<std::string> DiffCheckpoints(const std::string& from, const std::string& to);

// Copies a checkpoint with all its files into the folder `to`, which is made and must be empty; state
// tables that lie in RocksDB become Parquet. Says what was written. The copy can be restored as the
// original can.
Result<std::string> ExportCheckpoint(const std::string& path, const std::string& to);

}  // namespace millrace
