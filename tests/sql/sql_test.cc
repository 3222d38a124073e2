// Runs SQL test files: valid SQL with its input and expected rows in comments. Every file runs several
// ways and must give the same rows each time.
//
//   CREATE TABLE bids (...) WITH ('connector' = 'test');
//   -- input bids            rows of table bids, one a line, columns between '|'; NULL; first "-D |": a kind
//   --   00:00:01 | 5
//   SELECT ...;
//   --   @ 00:01:00          in input: what follows comes when the clock of processing time stands there
//   --   split a             in input: what follows is of a split of its own, named so
//   -- expect text           lines of what the statement before prints, in this order
//   -- expect once: text     what the statement before prints has this once
//   -- expect live           must have appeared while the input is still open
//   -- expect                must appear in all, the live ones included
//   -- expect late           rows dropped as late, the first column's value; or "split | value"
//   -- expect error: text    the statement before fails with this text in its message
//   -- expect plan: text     EXPLAIN of the statement before has this line
//
// Times in input may be short: 00:00:01 means 2020-01-01 00:00:01.000 in a TIMESTAMP column.
// Rows compare unordered; changelogs are folded first.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "data/pretty.h"
#include "engine/engine.h"
#include "functions/expression.h"
#include "rows_source.h"

#include "killed_way.h"

#include <arrow/api.h>

