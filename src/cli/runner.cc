#include "cli/runner.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>

#include "cli/dashboard.h"
#include "cli/result_table.h"
#include "engine/engine.h"

namespace millrace {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::atomic<int> interrupts{0};

void OnInterrupt(int) { ++interrupts; }

constexpr milliseconds kTick{200};

class RunnerImpl : public Runner {
 public:
  explicit RunnerImpl(RunSettings settings) : settings_(std::move(settings)) {}

  Status Open(const std::vector<std::string>& sets) {
    EngineOptions options;
    options.workers = settings_.workers;
    options.job_folder = settings_.job_folder;
    options.explain = settings_.explain;
    options.restore = settings_.restore;
    options.on_note = [this](const std::string& note) {
      const char* clear = isatty(STDERR_FILENO) != 0 ? "\r\033[K" : "";
      if (!settings_.quiet) std::fprintf(stderr, "%smillrace: %s\n", clear, note.c_str());
    };
    options.on_sink_rows = [this](const std::string& table, const Batch& rows) {
      if (settings_.dashboard) dashboard_.Remember(table, rows);
    };
    MILL_ASSIGN(engine_, Engine::Make(std::move(options)));
    for (const std::string& set : sets) {
      const size_t equals = set.find('=');
      if (equals == std::string::npos) {
        return UserError("--set wants key=value, found '{}'", set);
      }
      MILL_RETURN(engine_->SetOption(set.substr(0, equals), set.substr(equals + 1)));
    }
    if (!settings_.time_limit.empty()) {
      MILL_ASSIGN(time_limit_, ParseDuration(settings_.time_limit));
    }
    std::signal(SIGINT, OnInterrupt);
    std::signal(SIGTERM, OnInterrupt);
    std::signal(SIGPIPE, SIG_IGN);
    return Status::OK();
  }

  int Run(const std::string& name, const std::string& script) override {
    bool job_failed = false;
    ResultTable table;
    const Status status =
        engine_->Execute(script, &table, [&](StatementResult result) -> Status {
          if (result.kind == StatementResult::Kind::kText) std::fputs(result.text.c_str(), stdout);
          if (!result.job) return Status::OK();
          const Status done = RunJob(*result.job, result.limit_reached.get(),
                                     result.kind == StatementResult::Kind::kRows);
          job_failed = !done.ok();
          if (result.kind == StatementResult::Kind::kRows) table.Finish();
          return done;
        });
    std::fflush(stdout);
    if (status.ok()) return kExitDone;
    std::fprintf(stderr, "millrace: %s: %s\n", name.c_str(), status.message().c_str());
    return job_failed ? kExitFailed : kExitUsage;
  }

 private:
  Status RunJob(Job& job, const std::atomic<bool>* limit_reached, bool interactive) {
    const auto start = steady_clock::now();
    const int interrupts_before = interrupts.load();
    bool drained = false;
    MILL_RETURN(job.Start());
    // A short first wait: a small job should not take a whole tick.
    milliseconds tick{5};
    while (!job.WaitFor(tick)) {
      tick = std::min(kTick, tick * 2);
      const auto ran = steady_clock::now() - start;
      const int pressed = interrupts.load() - interrupts_before;
      const bool over = time_limit_.count() > 0 && ran >= time_limit_;
      const bool enough = limit_reached != nullptr && limit_reached->load();
      if (pressed > 1) job.Cancel();
      if (!drained && (pressed > 0 || over || enough)) {
        if (pressed > 0 && !settings_.quiet) std::fputs("\ndraining; Ctrl-C again stops at once\n", stderr);
        job.Drain();
        drained = true;
      }
      if (!settings_.quiet && !interactive) Progress(job, std::chrono::duration<double>(ran).count());
    }
    const Status status = job.Wait();
    const double seconds = std::chrono::duration<double>(steady_clock::now() - start).count();
    if (!settings_.quiet && !interactive) {
      dashboard_.Clear();
      std::fputs(Summary(job.Counts(), seconds).c_str(), stderr);
    } else if (interactive && !settings_.quiet) {
      WarnOfRejected(job.Counts());
    }
    return status;
  }

  void Progress(const Job& job, double seconds) {
    if (settings_.dashboard) {
      dashboard_.Draw(job.Counts(), seconds);
    } else {
      dashboard_.Line(job.Counts(), seconds);
    }
  }

  static void WarnOfRejected(const JobCounts& counts) {
    int64_t bad = 0, late = 0;
    for (const auto& source : counts.sources) bad += source.dead_lettered;
    for (const auto& op : counts.operators) late += op.late;
    if (bad > 0) std::fprintf(stderr, "%lld rows could not be read\n", static_cast<long long>(bad));
    if (late > 0) std::fprintf(stderr, "%lld rows came too late\n", static_cast<long long>(late));
  }

  RunSettings settings_;
  milliseconds time_limit_{0};
  std::unique_ptr<Engine> engine_;
  Dashboard dashboard_;
};

}  // namespace

Result<std::unique_ptr<Runner>> Runner::Make(RunSettings settings,
                                             const std::vector<std::string>& sets) {
  auto runner = std::make_unique<RunnerImpl>(std::move(settings));
  MILL_RETURN(runner->Open(sets));
  return runner;
}

}  // namespace millrace
