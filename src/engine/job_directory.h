// JobDirectory: the folder of a job, owned by one process at a time:
//
//   id               a random number of its own, by which files that its jobs left elsewhere are known
//   lock             held with flock() while a process runs jobs here; says who does
//   checkpoints/<job>/   see runtime/checkpoint_manifest.h
//   dead_letter.json, late.json
//   job.log          a line for each checkpoint, restart and savepoint
//   control/         requests of other processes, see engine/control.h
#pragma once

#include <memory>
#include <string>

#include "base/status.h"

namespace millrace {

class JobDirectory {
 public:
  // Makes the folder and locks it. Fails, saying who holds it, if another process does.
  static Result<std::unique_ptr<JobDirectory>> Own(const std::string& path);
  ~JobDirectory();

  const std::string& path() const { return path_; }
  const std::string& id() const { return id_; }
  // Where the checkpoints of `job` are.
  std::string CheckpointFolder(const std::string& job) const;
  // Adds a line with the time to job.log.
  void Log(const std::string& line) const;

 private:
  JobDirectory(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}
  // Takes up the folder's id, or gives it one.
  Status Identify();

  std::string path_, id_;
  int lock_;
};

// Who holds the folder's lock ("process 123 on host since ..."), "" if nobody does.
std::string OwnerOf(const std::string& path);

}  // namespace millrace
