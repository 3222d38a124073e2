#include "cli/runner.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <sstream>

#include "cli/dashboard.h"
#include "cli/result_table.h"
#include "cli/signals.h"
#include "data/text_table.h"
#include "engine/engine.h"
#include "server/metrics_endpoint.h"

namespace millrace {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kTick{200};
// How long a job that is stopped may take before the program ends without it.
constexpr std::chrono::seconds kStopTime{3};

// Of Flink's Prometheus reporter.
constexpr char kMetricsPort[] = "9249";

// True if whoever read the standard output has gone: nobody is left to be told of it.
bool OutputGone() { return std::ferror(stdout) != 0 && errno == EPIPE; }

std::string Plural(int64_t count) { return fmt::format("{} row{}", count, count == 1 ? "" : "s"); }

class RunnerImpl : public Runner {
 public:
  explicit RunnerImpl(RunSettings settings)
      : settings_(std::move(settings)), table_([this] { dashboard_.EraseLine(); }) {}

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
    CatchSignals();
    return Status::OK();
  }

  int Run(const std::string& name, const std::string& script) override {
    interrupts_before_ = Interrupts();
    job_failed_ = ended_early_ = output_gone_ = false;
    const Status status = engine_->Execute(
        script, &table_, [this](StatementResult result) { return Show(std::move(result)); });
    return Conclude(name, status);
  }

  std::vector<std::string> Names() override {
    std::vector<std::string> names;
    for (const char* show : {"SHOW FUNCTIONS", "SHOW TABLES", "SHOW VIEWS"}) {
      const Status listed = engine_->Execute(show, nullptr, [&](StatementResult result) {
        std::stringstream lines(result.text);
        for (std::string line; std::getline(lines, line);) names.push_back(line);
        return Status::OK();
      });
      if (!listed.ok()) return {};
    }
    return names;
  }

 private:
  // Prints what went wrong with script `name`; returns the exit code.
  int Conclude(const std::string& name, const Status& status) const {
    const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
    if (output_gone_ || OutputGone()) return status.ok() ? kExitDone : kExitFailed;
    if (ended_early_) return kExitDone;
    if (!status.ok()) {
      PrintError(name, status);
      return job_failed_ ? kExitFailed : ExitCode(status);
    }
    if (written) return kExitDone;
    PrintError(name,
               ExternalError("cannot write to the standard output: {}", std::strerror(errno)));
    return kExitFailed;
  }

  // Prints what a statement says and runs its job. Cancelled: the script is to end here, in peace.
  Status Show(StatementResult result) {
    if (result.kind == StatementResult::Kind::kText) std::fputs(result.text.c_str(), stdout);
    if (result.job) MILL_RETURN(ShowJob(result));
    ended_early_ = Pressed() > 0;
    return ended_early_ ? Status::Cancelled("interrupted") : Status::OK();
  }

  Status ShowJob(StatementResult& result) {
    if (Pressed() > 0) return Status::OK();
    const bool interactive = result.kind == StatementResult::Kind::kRows;
    MILL_RETURN(OpenMetrics());
    std::shared_ptr<void> shown;
    if (metrics_) {
      shown = metrics_->Show(result.job_name.empty() ? "query" : result.job_name,
                             [job = result.job.get()] { return job->Counts(); });
    }
    const Status done = RunJob(*result.job, result.limit_reached.get(), interactive);
    job_failed_ = !done.ok();
    if (interactive) table_.Finish(job_failed_);
    return done;
  }

  // Serves the jobs' counters if the session asks for it, from its first job on.
  Status OpenMetrics() {
    const std::string option = "metrics.reporter.prom.port";
    const bool wanted = !engine_->Option(option, "").empty() ||
                        !engine_->Option("metrics.reporter.prom.factory.class", "").empty();
    if (!wanted || metrics_) return Status::OK();
    auto ports = ParsePortRange(engine_->Option(option, kMetricsPort));
    MILL_RETURN(Annotate(ports.status(), "option '" + option + "'"));
    auto started = MetricsEndpoint::Start(*ports);
    MILL_RETURN(Annotate(started.status(), "option '" + option + "'"));
    metrics_ = std::move(*started);
    if (!settings_.quiet)
      std::fprintf(stderr, "millrace: metrics at http://127.0.0.1:%d/metrics\n", metrics_->port());
    return Status::OK();
  }

  int Pressed() const { return Interrupts() - interrupts_before_; }

