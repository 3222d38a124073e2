// Sink: where results leave the engine, exactly once by two phases. Rows are written into the current
// epoch, the epoch is staged before the checkpoint's manifest, and published after it, idempotently.
// One Sink object is one writer of one table; it is owned by one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/batch.h"

namespace millrace {

// What a staged epoch needs to be published, also by another process after a restart.
struct Committable {
  int64_t epoch = 0;
  std::string payload;  // serialized, opaque; empty: nothing to publish
};

// What a sink survived, as the job's books count it.
struct SinkTroubles {
  int64_t retries = 0;   // what failed and was done again: transactions, requests
  int64_t rejected = 0;  // rows that its table refused, and that were kept elsewhere
};

class Sink {
 public:
  virtual ~Sink() = default;
  virtual Status Open() = 0;
  // Takes rows into the current epoch. The schema is the table's physical columns.
  virtual Status Write(const Batch& batch) = 0;
  // Makes what was written durable but invisible, and says how to publish it.
  virtual Result<Committable> Stage(int64_t epoch) = 0;
  // Makes a staged epoch visible; publishing twice does nothing more.
  virtual Status Publish(const Committable& committable) = 0;
  // After a restore, before the first Write: publishes the staged epochs that the checkpoint
  // names, in their order, and drops what else earlier runs of the job had staged. Called without
  // epochs where the job never had a checkpoint.
  virtual Status Recover(const std::vector<Committable>& pending) {
    for (const Committable& committable : pending) {
      if (!committable.payload.empty()) MILL_RETURN(Publish(committable));
    }
    return Status::OK();
  }
  // Drops what was written or staged but never published.
  virtual Status Abort() = 0;
  // True when updates and deletes (row kinds other than +I) can be taken.
  virtual bool takes_changelog() const = 0;
  // What the calls above went through until now, beside the failures that they returned.
  virtual SinkTroubles troubles() const { return {}; }
};

}  // namespace millrace
