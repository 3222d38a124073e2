// Where a job keeps its state, as `state.backend.*` says.
#pragma once

#include <memory>
#include <string>

#include "connectors/connector.h"
#include "state/rocksdb_store.h"

namespace millrace {

struct StateBackend {
  bool rocksdb = false;             // else all state stays in memory
  int64_t memory_bytes = int64_t{1} << 30;  // of all operators together
  std::string folder;               // "": the job's
};

// For a job of `workers` workers. Names as in Flink:
//   state.backend.type                                hashmap | rocksdb
//   state.backend.rocksdb.memory.fixed-per-tm         the whole process's (1 gb)
//   state.backend.rocksdb.memory.fixed-per-slot       for each worker instead
//   state.backend.rocksdb.localdir                    where the working files are
Result<StateBackend> ReadStateBackend(const Options& session, int workers);

// Null if all state stays in memory. `folder`: where the backend names none; "": the system's for
// temporary files.
Result<std::shared_ptr<RocksDbSpace>> MakeSpace(const StateBackend& backend,
                                                const std::string& folder);

}  // namespace millrace
