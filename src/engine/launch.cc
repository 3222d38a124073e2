#include "engine/launch.h"

#include <random>

#include "engine/restore_plan.h"
#include "runtime/file_checkpoint_store.h"
#include "runtime/memory_checkpoint_store.h"

namespace millrace {

namespace {

using std::chrono::milliseconds;

// The first option of these that is set.
std::string FirstOf(const Options& options, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    const auto found = options.find(key);
    if (found != options.end()) return found->second;
  }
  return "";
}

std::string RandomLineage() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

std::string LocalPath(std::string path) {
  if (path.starts_with("file://")) path.erase(0, 7);
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

// A store of somebody else's.
class LentStore final : public CheckpointStore {
 public:
  explicit LentStore(CheckpointStore* store) : store_(store) {}
  Result<WrittenCheckpoint> Write(const Checkpoint& checkpoint) override {
    return store_->Write(checkpoint);
  }
  bool wants_full() const override { return store_->wants_full(); }
  Result<std::shared_ptr<const RestorePoint>> Newest() override { return store_->Newest(); }

 private:
  CheckpointStore* store_;
};

class Launcher {
 public:
  explicit Launcher(LaunchRequest request) : request_(std::move(request)) {}

  Result<Launched> Run();

 private:
  void Note(const std::string& text) const;
  Status OpenStore();
  // Finds the checkpoint to go on from.
  Status FindPoint();
  Status CheckPoint(const Graph& graph);
  Status CheckReplay(const Graph& graph) const;
  Supervision Supervise();

  LaunchRequest request_;
  Supervision parts_;
  FileCheckpointStore* files_ = nullptr;  // parts_.store, if that is one
  bool older_ = false;  // the point is not the newest of its lineage
};

void Launcher::Note(const std::string& text) const {
  if (request_.directory) request_.directory->Log(text);
  if (request_.note) request_.note(text);
}

Status Launcher::OpenStore() {
  if (request_.store) {
    parts_.store = std::make_unique<LentStore>(request_.store);
    MILL_ASSIGN(const auto newest, request_.store->Newest());
    parts_.last_epoch = newest ? newest->name().epoch : 0;
    return Status::OK();
  }
  MILL_ASSIGN(const int64_t retained, IntOption(request_.session,
                                                "execution.checkpointing.num-retained",
                                                kDefaultRetained));
  MILL_ASSIGN(const int64_t older_name,
              IntOption(request_.session, "state.checkpoints.num-retained", retained));
  const std::string given =
      FirstOf(request_.session, {"execution.checkpointing.dir", "state.checkpoints.dir"});
  if (!given.empty() || request_.directory) {
    const std::string folder = given.empty() ? request_.directory->CheckpointFolder(request_.name)
                                             : LocalPath(given) + "/" + request_.name;
    MILL_ASSIGN(auto store, FileCheckpointStore::Open(folder, static_cast<int>(older_name)));
    files_ = store.get();
    parts_.store = std::move(store);
    parts_.last_epoch = files_->last_epoch();
  } else if (parts_.strategy.kind() != RestartStrategy::Kind::kNone) {
    parts_.store = std::make_unique<MemoryCheckpointStore>();
  }
  return Status::OK();
}

Status Launcher::FindPoint() {
  const std::string& from = request_.restore.from;
  if (from.empty()) {
    if (files_ && files_->last_epoch() > 0) {
      Note(fmt::format("job '{}' starts from the beginning; a former run left checkpoint {}. hint: "
                       "--restore latest goes on from there",
                       request_.name, files_->last_epoch()));
    }
    return Status::OK();
  }
  if (from != "latest") {
    MILL_ASSIGN(parts_.from, OpenRestorePoint(LocalPath(from)));
    older_ = parts_.from->name().epoch < parts_.last_epoch;
    parts_.last_epoch = std::max(parts_.last_epoch, parts_.from->name().epoch);
    return Status::OK();
  }
  if (request_.store) {
    MILL_ASSIGN(parts_.from, request_.store->Newest());
    return Status::OK();
  }
  if (!files_) return UserError("--restore latest wants the job's folder: --folder DIR");
  MILL_ASSIGN(parts_.from, files_->Newest());
  for (const std::string& damage : files_->damage()) Note("a checkpoint cannot be used: " + damage);
  older_ = parts_.from && !files_->damage().empty();
  if (!parts_.from && !files_->damage().empty()) {
    return ExternalError("no checkpoint of job '{}' is whole: {}", request_.name,
                         files_->damage().back());
  }
  if (!parts_.from) Note(fmt::format("job '{}' has no checkpoint: it starts from the beginning", request_.name));
  return Status::OK();
}

// Rows of epochs after the point may have been published.
Status Launcher::CheckReplay(const Graph& graph) const {
  if (!older_ || request_.restore.allow_replay) return Status::OK();
  for (const Node& node : graph.nodes) {
    if (!node.sink || node.sink->takes_changelog()) continue;
    return UserError(
        "checkpoint {} is not the newest of job '{}': table '{}', which is only appended to, would get "
        "the rows since then twice. hint: --allow-replay accepts that",
        parts_.from->name().epoch, request_.name, node.sink_table);
  }
  return Status::OK();
}

Status Launcher::CheckPoint(const Graph& graph) {
  MILL_RETURN(CheckReplay(graph));
  MILL_ASSIGN(const RestorePlan plan, PlanRestore(graph, *parts_.from));
  const CheckpointName& name = parts_.from->name();
  const uint32_t key_groups = request_.options.checkpoints.key_groups;
  if (name.key_groups != key_groups) {
    return UserError("checkpoint {} of job '{}' was made with 'pipeline.max-parallelism' = {}, by which "
                     "its state is divided; it is {} now. hint: SET 'pipeline.max-parallelism' = '{}'",
                     name.epoch, request_.name, name.key_groups, key_groups, name.key_groups);
  }
  Note(fmt::format("job '{}' goes on from checkpoint {}{}", request_.name, name.epoch,
                   name.finished ? ", at which it had ended" : ""));
  if (plan.dropped.empty() || request_.restore.allow_dropped) return Status::OK();
  return UserError("the script has no use for parts of checkpoint {}:\n{}hint: --allow-dropped-state drops them",
                   name.epoch, plan.text);
}

Supervision Launcher::Supervise() {
  JobOptions options = request_.options;
  options.checkpoints.job = request_.name;
  options.checkpoints.lineage =
      parts_.from && !older_ ? parts_.from->name().lineage : RandomLineage();
  parts_.lineage = options.checkpoints.lineage;
  if (request_.directory) {
    options.on_checkpoint = [directory = request_.directory](const CheckpointReport& report) {
      directory->Log(report.ToString());
    };
  }
  parts_.build = [build = request_.build, options, rejects = request_.rejects,
                  store = parts_.store.get()](const RestorePoint* from, int64_t last_epoch)
      -> Result<std::unique_ptr<Job>> {
    MILL_ASSIGN(Graph graph, build());
    JobOptions numbered = options;
    numbered.checkpoints.last_epoch = last_epoch;
    return Job::Make(std::move(graph), std::move(numbered), {rejects, store, from});
  };
  parts_.directory = request_.directory;
  parts_.note = request_.note;
  return std::move(parts_);
}

Result<Launched> Launcher::Run() {
  Launched launched;
  MILL_ASSIGN(parts_.strategy, RestartStrategy::Make(request_.session));
  MILL_RETURN(OpenStore());
  MILL_RETURN(FindPoint());
  if (parts_.from) {
    MILL_ASSIGN(const Graph graph, request_.build());
    if (request_.restore.dry_run) {
      MILL_ASSIGN(const RestorePlan plan, PlanRestore(graph, *parts_.from));
      launched.text = fmt::format("job '{}' from checkpoint {}\n{}", request_.name,
                                  parts_.from->name().epoch, plan.text);
      return launched;
    }
    MILL_RETURN(CheckPoint(graph));
  }
  if (request_.restore.dry_run) {
    launched.text = fmt::format("job '{}' from the beginning\n", request_.name);
    return launched;
  }
  MILL_ASSIGN(launched.job, MakeSupervisedJob(Supervise()));
  return launched;
}

}  // namespace

Result<Launched> Launch(LaunchRequest request) { return Launcher(std::move(request)).Run(); }

Status ReadCheckpointOptions(const Options& session, JobOptions* job) {
  const std::string prefix = "execution.checkpointing.";
  CheckpointOptions& options = job->checkpoints;
  MILL_ASSIGN(job->barrier_interval,
              DurationOption(session, prefix + "interval", milliseconds(1000)));
  MILL_ASSIGN(options.timeout, DurationOption(session, prefix + "timeout", options.timeout));
  MILL_ASSIGN(options.min_pause, DurationOption(session, prefix + "min-pause", options.min_pause));
  MILL_ASSIGN(options.tolerable_failures,
              IntOption(session, prefix + "tolerable-failed-checkpoints", 0));
  return Status::OK();
}

}  // namespace millrace
