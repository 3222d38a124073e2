#include "engine/state_backend.h"

#include <filesystem>

#include "formats/options.h"

namespace millrace {
namespace {

constexpr int64_t kLeastMemory = 1 << 10;

Result<int64_t> MemoryOption(const Options& session, const std::string& key) {
  const auto bytes = ParseMemorySize(StringOption(session, key, ""));
  MILL_RETURN(Annotate(bytes.status(), "option '" + key + "'"));
  if (*bytes >= kLeastMemory) return bytes;
  return UserError("option '{}': {} bytes are less than the least that works, {}", key, *bytes,
                   kLeastMemory);
}

}  // namespace

Result<StateBackend> ReadStateBackend(const Options& session, int workers) {
  StateBackend backend;
  const std::string type = StringOption(session, "state.backend.type",
                                        StringOption(session, "state.backend", "hashmap"));
  if (type != "hashmap" && type != "rocksdb") {
    return UserError("option 'state.backend.type': '{}' is neither 'hashmap' nor 'rocksdb'", type);
  }
  backend.rocksdb = type == "rocksdb";
  const std::string prefix = "state.backend.rocksdb.";
  const std::string whole = prefix + "memory.fixed-per-tm", slot = prefix + "memory.fixed-per-slot";
  if (session.contains(whole)) {
    MILL_ASSIGN(backend.memory_bytes, MemoryOption(session, whole));
  } else if (session.contains(slot)) {
    MILL_ASSIGN(backend.memory_bytes, MemoryOption(session, slot));
    backend.memory_bytes *= workers;
  }
  backend.folder = StringOption(session, prefix + "localdir", "");
  if (backend.folder.starts_with("file://")) backend.folder.erase(0, 7);
  return backend;
}

Result<std::shared_ptr<RocksDbSpace>> MakeSpace(const StateBackend& backend,
                                                const std::string& folder) {
  if (!backend.rocksdb) return nullptr;
  std::error_code error;
  std::string chosen = backend.folder.empty() ? folder : backend.folder;
  if (chosen.empty()) chosen = std::filesystem::temp_directory_path(error).string();
  return RocksDbSpace::Make(chosen, backend.memory_bytes);
}

}  // namespace millrace
