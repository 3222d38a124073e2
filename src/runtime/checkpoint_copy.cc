#include "runtime/checkpoint_copy.h"

#include <filesystem>
#include <set>

#include "base/files.h"
#include "state/state_file.h"
#include "state/stored_table.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kPiece = 4 << 20;  // bytes copied at once

class Copier {
 public:
  Copier(const CheckpointName& name, const std::string& root, const std::string& to)
      : name_(name), root_(root), to_(to) {}

  Result<StateChain> CopyChain(const StateChain& chain, const std::string& folder, int instance);
  Status CopyPayload(const ManifestPayload& payload);
  // Makes the names of all files durable.
  Status SyncFolders() const;

 private:
  Status CopyFile(const StateFile& file);
  // The databases of the chain as Parquet.
  Result<StateChain> Convert(const StateChain& chain, const std::string& folder, int instance);

  const CheckpointName& name_;
  const std::string& root_;
  const std::string& to_;
  std::set<fs::path> folders_;
};

Status Copier::CopyFile(const StateFile& file) {
  const fs::path path = fs::path(to_) / file.path;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) return ExternalError("cannot make the folder of '{}': {}", path.string(), error.message());
  for (fs::path folder = path.parent_path(); folder != to_; folder = folder.parent_path()) {
    folders_.insert(folder);
  }
  MILL_ASSIGN(const auto from, OpenVerified(root_, file));
  MILL_ASSIGN(auto copy, DurableFile::Create(path.string()));
  for (int64_t at = 0; at < file.bytes;) {
    MILL_ASSIGN(const auto piece, from->ReadAt(at, std::min(kPiece, file.bytes - at)));
    if (piece->size() == 0) return ExternalError("'{}' is shorter than it was", file.path);
    MILL_RETURN(copy->Write(piece->data(), piece->size()));
    at += piece->size();
  }
  return copy->Close();
}

Result<StateChain> Copier::Convert(const StateChain& chain, const std::string& folder,
                                   int instance) {
  FrozenState state(SaveMode::kFull, name_.key_groups);
  std::set<std::string> tables;
  for (const StateFile& file : chain) {
    if (file.stored) tables.insert(file.table);
  }
  for (const std::string& name : tables) {
    for (const auto& stored : StoredInChain(root_, chain, name)) {
      MILL_ASSIGN(StateTable table, TableOfStored(*stored));
      table.name = name;
      MILL_RETURN(state.WriteStored(table, stored));
    }
  }
  if (state.tables().empty()) return StateChain{};
  StoredMode mode;
  mode.as_rows = true;
  return WriteSnapshot(state, to_, folder, instance, mode);
}

Result<StateChain> Copier::CopyChain(const StateChain& chain, const std::string& folder,
                                     int instance) {
  MILL_RETURN(VerifyFiles(root_, chain));
  MILL_ASSIGN(StateChain copy, Convert(chain, folder, instance));
  for (const StateFile& file : chain) {
    if (file.stored) continue;
    MILL_RETURN(CopyFile(file));
    copy.push_back(file);
  }
  return copy;
}

Status Copier::CopyPayload(const ManifestPayload& payload) {
  StateFile file;
  file.path = payload.path;
  file.bytes = payload.bytes;
  file.checksum = payload.checksum;
  return CopyFile(file);
}

Status Copier::SyncFolders() const {
  for (const fs::path& folder : folders_) MILL_RETURN(SyncFolder(folder.string()));
  return Status::OK();
}

Status MakeEmptyFolder(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return ExternalError("cannot make the folder '{}': {}", folder, error.message());
  if (fs::is_empty(folder, error)) return Status::OK();
  return UserError("the folder '{}' is not empty. hint: --to wants a new one", folder);
}

}  // namespace

Result<Manifest> CopyCheckpoint(const Manifest& manifest, const std::string& root,
                                const std::string& to) {
  MILL_RETURN(MakeEmptyFolder(to));
  Manifest copy = manifest;
  Copier copier(manifest.name, root, to);
  for (size_t i = 0; i < copy.operators.size(); ++i) {
    const std::string folder = fmt::format("{}/exported-{}", EpochFolder(manifest.name.epoch), i);
    for (auto& [instance, chain] : copy.operators[i].chains) {
      MILL_ASSIGN(chain, copier.CopyChain(chain, folder, instance));
    }
  }
  for (const ManifestSink& sink : copy.sinks) {
    for (const ManifestPayload& payload : sink.pending) MILL_RETURN(copier.CopyPayload(payload));
  }
  MILL_RETURN(copier.SyncFolders());
  MILL_RETURN(WriteManifest(copy, to));
  return copy;
}

}  // namespace millrace
