#include "cli/dashboard.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "data/pretty.h"
#include "data/text_table.h"

namespace millrace {
namespace {

constexpr size_t kMaxCell = 32;

struct Totals {
  int64_t read = 0, dead = 0, late = 0, bytes = 0, total_bytes = 0;
  Timestamp watermark = kMaxTimestamp;
  bool idle = true;  // all sources
};

Totals Sum(const JobCounts& counts) {
  Totals totals;
  for (const auto& source : counts.sources) {
    totals.read += source.rows;
    totals.dead += source.dead_lettered;
    totals.bytes += source.bytes;
    totals.total_bytes += source.total_bytes;
    if (source.idle) continue;
    totals.idle = false;
    totals.watermark = std::min(totals.watermark, source.watermark);
  }
  for (const auto& op : counts.operators) totals.late += op.late;
  return totals;
}

std::string TimeText(const Totals& totals) {
  if (totals.idle) return "idle";
  if (totals.watermark == kMinTimestamp) return "none yet";
  if (totals.watermark == kMaxTimestamp) return "end";
  return FormatTimestamp(totals.watermark);
}

// "1.20 M", "12.3 k", "940".
std::string Short(double value) {
  if (value >= 1e6) return fmt::format("{:.2f} M", value / 1e6);
  if (value >= 1e4) return fmt::format("{:.1f} k", value / 1e3);
  return fmt::format("{:.0f}", value);
}

// How far the watermark is behind the clock; nothing for replays of old data.
std::string Lag(const Totals& totals) {
  constexpr double kLongest = 86400;
  if (totals.idle || totals.watermark == kMinTimestamp || totals.watermark == kMaxTimestamp)
    return "";
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const Timestamp millis = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const double lag = static_cast<double>(millis - totals.watermark) / 1000;
  return lag < 0 || lag > kLongest ? "" : fmt::format("  lag {:.1f} s", lag);
}

std::string TimeLeft(const Totals& totals, double seconds) {
  const bool known =
      totals.total_bytes > 0 && totals.bytes > 0 && totals.bytes < totals.total_bytes;
  if (!known) return "";
  const double done = static_cast<double>(totals.bytes) / static_cast<double>(totals.total_bytes);
  return fmt::format("  {:.0f} %, {:.0f} s left", done * 100, seconds / done - seconds);
}

std::string ProgressText(const Totals& totals, double seconds, double rate) {
  return fmt::format("{:.0f} s  {} rows  {}/s  watermark {}{}  {} late  {} bad{}", seconds,
                     Short(static_cast<double>(totals.read)), Short(rate), TimeText(totals),
                     Lag(totals), totals.late, totals.dead, TimeLeft(totals, seconds));
}

// The newest checkpoint, and what waits; nothing where there are none.
std::string CheckpointText(const CheckpointTotals& totals) {
  if (totals.completed + totals.failed == 0) return "";
  const CheckpointReport& last = totals.last;
  const auto ms = [](auto time) { return static_cast<double>(time.count()) / 1000; };
  std::string text = fmt::format("{} checkpoints", totals.completed);
  if (totals.failed > 0) text += fmt::format(", {} failed", totals.failed);
  if (totals.completed > 0) {
    text += fmt::format("; the last: {:.0f} ms, {:.0f} ms for barriers, {:.1f} ms alignment, {}B",
                        ms(last.duration), ms(last.barriers), ms(last.alignment),
                        Short(static_cast<double>(last.bytes)));
  }
  if (totals.unpublished > 1) text += fmt::format("; {} epochs to publish", totals.unpublished);
  return text + "\n";
}

std::string Shortened(const std::string& name) {
  constexpr size_t kShown = 40;
  return DisplayWidth(name) <= kShown ? name : Clip(name, kShown) + "...";
}

struct Screen {
  size_t columns = 80, lines = 24;
};

Screen ScreenOf(int descriptor) {
  winsize size = {};
  Screen screen;
  if (ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
    return screen;
  screen.columns = size.ws_col;
  screen.lines = size.ws_row;
  return screen;
}

// The part of `text` that fits on the screen: longer lines would wrap, and redrawing go astray.
std::string Fit(const std::string& text, const Screen& screen, int* lines) {
  std::string out;
  *lines = 0;
  for (size_t start = 0; start < text.size() && *lines + 2 < static_cast<int>(screen.lines);) {
    const size_t end = text.find('\n', start);
    out += Clip(std::string_view(text).substr(start, end - start), screen.columns - 1) + "\n";
    ++*lines;
    start = end + 1;
  }
  return out;
}

}  // namespace

void Dashboard::Remember(const std::string& table, const Batch& rows) {
  const std::lock_guard lock(mutex_);
  Table& kept = tables_[table];
  if (kept.header.empty()) {
    for (const auto& field : rows.rows->schema()->fields())
      kept.header.push_back(Printable(field->name()));
  }
  const int64_t first = std::max<int64_t>(0, rows.num_rows() - static_cast<int64_t>(kNewest));
  for (int64_t row = first; row < rows.num_rows(); ++row) {
    std::vector<std::string> cells;
    for (const auto& column : rows.rows->columns()) {
      cells.push_back(Clip(Printable(FormatValue(*column, row)), kMaxCell));
    }
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

// Of several tables the one of sessions, else the last by name.
std::string Dashboard::Newest() const {
  const Table* shown = nullptr;
  std::string name;
  for (const auto& [table, kept] : tables_) {
    if (shown != nullptr && name.find("session") != std::string::npos) continue;
    shown = &kept;
    name = table;
  }
  if (shown == nullptr) return "";
  return "newest rows of " + name + "\n" +
         TextTable(shown->header, {shown->rows.begin(), shown->rows.end()});
}

void Dashboard::Draw(const JobCounts& counts, double seconds) {
  if (isatty(STDOUT_FILENO) == 0) return Line(counts, seconds);
  const std::lock_guard lock(mutex_);
  std::string text = ProgressText(Sum(counts), seconds, Rate(counts, seconds)) + "\n";
  for (const auto& sink : counts.sinks)
    text += fmt::format("  -> {:<24} {:>12} rows\n", sink.table, sink.rows);
  const std::string checkpoints = CheckpointText(counts.checkpoints);
  if (!checkpoints.empty()) text += "  " + checkpoints;
  text += Newest();
  int lines = 0;
  text = Fit(text, ScreenOf(STDOUT_FILENO), &lines);
  if (drawn_lines_ > 0) std::printf("\033[%dA\033[J", drawn_lines_);
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
  drawn_lines_ = lines;
}

void Dashboard::Line(const JobCounts& counts, double seconds) {
  const std::lock_guard lock(mutex_);
  PrintLine(counts, seconds);
}

void Dashboard::PrintLine(const JobCounts& counts, double seconds) {
  const bool terminal = isatty(STDERR_FILENO) != 0;
  const double rate = Rate(counts, seconds);
  if (seconds - last_printed_ < (terminal ? 0.5 : 5)) return;
  if (terminal && seconds < 1) return;
  last_printed_ = seconds;
  const std::string text = ProgressText(Sum(counts), seconds, rate);
  if (terminal) {
    std::fprintf(stderr, "\r\033[K%s", Clip(text, ScreenOf(STDERR_FILENO).columns - 1).c_str());
  } else {
    std::fprintf(stderr, "%s\n", text.c_str());
  }
  std::fflush(stderr);
  line_open_ = terminal;
}

void Dashboard::EraseLine() {
  const std::lock_guard lock(mutex_);
  if (line_open_) std::fputs("\r\033[K", stderr);
  line_open_ = false;
}

void Dashboard::Clear() {
  EraseLine();
  const std::lock_guard lock(mutex_);
  drawn_lines_ = 0;
  last_seconds_ = last_printed_ = rate_ = 0;
  last_rows_ = 0;
  tables_.clear();
}

std::string Summary(const JobCounts& counts, const std::vector<std::string>& imbalances,
                    double seconds) {
  std::string text = fmt::format("done in {:.2f} s; the books {}\n", seconds,
                                 imbalances.empty() ? "balance" : "do NOT balance");
  std::map<std::string, std::pair<int64_t, int64_t>> tables;  // rows read and dead letters
  for (const auto& source : counts.sources) {
    tables[source.table].first += source.rows;
    tables[source.table].second += source.dead_lettered;
  }
  for (const auto& [table, rows] : tables) {
    text += fmt::format("  {}: read {} = passed on {} + dead-lettered {}\n", table, rows.first,
                        rows.first - rows.second, rows.second);
  }
  for (const auto& op : counts.operators) {
    if (op.late == 0 && op.filtered == 0) continue;
    text += fmt::format("  {}: in {} = consumed {} + filtered {} + late {}\n", Shortened(op.name),
                        op.rows_in, op.rows_in - op.filtered - op.late, op.filtered, op.late);
    for (const auto& [split, rows] : op.late_from) {
      text += fmt::format("    late from {}: {}\n", split, rows);
    }
  }
  for (const auto& sink : counts.sinks) {
    const auto& [retries, rejected] = sink.troubles;
    text += fmt::format("  {}: written {}", sink.table, sink.rows - rejected);
    if (rejected > 0) text += fmt::format(" + refused {}", rejected);
    text += retries > 0 ? fmt::format("; retries {}\n", retries) : "\n";
  }
  const std::string checkpoints = CheckpointText(counts.checkpoints);
  if (!checkpoints.empty()) text += "  " + checkpoints;
  for (const std::string& line : imbalances) text += "  imbalance: " + line + "\n";
  return text;
}

}  // namespace millrace