  Status RunJob(Job& job, const std::atomic<bool>* limit_reached, bool interactive) {
    const auto start = steady_clock::now();
    MILL_RETURN(job.Start());
    const Status status = Watch(job, start, limit_reached, interactive);
    const double seconds = std::chrono::duration<double>(steady_clock::now() - start).count();
    dashboard_.Clear();
    if (settings_.quiet || !status.ok()) return status;
    if (interactive) {
      WarnOfRejected(job.Counts());
    } else {
      std::fputs(Summary(job.Counts(), job.Imbalances(), seconds).c_str(), stderr);
    }
    return status;
  }

  // Until the job has ended: shows its progress, drains it when it is time, stops it when asked
  // twice.
  Status Watch(Job& job, steady_clock::time_point start, const std::atomic<bool>* limit_reached,
               bool interactive) {
    bool drained = false;
    milliseconds tick{5};  // a small job should not take a whole tick
    while (!job.WaitFor(tick)) {
      tick = std::min(kTick, tick * 2);
      const auto ran = steady_clock::now() - start;
      if (Pressed() > 1) return Stop(job);
      // A job's checkpoints fail by that, and it goes on from the last one as its strategy says.
      const Status kept = interactive ? engine_->RejectedFailure() : Status::OK();
      if (!kept.ok()) {
        job.Cancel();
        MILL_RETURN(job.Wait());
        return kept;
      }
      const bool over = time_limit_.count() > 0 && ran >= time_limit_;
      const bool enough = limit_reached != nullptr && limit_reached->load();
      if (!drained && (Pressed() > 0 || over || enough)) {
        if (Pressed() > 0) Say("draining; Ctrl-C again stops at once");
        job.Drain();
        drained = true;
      }
      Progress(job, std::chrono::duration<double>(ran).count(), interactive);
    }
    const Status status = job.Wait();
    output_gone_ = !status.ok() && OutputGone();
    return output_gone_ && interactive ? Status::OK() : status;
  }

  Status Stop(Job& job) {
    job.Cancel();
    if (job.WaitFor(kStopTime)) return ExternalError("stopped before it was drained");
    // A thread hangs in a call of the system's; nothing is published any more, so leaving is safe.
    std::fputs("millrace: stopped; a source or sink did not answer\n", stderr);
    std::_Exit(kExitFailed);
  }

  void Say(const char* text) {
    dashboard_.Clear();
    if (!settings_.quiet)
      std::fprintf(stderr, "%s%s\n", isatty(STDERR_FILENO) != 0 ? "\n" : "", text);
  }

  void Progress(const Job& job, double seconds, bool interactive) {
    if (interactive) table_.Tick();
    if (settings_.quiet) return;
    if (settings_.dashboard && !interactive) {
      dashboard_.Draw(job.Counts(), seconds);
    } else if (!interactive || !table_.printing()) {
      dashboard_.Line(job.Counts(), seconds);
    }
  }

  void WarnOfRejected(const JobCounts& counts) const {
    int64_t bad = 0, late = 0;
    for (const auto& source : counts.sources) bad += source.dead_lettered;
    for (const auto& op : counts.operators) late += op.late;
    const bool kept = !settings_.job_folder.empty();
    if (bad > 0) {
      std::fprintf(
          stderr, "%s could not be read%s\n", Plural(bad).c_str(),
          kept ? ": see `$dead_letter`" : "; --folder DIR keeps such rows with their reasons");
    }
    if (late > 0) {
      std::fprintf(stderr, "%s came too late%s\n", Plural(late).c_str(),
                   kept ? ": see `$late`" : "; --folder DIR keeps such rows");
    }
  }

  RunSettings settings_;
  milliseconds time_limit_{0};
  std::unique_ptr<Engine> engine_;
  Dashboard dashboard_;
  ResultTable table_;
  std::unique_ptr<MetricsEndpoint> metrics_;  // null: nobody has asked for it
  int interrupts_before_ = 0;
  bool job_failed_ = false;
  bool ended_early_ = false;
  bool output_gone_ = false;
};

}  // namespace

Result<std::unique_ptr<Runner>> Runner::Make(RunSettings settings,
                                             const std::vector<std::string>& sets) {
  auto runner = std::make_unique<RunnerImpl>(std::move(settings));
  MILL_RETURN(runner->Open(sets));
  return runner;
}

void PrintError(const std::string& name, const Status& status) {
  constexpr size_t kFront = 1500, kBack = 500;
  std::string text = status.message();
  if (text.size() > 2 * (kFront + kBack)) {
    text = text.substr(0, kFront) + " [...] " + text.substr(text.size() - kBack);
  }
  std::string shown;  // line by line: a hint may stand on a line of its own
  std::stringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    shown += (shown.empty() ? "" : "\n") + Printable(line);
  std::fprintf(stderr, "millrace: %s%s%s\n", name.c_str(), name.empty() ? "" : ": ", shown.c_str());
}

}  // namespace millrace
