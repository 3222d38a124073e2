// SupervisedJob: a job that outlives its failures. It builds the running job, and when that fails, waits
// as the restart strategy says, builds it anew and lets it go on from the last complete checkpoint.
// Meanwhile it answers the requests of other processes (engine/control.h).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/control.h"
#include "engine/job_directory.h"
#include "engine/restart_strategy.h"
#include "runtime/job.h"

namespace millrace {

struct Supervision {
  // Builds the job, to go on from `from` (null: from the beginning) with epochs after `last_epoch`.
  std::function<Result<std::unique_ptr<Job>>(const RestorePoint* from, int64_t last_epoch)> build;
  std::shared_ptr<const RestorePoint> from;  // of the first run
  int64_t last_epoch = 0;
  std::string lineage;                       // of the checkpoints that this job makes
  std::unique_ptr<CheckpointStore> store;      // null: nothing to go on from
  RestartStrategy strategy;
  std::shared_ptr<JobDirectory> directory;     // null: none
  std::function<void(const std::string&)> note;  // may be null
};

// The job, not yet started; errors of building it come at once.
Result<std::unique_ptr<Job>> MakeSupervisedJob(Supervision supervision);

}  // namespace millrace
