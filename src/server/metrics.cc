#include "server/metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <vector>

namespace millrace {
namespace {

using std::chrono::microseconds;

double Seconds(microseconds time) { return static_cast<double>(time.count()) / 1e6; }
double Seconds(timeval time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

std::string Quoted(const std::string& value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

using Labels = std::vector<std::pair<const char*, std::string>>;

// Samples in families: the format wants those of one name together, after its help.
class Page {
 public:
  void Counter(const std::string& name, const char* help, const Labels& labels, int64_t value) {
    Add(name, "counter", help, labels, std::to_string(value));
  }
  void Gauge(const std::string& name, const char* help, const Labels& labels, int64_t value) {
    Add(name, "gauge", help, labels, std::to_string(value));
  }
  void Gauge(const std::string& name, const char* help, const Labels& labels, double value) {
    Add(name, "gauge", help, labels, fmt::format("{:.6g}", value));
  }
  // A point in event time; nothing before the first and after the last event.
  void Time(const std::string& name, const char* help, const Labels& labels, Timestamp time) {
    if (time == kMinTimestamp || time == kMaxTimestamp) return;
    Add(name, "gauge", help, labels, fmt::format("{:.3f}", static_cast<double>(time) / 1000));
  }
  void Add(const std::string& name, const char* type, const char* help, const Labels& labels,
           const std::string& value) {
    std::string& text = families_["millrace_" + name];
    if (text.empty()) {
      text = fmt::format("# HELP millrace_{} {}\n# TYPE millrace_{} {}\n", name, help, name, type);
    }
    std::string shown;
    for (const auto& [label, of] : labels)
      shown += fmt::format("{}{}={}", shown.empty() ? "" : ",", label, Quoted(of));
    text += "millrace_" + name + (shown.empty() ? "" : "{" + shown + "}") + " " + value + "\n";
  }
  std::string Text() const {
    std::string text;
    for (const auto& [name, family] : families_) text += family;
    return text;
  }

 private:
  std::map<std::string, std::string> families_;
};

void AddSource(const std::string& job, const JobCounts::SourceCount& source, Page& page) {
  const Labels labels = {{"job", job}, {"table", source.table}, {"split", source.split}};
  page.Counter("source_rows_total", "Rows read.", labels, source.rows);
  page.Counter("source_bytes_total", "Bytes read.", labels, source.bytes);
  page.Counter("source_dead_letter_rows_total", "Rows that could not be read.", labels,
               source.dead_lettered);
  page.Time("source_watermark_seconds", "The watermark, as a Unix time.", labels, source.watermark);
  page.Gauge("source_idle", "1 while the split is idle, and holds no watermark back.", labels,
             int64_t{source.idle});
}

void AddOperator(const std::string& job, const JobCounts::OperatorCount& op, Page& page) {
  const Labels labels = {{"job", job}, {"operator", op.id}, {"what", op.name}};
  page.Counter("operator_rows_in_total", "Rows taken in.", labels, op.rows_in);
  page.Counter("operator_rows_out_total", "Rows given out.", labels, op.rows_out);
  page.Counter("operator_late_rows_total", "Rows that came too late.", labels, op.late);
  page.Counter("operator_filtered_rows_total", "Rows that a condition left out.", labels,
               op.filtered);
  page.Time("operator_watermark_seconds", "The watermark, as a Unix time.", labels, op.watermark);
}

void AddLastCheckpoint(const std::string& job, const CheckpointReport& last, Page& page) {
  const Labels labels = {{"job", job}};
  page.Gauge("checkpoint_epoch", "Number of the last complete checkpoint.", labels, last.epoch);
  page.Gauge("checkpoint_duration_seconds", "From the request to the commit point.", labels,
             Seconds(last.duration));
  page.Gauge("checkpoint_barriers_seconds", "Until the last task had passed the barrier.", labels,
             Seconds(last.barriers));
  page.Gauge("checkpoint_alignment_seconds", "The longest that a task's channels waited.", labels,
             Seconds(last.alignment));
  page.Gauge("checkpoint_bytes", "Bytes written.", labels, last.bytes);
  for (const auto& cost : last.operators) {
    const Labels of = {{"job", job}, {"operator", cost.id}};
    page.Gauge("checkpoint_operator_alignment_seconds",
               "How long the operator's channels waited for the last barrier.", of,
               Seconds(cost.alignment));
    page.Gauge("checkpoint_operator_save_seconds", "How long its state took to be copied.", of,
               Seconds(cost.save));
    page.Gauge("checkpoint_operator_write_seconds", "How long its state took to be written.", of,
               Seconds(cost.write));
    page.Gauge("checkpoint_operator_bytes", "Bytes of its state that were written.", of, cost.bytes);
  }
}

void AddJob(const std::string& job, const JobCounts& counts, Page& page) {
  const Labels labels = {{"job", job}};
  for (const auto& source : counts.sources) AddSource(job, source, page);
  for (const auto& op : counts.operators) AddOperator(job, op, page);
  for (size_t number = 0; number < counts.sinks.size(); ++number) {
    const auto& sink = counts.sinks[number];
    // One table may be written by several INSERTs.
    const Labels of = {{"job", job}, {"table", sink.table}, {"sink", std::to_string(number)}};
    page.Counter("sink_rows_total", "Rows written.", of, sink.rows);
    page.Counter("sink_published_epochs_total", "Checkpoints whose rows can be seen.", of,
                 sink.published_epochs);
    page.Counter("sink_retries_total", "Failures after which a sink tried again.", of,
                 sink.troubles.retries);
    page.Counter("sink_refused_rows_total", "Rows that the table refused, kept elsewhere.", of,
                 sink.troubles.rejected);
  }
  const CheckpointTotals& checkpoints = counts.checkpoints;
  page.Counter("checkpoints_completed_total", "Checkpoints that were completed.", labels,
               checkpoints.completed);
  page.Counter("checkpoints_failed_total", "Checkpoints that were given up.", labels,
               checkpoints.failed);
  page.Gauge("unpublished_epochs", "Checkpoints whose rows wait for a sink.", labels,
             checkpoints.unpublished);
  page.Counter("restarts_total", "Restarts after a failure.", labels, counts.restarts);
  if (checkpoints.completed > 0) AddLastCheckpoint(job, checkpoints.last, page);
}

void AddProcess(Page& page) {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  page.Add("process_cpu_seconds_total", "counter", "CPU time of the process, user and system.", {},
           fmt::format("{:.3f}", Seconds(usage.ru_utime) + Seconds(usage.ru_stime)));
  int64_t size = 0, resident = 0;  // in pages
  std::ifstream("/proc/self/statm") >> size >> resident;
  page.Gauge("process_resident_memory_bytes", "Memory that the process holds.", {},
             resident * sysconf(_SC_PAGESIZE));
}

}  // namespace

std::string MetricsPage(const std::map<std::string, JobCounts>& jobs) {
  Page page;
  for (const auto& [job, counts] : jobs) AddJob(job, counts, page);
  AddProcess(page);
  return page.Text();
}

}  // namespace millrace
