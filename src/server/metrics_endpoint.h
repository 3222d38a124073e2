// MetricsEndpoint: serves the counters of the jobs that run at http://127.0.0.1:PORT/metrics.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "server/http_server.h"
#include "server/metrics.h"

namespace millrace {

// Ports to try, the first that is free is taken.
struct PortRange {
  int first = 0, last = 0;
};

// "9249" or "9250-9260", as Flink's metrics.reporter.prom.port; "0" is any free one.
Result<PortRange> ParsePortRange(const std::string& text);

class MetricsEndpoint {
 public:
  static Result<std::unique_ptr<MetricsEndpoint>> Start(PortRange ports);

  // Shows what `counts`, called on the server's thread, says until what this returns is destroyed.
  [[nodiscard]] std::shared_ptr<void> Show(const std::string& job,
                                           std::function<JobCounts()> counts);

  int port() const { return server_->port(); }

 private:
  HttpReply Answer(const std::string& path);

  std::mutex mutex_;  // guards jobs_; held while they are counted, so that none ends meanwhile
  std::map<std::string, std::function<JobCounts()>> jobs_;
  std::unique_ptr<HttpServer> server_;  // the last member: its thread ends first
};

}  // namespace millrace
