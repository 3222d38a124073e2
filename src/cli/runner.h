// Runner: executes scripts for the command line: results as tables, jobs with progress, a summary with
// balanced books at the end, Ctrl-C drains.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "engine/engine.h"

namespace millrace {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

struct RunSettings {
  int workers = 0;
  std::string job_folder;   // "": dead letters and late rows in memory only
  RestoreRequest restore;   // where the jobs go on
  std::string time_limit;   // "60s"; "": none
  bool quiet = false;
  bool explain = false;     // plans instead of jobs
  bool dashboard = false;   // a table that updates instead of one progress line
};

class Runner {
 public:
  // `sets` are "key=value" session options.
  static Result<std::unique_ptr<Runner>> Make(RunSettings settings, const std::vector<std::string>& sets);
  virtual ~Runner() = default;
  // Runs `script`; errors are printed with `name`. Returns the exit code.
  virtual int Run(const std::string& name, const std::string& script) = 0;
};

}  // namespace millrace
