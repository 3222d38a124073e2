// Launch: makes a statement's job with all that it needs to go on after a failure: its name, its folder
// of checkpoints, the checkpoint that it goes on from, and its supervisor.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/engine.h"
#include "engine/job_directory.h"
#include "engine/supervised_job.h"

namespace millrace {

struct LaunchRequest {
  std::string name;                              // of the job, unique in its folder
  std::function<Result<Graph>()> build;          // the same graph each time
  JobOptions options;
  Options session;                               // what SET has set
  RejectLog* rejects = nullptr;
  CheckpointStore* store = nullptr;              // used instead of the directory's; null: none
  std::shared_ptr<JobDirectory> directory;       // null: nothing is kept on disk
  RestoreRequest restore;
  std::function<void(const std::string&)> note;  // may be null
};

struct Launched {
  std::unique_ptr<Job> job;  // null for a dry run
  std::string text;          // of a dry run
};

Result<Launched> Launch(LaunchRequest request);

// Two: where the newest is damaged there is one to fall back to.
inline constexpr int64_t kDefaultRetained = 2;

// Reads execution.checkpointing.* as far as the runtime is told.
Status ReadCheckpointOptions(const Options& session, JobOptions* job);

}  // namespace millrace