namespace millrace {
namespace {

// ---- the test file ----

struct Expectation {
  std::vector<std::string> live, rows, late, text;
  bool has_rows = false, has_late = false;
  std::string error;
  std::vector<std::string> plan, once;
};

struct Step {
  std::string sql;
  Expectation expected;
};

struct TestFile {
  std::map<std::string, std::vector<std::string>> inputs;
  std::vector<Step> steps;
  // The clock times at which portions of the input come; the first is 0.
  std::vector<std::string> Clock() const {
    std::vector<std::string> times = {""};
    for (const auto& [table, lines] : inputs) {
      std::vector<std::string> own = {""};  // of one split
      for (const std::string& line : lines) {
        if (line.starts_with("split ")) own = {""};
        if (line.starts_with("@ ")) own.push_back(line.substr(2));
        if (own.size() > times.size()) times = own;
      }
    }
    return times;
  }
};

std::string Trim(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::vector<std::string> Cells(const std::string& line) {
  std::vector<std::string> cells;
  std::stringstream stream(line);
  std::string cell;
  while (std::getline(stream, cell, '|')) cells.push_back(Trim(cell));
  return cells;
}

// Where the lines of a comment block go.
std::vector<std::string>* BlockOf(const std::string& head, TestFile* file) {
  if (head.starts_with("input ")) return &file->inputs[Trim(head.substr(6))];
  if (file->steps.empty()) return nullptr;
  Expectation& expected = file->steps.back().expected;
  if (head == "expect live") return &expected.live;
  if (head == "expect text") return &expected.text;
  if (head == "expect late") {
    expected.has_late = true;
    return &expected.late;
  }
  if (head == "expect") {
    expected.has_rows = true;
    return &expected.rows;
  }
  if (head.starts_with("expect error:")) expected.error = Trim(head.substr(13));
  if (head.starts_with("expect once:")) expected.once.push_back(Trim(head.substr(12)));
  if (head.starts_with("expect plan:")) expected.plan.push_back(Trim(head.substr(12)));
  return nullptr;
}

TestFile Parse(const std::string& path) {
  TestFile file;
  std::ifstream stream(path);
  std::string line, sql;
  std::vector<std::string>* block = nullptr;
  while (std::getline(stream, line)) {
    if (line.starts_with("--   ") && block != nullptr) {
      block->push_back(Trim(line.substr(5)));
      continue;
    }
    if (line.starts_with("-- ")) {
      block = BlockOf(Trim(line.substr(3)), &file);
      continue;
    }
    sql += line + "\n";
    if (Trim(line).ends_with(";")) {
      file.steps.push_back({sql, {}});
      sql.clear();
      block = nullptr;
    }
  }
  return file;
}

// ---- the test connector ----

// Full timestamps from short ones.
std::string Lengthen(const std::string& cell, const SqlType& type) {
  if (!type.IsTimestamp()) return cell;
  if (cell.size() >= 8 && cell[2] == ':') return "2020-01-01 " + cell;
  return cell;
}

Result<std::shared_ptr<arrow::RecordBatch>> MakeRows(const TableInfo& table, const Schema& columns,
                                                     const std::vector<std::string>& lines) {
  std::vector<std::shared_ptr<arrow::Array>> arrays;
  for (const Column& column : columns.columns) {
    const int at = table.schema.Find(column.name);
    arrow::StringBuilder builder;
    for (const std::string& line : lines) {
      auto cells = Cells(line);
      RowKind kind;
      if (!cells.empty() && ReadRowKind(cells[0], &kind)) cells.erase(cells.begin());
      if (at >= static_cast<int>(cells.size())) return UserError("input line has too few cells: {}", line);
      const std::string& cell = cells[static_cast<size_t>(at)];
      MILL_RETURN(cell == "NULL" ? builder.AppendNull() : builder.Append(Lengthen(cell, column.type)));
    }
    MILL_ASSIGN(auto text, builder.Finish());
    MILL_ASSIGN(auto cast, CastDatum(arrow::Datum(text), SqlType::String(), column.type, EvalContext{}, false));
    arrays.push_back(cast.make_array());
  }
  return arrow::RecordBatch::Make(columns.ToArrow(), static_cast<int64_t>(lines.size()), arrays);
}

RowKinds MakeKinds(const std::vector<std::string>& lines) {
  auto kinds = std::make_shared<std::vector<RowKind>>();
  bool inserts_only = true;
  for (const std::string& line : lines) {
    RowKind kind = RowKind::kInsert;
    const auto cells = Cells(line);
    if (!cells.empty()) ReadRowKind(cells[0], &kind);
    inserts_only = inserts_only && kind == RowKind::kInsert;
    kinds->push_back(kind);
  }
  return inserts_only ? nullptr : kinds;
}

// Cuts the lines at the clock times.
std::vector<std::vector<std::string>> CutLines(const std::vector<std::string>& lines) {
  std::vector<std::vector<std::string>> portions(1);
  for (const std::string& line : lines) {
    if (line.starts_with("@ ")) {
      portions.emplace_back();
    } else {
      portions.back().push_back(line);
    }
  }
  return portions;
}

// Cuts the lines into those of each split; one without a name if there are none.
std::vector<std::pair<std::string, std::vector<std::string>>> CutSplits(
    const std::vector<std::string>& lines) {
  std::vector<std::pair<std::string, std::vector<std::string>>> splits;
  for (const std::string& line : lines) {
    if (line.starts_with("split ")) {
      splits.push_back({Trim(line.substr(6)), {}});
    } else {
      if (splits.empty()) splits.push_back({"test", {}});
      splits.back().second.push_back(line);
    }
  }
  if (splits.empty()) splits.push_back({"test", {}});
  return splits;
}

Connector TestConnector(const TestFile* file, const int* phase, const bool* open) {
  Connector connector;
  connector.name = "test";
  connector.options = {{"changelog-mode", "STRING", "I", "Which kinds of rows the input has."},
                       {"unbounded", "BOOLEAN", "false", "Its splits may be idle."}};
  connector.changelog = DeclaredChangelog;
  connector.make_source = [=](const TableInfo& table, const Schema& columns)
      -> Result<std::vector<std::unique_ptr<Source>>> {
    const auto input = file->inputs.find(table.name);
    if (input == file->inputs.end()) return UserError("the test has no input for '{}'", table.name);
    MILL_ASSIGN(const bool unbounded, BoolOption(table.options, "unbounded", false));
    std::vector<std::unique_ptr<Source>> sources;
    for (const auto& [split, of_split] : CutSplits(input->second)) {
      std::vector<Portion> portions;
      for (const auto& lines : CutLines(of_split)) {
        MILL_ASSIGN(auto rows, MakeRows(table, columns, lines));
        portions.push_back({std::move(rows), MakeKinds(lines)});
      }
      sources.push_back(
          std::make_unique<RowsSource>(split, !unbounded, std::move(portions), phase, open));
    }
    return sources;
  };
  return connector;
}

// ---- running ----

// Folds a changelog into the rows that stand at its end.
class Collector : public ResultSink {
 public:
  Status Begin(const Schema& schema, bool) override {
    schema_ = schema;
    return Status::OK();
  }
  Status Rows(const Batch& batch) override {
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      std::string text;
      for (int c = 0; c < batch.rows->num_columns(); ++c) {
        text += (c == 0 ? "" : " | ") + FormatValue(*batch.rows->column(c), row);
      }
      counts_[text] += Adds(batch.kind(row)) ? 1 : -1;
    }
    return Status::OK();
  }
  std::vector<std::string> Folded() const {
    std::vector<std::string> rows;
    for (const auto& [text, count] : counts_) {
      for (int i = 0; i < count; ++i) rows.push_back(text);
      if (count < 0) rows.push_back("(taken back too often) " + text);
    }
    return rows;
  }
  const Schema& schema() const { return schema_; }
  void Clear() { counts_.clear(); }

 private:
  Schema schema_;
  std::map<std::string, int> counts_;
};

struct Way {
  const char* name;
  int workers;
  int batch_rows;
  bool threads;
  bool killed = false;  // and restored: killed_way.h
  bool on_disk = false;  // state is, with room for a few keys in memory
};
constexpr Way kWays[] = {{"one worker, large batches", 1, 10000, false},
                         {"one worker, one-row batches", 1, 1, false},
                         {"three workers, one-row batches", 3, 1, false},
                         {"three worker threads", 3, 10000, true},
                         {"killed and restored with other workers", 2, 1, false, true},
                         {"state on disk, one-row batches", 2, 1, false, false, true},
                         {"state on disk, killed and restored", 2, 1, false, true, true}};

Options DiskSettings() {
  return {{"state.backend.type", "rocksdb"}, {"state.backend.rocksdb.memory.fixed-per-tm", "2 kb"}};
}

// Brings expected cells into the shape that values print in: short times become long.
std::vector<std::string> Expected(const std::vector<std::string>& lines, const Schema& schema) {
  std::vector<std::string> rows;
  for (const std::string& line : lines) {
    const auto cells = Cells(line);
    std::string text;
    for (size_t c = 0; c < cells.size(); ++c) {
      std::string cell = cells[c];
      if (c < schema.columns.size() && schema.columns[c].type.IsTimestamp() && cell != "NULL") {
        cell = Lengthen(cell, schema.columns[c].type);
        if (schema.columns[c].type.precision > 0 && cell.find('.') == std::string::npos) {
          cell += "." + std::string(schema.columns[c].type.precision <= 3 ? 3 : 6, '0');
        }
      }
      text += (c == 0 ? "" : " | ") + cell;
    }
    rows.push_back(text);
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

class TestRun {
 public:
  TestRun(const std::string& path, const TestFile& file, const Way& way)
      : path_(path), file_(file), way_(way) {}

  bool Run() {
    EngineOptions options;
    options.workers = way_.workers;
    clock_times_ = file_.Clock();
    if (clock_times_.size() > 1) {
      if (way_.threads || way_.killed) return true;  // the clock is not ours there
      options.clock = [this] { return now_; };
    }
    options.extra_connectors.push_back(TestConnector(&file_, &phase_, &open_));
    auto engine = Engine::Make(std::move(options));
    if (!engine.ok()) return Fail("", engine.status().message());
    engine_ = std::move(*engine);
    const Status set = engine_->SetOption("millrace.batch-rows", std::to_string(way_.batch_rows));
    if (!set.ok()) return Fail("", set.message());
    for (const auto& [name, value] : way_.on_disk ? DiskSettings() : Options()) {
      const Status disk = engine_->SetOption(name, value);
      if (!disk.ok()) return Fail("", disk.message());
    }
    for (const Step& step : file_.steps) {
      if (!RunStep(step)) return false;
    }
    return true;
  }

 private:
  bool RunStep(const Step& step) {
    for (const std::string& line : step.expected.plan) {
      if (!CheckPlan(step, line)) return false;
    }
    Collector rows;
    live_failed_ = false;
    std::string text;
    const size_t late_before = engine_->LateRows().size();
    const bool has_output = step.expected.has_rows || !step.expected.live.empty();
    const Status status =
        way_.killed && has_output
            ? RunKilled(step, rows)
            : engine_->Execute(step.sql, &rows, [&](StatementResult result) {
                text += result.text;
                return result.job ? RunJob(step, *result.job, rows) : Status::OK();
              });
    before_.push_back(step.sql);
    if (live_failed_) return false;
    if (!step.expected.error.empty()) return CheckError(step, status);
    if (!status.ok()) return Fail(step.sql, status.message());
    if (!CheckText(step, text)) return false;
    if (step.expected.has_late && !CheckLate(step, late_before)) return false;
    const bool compare = step.expected.has_rows || !step.expected.live.empty();
    if (!compare) return true;
    std::vector<std::string> wanted = step.expected.live;
    wanted.insert(wanted.end(), step.expected.rows.begin(), step.expected.rows.end());
    return Compare(step, "rows", Expected(wanted, rows.schema()), rows.Folded());
  }

  // Steps the job through the portions of its input.
  Status RunPhases(Job& job) {
    const SqlType time = SqlType::Timestamp();
    for (phase_ = 0; phase_ < static_cast<int>(clock_times_.size()); ++phase_) {
      const std::string& at = clock_times_[static_cast<size_t>(phase_)];
      const auto text = std::make_shared<arrow::StringScalar>(Lengthen(at.empty() ? "00:00:00" : at, time));
      MILL_ASSIGN(auto cast, CastDatum(text, SqlType::String(), time, EvalContext{}, false));
      now_ = static_cast<const arrow::TimestampScalar&>(*cast.scalar()).value;
      MILL_RETURN(job.Step(/*seed=*/7).status());
    }
    return Status::OK();
  }

  // Many times over, killed at one point after the other; `rows` has those of the last time, which
  // is not killed.
  Status RunKilled(const Step& step, Collector& rows) {
    open_ = false;
    std::vector<std::string> wanted = step.expected.live;
    wanted.insert(wanted.end(), step.expected.rows.begin(), step.expected.rows.end());
    const Options settings = way_.on_disk ? DiskSettings() : Options();
    KilledWay killed(before_, step.sql, TestConnector(&file_, nullptr, &open_), step.sql.size(),
                     settings, settings);
    // Checkpoints of files take their time.
    for (int64_t n = 1; n < 1000; n += 1 + (way_.on_disk ? 2 * n : n / 8)) {
      rows.Clear();
      MILL_ASSIGN(const bool was_killed, killed.Run(n, &rows));
      killed_late_ = killed.LateLines();
      if (!was_killed) return Status::OK();
      const std::string what = "rows, killed at point " + std::to_string(n) + ",";
      live_failed_ = !Compare(step, what, Expected(wanted, rows.schema()), rows.Folded());
      if (live_failed_) return Status::Invalid("killed");
    }
    return Status::Invalid("the job never ends");
  }

  // Steps the job while its input is open, looks at what came out, then lets the input end.
  Status RunJob(const Step& step, Job& job, Collector& rows) {
    if (way_.threads) {
      phase_ = 0;
      open_ = false;
      MILL_RETURN(job.Start());
      return job.Wait();
    }
    open_ = true;
    MILL_RETURN(RunPhases(job));
    if (!step.expected.live.empty()) {
      live_failed_ = !Compare(step, "live rows", Expected(step.expected.live, rows.schema()), rows.Folded());
    }
    open_ = false;
    MILL_ASSIGN(const bool ended, job.Step(/*seed=*/11));
    if (!ended) return Status::Invalid("the job did not end with its input");
    return job.Wait();
  }

  bool CheckPlan(const Step& step, const std::string& line) {
    bool found = false;
    const Status status = engine_->Execute("EXPLAIN " + step.sql, nullptr, [&](StatementResult result) {
      found = result.text.find(line) != std::string::npos;
      if (!found) std::fprintf(stderr, "%s", result.text.c_str());
      return Status::OK();
    });
    if (!status.ok()) return Fail(step.sql, status.message());
    return found || Fail(step.sql, "the plan lacks: " + line);
  }

  bool CheckText(const Step& step, const std::string& text) {
    size_t at = 0;
    for (const std::string& line : step.expected.text) {
      at = text.find(line, at);
      if (at == std::string::npos) return Fail(step.sql, "the text lacks: " + line + "\nfound:\n" + text);
      at += line.size();
    }
    for (const std::string& line : step.expected.once) {
      const size_t first = text.find(line);
      if (first == std::string::npos || text.find(line, first + 1) != std::string::npos) {
        return Fail(step.sql, "the text has not once: " + line + "\nfound:\n" + text);
      }
    }
    return true;
  }

  bool CheckError(const Step& step, const Status& status) {
    if (status.ok()) return Fail(step.sql, "expected an error: " + step.expected.error);
    if (status.message().find(step.expected.error) != std::string::npos) return true;
    return Fail(step.sql, "expected the error: " + step.expected.error + "\nfound:              " + status.message());
  }

  bool CheckLate(const Step& step, size_t before) {
    const auto late = engine_->LateRows();
    std::vector<std::string> rows;
    for (size_t i = before; i < late.size(); ++i) {
      rows.push_back("\"split\": \"" + late[i].split + "\" " + late[i].row);
    }
    if (way_.killed) rows = killed_late_;
    bool all = rows.size() == step.expected.late.size();
    for (const std::string& wanted : step.expected.late) {
      const auto cells = Cells(wanted);
      const std::string split = cells.size() > 1 ? "\"split\": \"" + cells[0] + "\"" : "";
      all = all && std::any_of(rows.begin(), rows.end(), [&](const std::string& row) {
              return row.find("\"" + cells.back()) != std::string::npos &&
                     row.find(split) != std::string::npos;
            });
    }
    if (all) return true;
    return Compare(step, "late rows", step.expected.late, rows);
  }

  bool Compare(const Step& step, const std::string& what, std::vector<std::string> wanted,
               std::vector<std::string> found) {
    std::sort(wanted.begin(), wanted.end());
    std::sort(found.begin(), found.end());
    if (wanted == found) return true;
    std::string text = what + " differ\nexpected:\n";
    for (const auto& row : wanted) text += "  " + row + "\n";
    text += "found:\n";
    for (const auto& row : found) text += "  " + row + "\n";
    return Fail(step.sql, text);
  }

  bool Fail(const std::string& sql, const std::string& why) {
    std::fprintf(stderr, "FAILED %s (%s)\n%s%s\n", path_.c_str(), way_.name, sql.c_str(), why.c_str());
    return false;
  }

  const std::string& path_;
  const TestFile& file_;
  const Way& way_;
  std::vector<std::string> clock_times_;
  Timestamp now_ = 0;
  int phase_ = 0;
  bool open_ = true;
  bool live_failed_ = false;
  std::vector<std::string> before_, killed_late_;
  std::unique_ptr<Engine> engine_;
};

bool RunFile(const std::string& path) {
  const TestFile file = Parse(path);
  if (file.steps.empty()) {
    std::fprintf(stderr, "FAILED %s: no statement\n", path.c_str());
    return false;
  }
  bool passed = true;
  for (const Way& way : kWays) passed = TestRun(path, file, way).Run() && passed;
  return passed;
}

int Main(int argc, char** argv) {
  std::vector<std::string> files;
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) {
      files.push_back(argv[i]);
      continue;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
      if (entry.path().extension() == ".sql") files.push_back(entry.path().string());
    }
  }
  std::sort(files.begin(), files.end());
  int failed = 0;
  for (const std::string& file : files) failed += RunFile(file) ? 0 : 1;
  std::printf("%zu SQL files, each run %zu ways, %d failed\n", files.size(), std::size(kWays), failed);
  return failed == 0 && !files.empty() ? 0 : 1;
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) { return millrace::Main(argc, argv); }
