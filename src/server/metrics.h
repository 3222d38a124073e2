// What jobs count, as a page that Prometheus reads (text format 0.0.4). Names begin with millrace_
// and end with the unit; labels say job, table, split, operator. docs/metrics.md lists them.
#pragma once

#include <map>
#include <string>

#include "runtime/job.h"

namespace millrace {

// The page for these jobs, by name, and for this process.
std::string MetricsPage(const std::map<std::string, JobCounts>& jobs);

}  // namespace millrace
