#include "runtime/file_checkpoint_store.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <set>

#include "base/files.h"
#include "state/state_file.h"

namespace millrace {

namespace {

namespace fs = std::filesystem;

std::string UtcNow() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

Status MakeFolder(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return ExternalError("cannot make the folder '{}': {}", folder, error.message());
  return Status::OK();
}

// Letters and digits of an operator's id, for a folder's name.
std::string FileName(const std::string& id) {
  std::string name;
  for (const char c : id) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain || (!name.empty() && name.back() != '_')) name += plain ? c : '_';
  }
  return name.substr(0, 60);
}

// A checkpoint read from files.
class FileRestorePoint final : public RestorePoint {
 public:
  FileRestorePoint(std::string root, Manifest manifest)
      : root_(std::move(root)), manifest_(std::move(manifest)) {}

  // Checks all files and reads what the sinks staged.
  Status Load();

  const CheckpointName& name() const override { return manifest_.name; }
  const LaneSnapshot* FindLane(const std::string& id) const override {
    return Find(manifest_.lanes, id);
  }
  const SinkSnapshot* FindSink(const std::string& id) const override { return Find(sinks_, id); }
  const OperatorCounters* FindOperator(const std::string& id) const override {
    const auto* op = Find(manifest_.operators, id);
    return op ? &op->counters : nullptr;
  }
  const std::optional<Committable>& rejects() const override { return manifest_.rejects; }
  std::vector<SavedPart> Parts() const override;
  Result<std::unique_ptr<StateReader>> OpenState(const std::string& id, int instance,
                                                 int parallelism) const override;

 private:
  template <typename Item>
  static const Item* Find(const std::vector<Item>& items, const std::string& id) {
    const auto found =
        std::find_if(items.begin(), items.end(), [&](const Item& each) { return each.id == id; });
    return found == items.end() ? nullptr : &*found;
  }

  std::string root_;
  Manifest manifest_;
  std::vector<SinkSnapshot> sinks_;
  const std::shared_ptr<VerifiedFiles> verified_ = std::make_shared<VerifiedFiles>();
};

Status FileRestorePoint::Load() {
  for (const ManifestOperator& op : manifest_.operators) {
    for (const auto& [instance, chain] : op.chains) {
      MILL_RETURN(VerifyFiles(root_, chain, verified_.get()));
    }
  }
  for (const ManifestSink& sink : manifest_.sinks) {
    SinkSnapshot snapshot{sink.id, {}, sink.counters};
    for (const ManifestPayload& payload : sink.pending) {
      StateFile file;
      file.path = payload.path;
      file.bytes = payload.bytes;
      file.checksum = payload.checksum;
      MILL_ASSIGN(const auto bytes, ReadVerified(root_, file));
      snapshot.pending.push_back({payload.epoch, bytes->ToString()});
    }
    sinks_.push_back(std::move(snapshot));
  }
  return Status::OK();
}

std::vector<SavedPart> FileRestorePoint::Parts() const {
  std::vector<SavedPart> parts;
  for (const ManifestOperator& op : manifest_.operators) {
    SavedPart part{SavedPart::Kind::kOperator, op.id, op.what, 0};
    for (const auto& [instance, chain] : op.chains) {
      for (const StateFile& file : chain) part.rows += file.erased ? 0 : file.rows;
    }
    parts.push_back(std::move(part));
  }
  for (const LaneSnapshot& lane : manifest_.lanes) {
    parts.push_back({SavedPart::Kind::kLane, lane.id, lane.position, lane.counters.rows});
  }
  for (const SinkSnapshot& sink : sinks_) {
    parts.push_back({SavedPart::Kind::kSink, sink.id, "", std::ssize(sink.pending)});
  }
  return parts;
}

Result<std::unique_ptr<StateReader>> FileRestorePoint::OpenState(const std::string& id,
                                                                 int instance,
                                                                 int parallelism) const {
  const ManifestOperator* op = Find(manifest_.operators, id);
  if (!op || op->chains.empty()) return nullptr;
  std::vector<StateChain> chains;
  for (const auto& [of, chain] : op->chains) chains.push_back(chain);
  return std::make_unique<StateFilesReader>(root_, std::move(chains), static_cast<size_t>(instance),
                                            static_cast<size_t>(parallelism),
                                            manifest_.name.key_groups, verified_);
}

