// Requests to a running job, as files in its folder: a process writes control/<name>.request, the one
// that runs the job takes it and writes control/<name>.reply. Lines of a request: what is wanted
// ("savepoint", "stop", "drain"), then the savepoint's folder. Lines of a reply: "ok" or "failed", then
// what there is to say.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/status.h"

namespace millrace {

struct ControlRequest {
  std::string what, target;
  std::string reply;  // the file to answer in
};

// The side of the process that runs the job.
class ControlFolder {
 public:
  // Makes the folder below the job's and drops requests that nobody waits for any more.
  explicit ControlFolder(const std::string& job_folder);
  // The requests that have come; each once.
  std::vector<ControlRequest> Take();
  // Answers with `text`, or with the failure.
  static void Reply(const std::string& file, const Status& status, const std::string& text);

 private:
  std::string folder_;
};

// Sends a request to the process that runs a job in `job_folder` and waits for its answer.
Result<std::string> AskJob(const std::string& job_folder, const std::string& what,
                           const std::string& target, std::chrono::milliseconds wait);

}  // namespace millrace
