#include "server/metrics_endpoint.h"

#include <charconv>

namespace millrace {
namespace {

constexpr int kMaxPort = 65535;

Result<int> ParsePort(std::string_view text) {
  int port = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error == std::errc() && end == text.data() + text.size() && port >= 0 && port <= kMaxPort) {
    return port;
  }
  return UserError("'{}' is no port: expected a number up to {} or a range like 9250-9260", text,
                   kMaxPort);
}

}  // namespace

Result<PortRange> ParsePortRange(const std::string& text) {
  const size_t dash = text.find('-');
  PortRange ports;
  MILL_ASSIGN(ports.first, ParsePort(std::string_view(text).substr(0, dash)));
  ports.last = ports.first;
  if (dash == std::string::npos) return ports;
  MILL_ASSIGN(ports.last, ParsePort(std::string_view(text).substr(dash + 1)));
  if (ports.last < ports.first) {
    return UserError("'{}' is no range of ports: its end is before its beginning", text);
  }
  return ports;
}

Result<std::unique_ptr<MetricsEndpoint>> MetricsEndpoint::Start(PortRange ports) {
  auto endpoint = std::make_unique<MetricsEndpoint>();
  for (int port = ports.first;; ++port) {
    auto server = HttpServer::Start(
        port, [raw = endpoint.get()](const std::string& path) { return raw->Answer(path); });
    if (server.ok()) {
      endpoint->server_ = std::move(*server);
      return endpoint;
    }
    if (port >= ports.last) return server.status();
  }
}

std::shared_ptr<void> MetricsEndpoint::Show(const std::string& job,
                                            std::function<JobCounts()> counts) {
  std::lock_guard lock(mutex_);
  jobs_[job] = std::move(counts);
  return std::shared_ptr<void>(nullptr, [this, job](void*) {
    std::lock_guard inner(mutex_);
    jobs_.erase(job);
  });
}

HttpReply MetricsEndpoint::Answer(const std::string& path) {
  if (path != "/metrics" && path != "/") return {404, "text/plain; charset=utf-8", "see /metrics\n"};
  std::map<std::string, JobCounts> counted;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [job, counts] : jobs_) counted.emplace(job, counts());
  }
  return {200, "text/plain; version=0.0.4; charset=utf-8", MetricsPage(counted)};
}

}  // namespace millrace