Result<std::shared_ptr<const RestorePoint>> OpenManifest(const std::string& path) {
  MILL_ASSIGN(Manifest manifest, ReadManifest(path));
  const std::string root = fs::path(path).parent_path().string();
  auto point = std::make_shared<FileRestorePoint>(root.empty() ? "." : root, std::move(manifest));
  MILL_RETURN(Annotate(point->Load(), "checkpoint '" + path + "'"));
  return point;
}

}  // namespace

Result<std::unique_ptr<FileCheckpointStore>> FileCheckpointStore::Open(const std::string& folder,
                                                                       int retained) {
  MILL_RETURN(MakeFolder(folder));
  return std::unique_ptr<FileCheckpointStore>(
      new FileCheckpointStore(folder, std::max(retained, 1)));
}

Result<WrittenCheckpoint> FileCheckpointStore::Write(const Checkpoint& checkpoint) {
  if (!checkpoint.target.empty()) {
    MILL_ASSIGN(auto apart, Open(checkpoint.target, 1));
    Checkpoint copy = checkpoint;
    copy.target.clear();
    return apart->Write(copy);
  }
  WrittenCheckpoint written;
  MILL_ASSIGN(const Manifest manifest, WriteFiles(checkpoint, written));
  MILL_RETURN(WriteManifest(manifest, folder_));
  chains_.clear();
  for (const ManifestOperator& op : manifest.operators) {
    for (const auto& [instance, chain] : op.chains) chains_[{op.id, instance}] = chain;
  }
  wants_full_ = false;
  for (const OperatorSnapshot& op : checkpoint.operators) {
    if (op.state && WantsFull(*op.state, chains_[{op.id, op.instance}])) wants_full_ = true;
  }
  MILL_RETURN(DropOld());
  return written;
}

Result<Manifest> FileCheckpointStore::WriteFiles(const Checkpoint& checkpoint,
                                                 WrittenCheckpoint& written) {
  Manifest manifest;
  manifest.name = checkpoint.name;
  manifest.created = UtcNow();
  manifest.lanes = checkpoint.lanes;
  manifest.rejects = checkpoint.rejects;
  const int64_t epoch = checkpoint.name.epoch;
  // A run that was killed may have got so far, too: its number was in no manifest, so it is taken again.
  std::error_code ignored;
  fs::remove_all(folder_ + "/" + EpochFolder(epoch), ignored);
  MILL_RETURN(MakeFolder(folder_ + "/" + EpochFolder(epoch)));
  MILL_RETURN(WriteState(checkpoint, manifest, written));
  std::map<std::pair<std::string, int64_t>, ManifestPayload> payloads;
  for (size_t i = 0; i < checkpoint.sinks.size(); ++i) {
    const SinkSnapshot& from = checkpoint.sinks[i];
    ManifestSink sink{from.id, from.counters, {}};
    for (const Committable& staged : from.pending) {
      MILL_ASSIGN(const auto payload, WritePayload(from.id, i, staged, epoch, written.bytes));
      payloads[{from.id, staged.epoch}] = payload;
      sink.pending.push_back(payload);
    }
    manifest.sinks.push_back(std::move(sink));
  }
  payloads_ = std::move(payloads);
  MILL_RETURN(SyncFolder(folder_ + "/" + EpochFolder(epoch)));
  MILL_RETURN(SyncFolder(folder_ + "/state"));
  return manifest;
}

Status FileCheckpointStore::WriteState(const Checkpoint& checkpoint, Manifest& manifest,
                                       WrittenCheckpoint& written) {
  std::map<std::string, size_t> places;
  for (const OperatorSnapshot& from : checkpoint.operators) {
    const auto [place, added] = places.try_emplace(from.id, manifest.operators.size());
    if (added) manifest.operators.push_back({from.id, from.what, {}, {}, {}, {}, 0});
    ManifestOperator& op = manifest.operators[place->second];
    op.counters.Add(from.counters);
    op.alignment = std::max(op.alignment, from.alignment);
    op.save = std::max(op.save, from.save);
    if (!from.state) continue;
    const std::string folder =
        fmt::format("{}/{}-{}", EpochFolder(checkpoint.name.epoch), place->second, FileName(op.id));
    MILL_RETURN(WriteInstance(from, checkpoint.name, folder, op, written));
  }
  return Status::OK();
}

