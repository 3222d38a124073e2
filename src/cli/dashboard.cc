#include "cli/dashboard.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "data/pretty.h"
#include "data/text_table.h"

namespace millrace {
namespace {

struct Totals {
  int64_t read = 0, dead = 0, late = 0, filtered = 0, written = 0, bytes = 0, total_bytes = 0;
  Timestamp watermark = kMaxTimestamp;
};

Totals Sum(const JobCounts& counts) {
  Totals totals;
  for (const auto& source : counts.sources) {
    totals.read += source.rows;
    totals.dead += source.dead_lettered;
    totals.bytes += source.bytes;
    totals.total_bytes += source.total_bytes;
    if (!source.idle) totals.watermark = std::min(totals.watermark, source.watermark);
  }
  for (const auto& op : counts.operators) {
    totals.late += op.late;
    totals.filtered += op.filtered;
  }
  for (const auto& sink : counts.sinks) totals.written += sink.rows;
  return totals;
}

std::string TimeText(Timestamp time) {
  if (time == kMinTimestamp) return "none yet";
  if (time == kMaxTimestamp) return "end";
  return FormatTimestamp(time);
}

// "1.2 M", "12.3 k", "940".
std::string Short(double value) {
  if (value >= 1e6) return fmt::format("{:.2f} M", value / 1e6);
  if (value >= 1e4) return fmt::format("{:.1f} k", value / 1e3);
  return fmt::format("{:.0f}", value);
}

std::string TimeLeft(const Totals& totals, double seconds) {
  if (totals.total_bytes <= 0 || totals.bytes <= 0 || totals.bytes > totals.total_bytes) return "";
  const double left = seconds * (static_cast<double>(totals.total_bytes) / static_cast<double>(totals.bytes) - 1);
  return fmt::format("  {:.0f} s left", left);
}

}  // namespace

void Dashboard::Remember(const std::string& table, const Batch& rows) {
  const std::lock_guard lock(mutex_);
  Table& kept = tables_[table];
  if (kept.header.empty()) {
    for (const auto& field : rows.rows->schema()->fields()) kept.header.push_back(field->name());
  }
  const int64_t first = std::max<int64_t>(0, rows.num_rows() - static_cast<int64_t>(kNewest));
  for (int64_t row = first; row < rows.num_rows(); ++row) {
    std::vector<std::string> cells;
    for (const auto& column : rows.rows->columns()) cells.push_back(FormatValue(*column, row).substr(0, 32));
    kept.rows.push_back(std::move(cells));
    if (kept.rows.size() > kNewest) kept.rows.pop_front();
  }
}

double Dashboard::Rate(const JobCounts& counts, double seconds) {
  const int64_t rows = Sum(counts).read;
  if (seconds - last_seconds_ >= 0.5) {
    rate_ = static_cast<double>(rows - last_rows_) / (seconds - last_seconds_);
    last_rows_ = rows;
    last_seconds_ = seconds;
  }
  return rate_;
}

std::string Dashboard::Newest() const {
  const std::lock_guard lock(mutex_);
  // The table with the widest rows among those not flooded: the one shown is the last by name that
  // has rows, unless one is called sessions.
  const Table* shown = nullptr;
  std::string name;
  for (const auto& [table, kept] : tables_) {
    if (shown != nullptr && name.find("session") != std::string::npos) continue;
    shown = &kept;
    name = table;
  }
  if (shown == nullptr) return "";
  return "newest rows of " + name + "\n" + TextTable(shown->header, {shown->rows.begin(), shown->rows.end()});
}

void Dashboard::Draw(const JobCounts& counts, double seconds) {
  if (isatty(STDOUT_FILENO) == 0) return Line(counts, seconds);
  const Totals totals = Sum(counts);
  std::string text = fmt::format("{:.0f} s   {} rows read   {}/s   watermark {}   {} late   {} bad\n", seconds,
                                 Short(static_cast<double>(totals.read)), Short(Rate(counts, seconds)),
                                 TimeText(totals.watermark), totals.late, totals.dead);
  for (const auto& sink : counts.sinks) {
    text += fmt::format("  -> {:<24} {:>12} rows\n", sink.table, sink.rows);
  }
  text += Newest();
  if (drawn_lines_ > 0) std::printf("\033[%dA\033[J", drawn_lines_);
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
  drawn_lines_ = static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

void Dashboard::Line(const JobCounts& counts, double seconds) {
  const bool terminal = isatty(STDERR_FILENO) != 0;
  const double rate = Rate(counts, seconds);
  if (!terminal && seconds - last_printed_ < 5) return;
  if (terminal && seconds < 1) return;
  last_printed_ = seconds;
  const Totals totals = Sum(counts);
  std::fprintf(stderr, "%s%s", terminal ? "\r\033[K" : "",
               fmt::format("{:.0f} s  {} rows  {}/s  watermark {}  late {}  bad {}{}", seconds,
                           Short(static_cast<double>(totals.read)), Short(rate), TimeText(totals.watermark),
                           totals.late, totals.dead, TimeLeft(totals, seconds)).c_str());
  if (!terminal) std::fputs("\n", stderr);
  std::fflush(stderr);
  line_open_ = terminal;
}

void Dashboard::Clear() {
  if (line_open_) std::fputs("\r\033[K", stderr);
  line_open_ = false;
  drawn_lines_ = 0;
  last_seconds_ = last_printed_ = rate_ = 0;
  last_rows_ = 0;
}

std::string Summary(const JobCounts& counts, double seconds) {
  const Totals totals = Sum(counts);
  std::string text = fmt::format("done in {:.2f} s: read {} = consumed {} + dead-lettered {}", seconds,
                                 totals.read, totals.read - totals.dead, totals.dead);
  text += fmt::format("; dropped late {}, filtered {}; written {}\n", totals.late, totals.filtered,
                      totals.written);
  for (const auto& sink : counts.sinks) text += fmt::format("  {}: {} rows\n", sink.table, sink.rows);
  return text;
}

}  // namespace millrace