Status FileCheckpointStore::WriteInstance(const OperatorSnapshot& from, const CheckpointName& name,
                                          const std::string& folder, ManifestOperator& op,
                                          WrittenCheckpoint& written) {
  const auto start = std::chrono::steady_clock::now();
  WrittenCheckpoint::Part& part = written.operators[op.id];
  const StateChain& before = chains_[{op.id, from.instance}];
  StateChain chain = from.state->whole() ? StateChain{} : before;
  // A delta without tables: nothing has changed since, and the state before it stands.
  if (!from.state->tables().empty()) {
    MILL_ASSIGN(StateChain files, WriteSnapshot(*from.state, folder_, folder, from.instance,
                                                {name.savepoint, &before}));
    for (StateFile& file : files) {
      file.epoch = name.epoch;
      const bool is_new = file.path.starts_with(folder);
      for (int64_t* bytes : {&written.bytes, &part.bytes, &op.bytes}) {
        *bytes += is_new ? file.bytes : 0;
      }
      chain.push_back(std::move(file));
    }
    DropSuperseded(*from.state, name.epoch, &chain);
  }
  if (!chain.empty()) op.chains[from.instance] = std::move(chain);
  part.time += std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - start);
  return Status::OK();
}

// What an earlier checkpoint has written stays where it is.
Result<ManifestPayload> FileCheckpointStore::WritePayload(const std::string& sink, size_t number,
                                                          const Committable& staged, int64_t epoch,
                                                          int64_t& bytes) {
  const auto known = payloads_.find({sink, staged.epoch});
  if (known != payloads_.end()) return known->second;
  ManifestPayload payload;
  payload.epoch = staged.epoch;
  payload.path = fmt::format("{}/sink-{}-{}.bin", EpochFolder(epoch), number, staged.epoch);
  MILL_ASSIGN(auto file, DurableFile::Create(folder_ + "/" + payload.path));
  MILL_RETURN(file->Write(staged.payload.data(), std::ssize(staged.payload)));
  payload.bytes = file->bytes();
  payload.checksum = file->checksum();
  MILL_RETURN(file->Close());
  bytes += payload.bytes;
  return payload;
}

// Manifests first: one that is there must find its files.
Status FileCheckpointStore::DropOld() {
  const std::vector<ManifestFile> manifests = ListManifests(folder_);
  std::set<std::string> named;
  std::error_code error;
  for (size_t i = 0; i < manifests.size(); ++i) {
    if (i >= static_cast<size_t>(retained_)) {
      fs::remove(manifests[i].path, error);
      continue;
    }
    const auto manifest = ReadManifest(manifests[i].path);
    if (!manifest.ok()) continue;
    for (const ManifestOperator& op : manifest->operators) {
      for (const auto& [instance, chain] : op.chains) {
        for (const StateFile& file : chain) named.insert(file.path);
      }
    }
    for (const ManifestSink& sink : manifest->sinks) {
      for (const ManifestPayload& payload : sink.pending) named.insert(payload.path);
    }
  }
  std::vector<fs::path> files, folders;
  // Somebody else may take away what is being looked at: then the rest is dropped the next time.
  std::error_code gone;
  for (fs::recursive_directory_iterator at(folder_ + "/state", gone), end; !gone && at != end;
       at.increment(gone)) {
    const bool is_folder = at->is_directory(error);
    const std::string path = fs::relative(at->path(), folder_, error).string();
    if (is_folder) folders.push_back(at->path());
    if (!is_folder && !named.contains(path)) files.push_back(at->path());
  }
  // A manifest whose writing failed; this is the only writer, and it is done.
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    if (entry.path().extension() == kManifestInProgress) files.push_back(entry.path());
  }
  for (const fs::path& file : files) fs::remove(file, error);
  std::sort(folders.rbegin(), folders.rend());
  for (const fs::path& folder : folders) fs::remove(folder, error);  // those that are empty
  return Status::OK();
}

Result<std::shared_ptr<const RestorePoint>> FileCheckpointStore::Newest() {
  damage_.clear();
  for (const ManifestFile& file : ListManifests(folder_)) {
    auto point = OpenManifest(file.path);
    if (point.ok()) return point;
    damage_.push_back(point.status().message());
  }
  return nullptr;
}

int64_t FileCheckpointStore::last_epoch() const {
  const auto manifests = ListManifests(folder_);
  return manifests.empty() ? 0 : manifests[0].epoch;
}

Result<std::shared_ptr<const RestorePoint>> OpenRestorePoint(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return OpenManifest(path);
  const auto manifests = ListManifests(path);
  if (manifests.empty()) return UserError("there is no checkpoint in '{}'", path);
  return OpenManifest(manifests[0].path);
}

}  // namespace millrace
