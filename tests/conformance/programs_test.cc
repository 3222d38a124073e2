// Runs Flink's own programs and streaming queries (programs.json, itcases_stream.json of the folder
// given) and counts what passes. What needs joins, OVER, Top-N or patterns counts as not supported.
// Fails when fewer pass than the number recorded below; 77 (skipped) when the files are not there.
//
//   programs_test FOLDER [--list] [NAME]     --list: each case with its outcome; NAME: only cases
// like it
#include <cstdio>
#include <filesystem>
#include <map>
#include <regex>

#include "data/pretty.h"
#include "engine/engine.h"
#include "formats/format.h"
#include "java_text.h"
#include "program_cases.h"
#include "rows_source.h"
#include "sql/parser.h"

#include <arrow/api.h>

namespace millrace::conformance {
namespace {

// How many pass today. Raise it with what makes more of them pass; never lower it.
constexpr int kPassing = 129;
constexpr int kSkipped = 77;

// ---- tables ----

class CountDead : public DeadLetters {
 public:
  void Add(const BadRow& row) override { why = row.reason; }
  std::string why;
};

Result<SqlType> ParseType(std::string_view text) {
  MILL_ASSIGN(auto cast, ParseExpression("CAST(NULL AS " + std::string(text) + ")"));
  return cast->cast_type;
}

// The columns of 'readable-metadata' = 'key:TYPE, ...', or writable ones. The rows have their values behind those of the
// physical columns.
std::vector<MetadataSpec> ReadableMetadata(std::string_view text) {
  std::vector<MetadataSpec> metadata;
  while (!text.empty()) {
    size_t end = 0;
    for (int depth = 0; end < text.size() && (text[end] != ',' || depth > 0); ++end) {
      depth += text[end] == '(' ? 1 : text[end] == ')' ? -1 : 0;
    }
    const std::string_view item = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t colon = item.find(':');
    const auto type = colon == item.npos ? Result<SqlType>(Status::Invalid("no type"))
                                         : ParseType(item.substr(colon + 1));
    if (!type.ok()) continue;
    const size_t name = std::min(item.find_first_not_of(' '), colon);
    metadata.push_back({std::string(item.substr(name, colon - name)), *type, ""});
  }
  return metadata;
}

// What all tables of the case offer or take together.
std::vector<MetadataSpec> AllMetadata(const ProgramCase& program) {
  std::vector<MetadataSpec> all;
  for (const std::string_view option : {"'readable-metadata' = '", "'writable-metadata' = '"}) {
    for (const std::string& statement : program.setup) {
      const size_t at = statement.find(option);
      if (at == statement.npos) continue;
      const std::string_view rest = std::string_view(statement).substr(at + option.size());
      for (MetadataSpec& each : ReadableMetadata(rest.substr(0, rest.find('\'')))) {
        all.push_back(std::move(each));
      }
    }
  }
  return all;
}

// The input's rows as columns, through the format `json`.
Result<Portion> MakeRows(const InputTable& input, const Schema& table, const Schema& columns) {
  std::string lines;
  for (const simdjson::dom::element& row : input.rows) {
    const auto cells = ListItems(row);
    std::string line;
    for (const Column& column : columns.columns) {
      const auto at = static_cast<size_t>(table.Find(column.name));
      if (at >= cells.size()) continue;
      line +=
          (line.empty() ? "\"" : ",\"") + column.name + "\":" + PlainJson(cells[at], column.type);
    }
    lines += "{" + line + "}\n";
  }
  MILL_ASSIGN(auto decoder, MakeDecoder("json", columns, table, {}));
  CountDead dead;
  Chunk chunk;
  chunk.bytes = arrow::Buffer::FromString(lines);
  MILL_ASSIGN(auto rows, decoder->Decode(chunk, dead));
  if (!dead.why.empty()) return Status::Invalid("the case's row cannot be read: ", dead.why);
  auto kinds = std::make_shared<std::vector<RowKind>>(input.kinds.size(), RowKind::kInsert);
  for (size_t i = 0; i < input.kinds.size(); ++i) ReadRowKind(input.kinds[i], &(*kinds)[i]);
  return Portion{std::move(rows), std::move(kinds)};
}

Portion Cut(const Portion& all, int64_t offset, int64_t length) {
  const Batch cut = Batch{all.rows, all.kinds, nullptr, 0}.Slice(offset, length);
  return {cut.rows, cut.kinds};
}

using Written = std::map<std::string, std::vector<Batch>>;

class KeepingSink : public Sink {
 public:
  explicit KeepingSink(std::vector<Batch>* rows) : rows_(rows) {}
  Status Open() override { return Status::OK(); }
  Status Write(const Batch& batch) override {
    rows_->push_back(batch);
    return Status::OK();
  }
  Result<Committable> Stage(int64_t epoch) override { return Committable{epoch, ""}; }
  Status Publish(const Committable&) override { return Status::OK(); }
  Status Abort() override { return Status::OK(); }
  bool takes_changelog() const override { return true; }

 private:
  std::vector<Batch>* rows_;
};

Connector ValuesConnector(const ProgramCase& program, const int* phase, Written* written) {
  Connector connector;
  connector.name = "values";
  connector.options = {{"*", "STRING", "", "Whatever Flink's test tables take."}};
  connector.changelog = DeclaredChangelog;
  connector.disorder = [](const TableInfo&) { return std::chrono::milliseconds{0}; };
  connector.metadata = AllMetadata(program);
  connector.make_source = [&program, phase](const TableInfo& table, const Schema& columns)
      -> Result<std::vector<std::unique_ptr<Source>>> {
    std::vector<std::unique_ptr<Source>> sources;
    for (const InputTable& input : program.inputs) {
      if (input.name != table.name) continue;
      Schema values = table.schema;
      const std::string metadata = StringOption(table.options, "readable-metadata", "");
      for (const MetadataSpec& each : ReadableMetadata(metadata)) {
        values.columns.push_back({each.key, each.type});
      }
      MILL_ASSIGN(Portion all, MakeRows(input, values, columns));
      // What came after the program's restart comes later by the clock.
      const auto before = static_cast<int64_t>(input.rows_before);
      std::vector<Portion> portions;
      portions.push_back(Cut(all, 0, before));
      portions.push_back(Cut(all, before, all.rows->num_rows() - before));
      sources.push_back(
          std::make_unique<RowsSource>("test", true, std::move(portions), phase, nullptr));
    }
    if (sources.empty()) return Status::Invalid("the case has no rows for ", table.name);
    return sources;
  };
  connector.make_sink = [written](const TableInfo& table) -> Result<std::unique_ptr<Sink>> {
    return std::make_unique<KeepingSink>(&(*written)[table.name]);
  };
  return connector;
}

class KeepResult : public ResultSink {
 public:
  Status Begin(const Schema&, bool) override { return Status::OK(); }
  Status Rows(const Batch& batch) override {
    rows.push_back(batch);
    return Status::OK();
  }
  std::vector<Batch> rows;
};

// ---- comparing ----

using Cells = std::vector<std::string>;

// Folds changes into the rows that stand at the end; with a key, a row replaces the one of its key.
class Folded {
 public:
  explicit Folded(std::vector<size_t> key) : key_(std::move(key)) {}
  void Change(const std::string& kind, const Cells& cells) {
    if (!key_.empty()) {
      std::string key;
      for (size_t k : key_) key += (k < cells.size() ? cells[k] : "") + "\n";
      if (kind == "+I" || kind == "+U") by_key_[key] = cells;
      if (kind[0] == '-') by_key_.erase(key);
      return;
    }
    counts_[cells] += kind == "+I" || kind == "+U" ? 1 : -1;
  }
  std::vector<std::string> Lines() const {
    std::vector<std::string> lines;
    for (const auto& [key, cells] : by_key_) lines.push_back(Joined(cells));
    for (const auto& [cells, count] : counts_) {
      for (int i = 0; i < std::abs(count); ++i) {
        lines.push_back((count < 0 ? "(taken back) " : "") + Joined(cells));
      }
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  }

 private:
  static std::string Joined(const Cells& cells) {
    std::string line;
    for (const std::string& cell : cells) line += (line.empty() ? "" : ", ") + cell;
    return line;
  }
  std::vector<size_t> key_;
  std::map<std::string, Cells> by_key_;
  std::map<Cells, int> counts_;
};

// The cells of "+I[a, [b, c], d]" without its brackets, cut at commas outside of any brackets.
Cells SplitCells(const std::string& text, const std::string& separator) {
  Cells cells(1);
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '[' || text[i] == '{') ++depth;
    if (text[i] == ']' || text[i] == '}') --depth;
    if (depth == 0 && text.compare(i, separator.size(), separator) == 0) {
      cells.emplace_back();
      i += separator.size() - 1;
    } else {
      cells.back() += text[i];
    }
  }
  return cells;
}

std::string Unified(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += "  " + line + "\n";
  return text;
}

// "" if equal.
std::string Difference(const std::string& what, const std::vector<std::string>& wanted,
                       const std::vector<std::string>& found) {
  if (wanted == found) return "";
  return what + " wants\n" + Unified(wanted) + "found\n" + Unified(found);
}

std::string CompareSink(const ExpectedSink& sink, const std::vector<Batch>& batches) {
  Folded wanted(sink.key), found(sink.key);
  for (const std::string& line : sink.lines) {
    if (line.size() < 4) return "cannot read expected line " + line;
    wanted.Change(line.substr(0, 2), SplitCells(line.substr(3, line.size() - 4), ", "));
  }
  for (const Batch& batch : batches) {
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      found.Change(RowKindName(batch.kind(row)), JavaCells(*batch.rows, row, true));
    }
  }
  return Difference(sink.name, wanted.Lines(), found.Lines());
}

std::string CompareQuery(const ProgramCase& program, const std::vector<Batch>& batches) {
  std::vector<std::string> wanted, in_order;
  Folded found({});
  for (const std::string& line : program.lines) {
    wanted.push_back(program.with_kinds ? line.substr(3, line.size() - 4) : line);
  }
  const std::string separator = program.with_kinds ? ", " : ",";
  for (const Batch& batch : batches) {
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      Cells cells = JavaCells(*batch.rows, row, program.with_kinds);
      std::string line;
      for (const std::string& cell : cells) line += (line.empty() ? "" : separator) + cell;
      in_order.push_back(line);
      found.Change(RowKindName(batch.kind(row)), {line});
    }
  }
  if (program.ordered) return Difference("the result", wanted, in_order);
  std::sort(wanted.begin(), wanted.end());
  return Difference("the result", wanted, found.Lines());
}

// ---- running ----

// Cases that Millrace answers otherwise on purpose; docs/architecture.md tells why.
const char* Otherwise(const std::string& name) {
  static const std::pair<const char*, const char*> kOtherwise[] = {
      {"temporal-sort-rowtime", "otherwise: a restart keeps the watermark"},
      {"window-table-function-cumulate-tvf-agg-proc-time",
       "otherwise: the end closes windows of processing time"},
      {"AggregateITCase.testListAggWithRetraction",
       "otherwise: a batch's changes of a group come as one, so a list has another order"},
      {"SourceWatermarkITCase.testWatermarkWithNestedRow",
       "otherwise: rows without event time are dead letters"}};
  for (const auto& [known, why] : kOtherwise) {
    if (name == known) return why;
  }
  return "";
}

// Why a case is beyond what this engine does so far; "" if it is not.
std::string Beyond(const ProgramCase& program) {
  static const std::pair<const char*, std::regex> kBeyond[] = {
      {"patterns", std::regex("match_recognize", std::regex::icase)},
      {"OVER, Top-N", std::regex("\\bover\\s*(\\(|w\\b|`)", std::regex::icase)},
      {"joins", std::regex("for\\s+system_time|\\bjoin\\b(?!\\s+(unnest|lateral\\s+table\\s*\\())",
                           std::regex::icase)},
      {"joins", std::regex("\\bexists\\s*\\(|\\bin\\s*\\(\\s*select", std::regex::icase)},
      {"joins",
       std::regex("\\bfrom\\s+\\w+(\\s+as)?(\\s+\\w+)?\\s*,\\s*\\w+\\s*(\\w+\\s*)?(where|$)",
                  std::regex::icase)},
      {"the case lacks its tables", std::regex("from users", std::regex::icase)},
      {"a pause of the wall clock between two runs", std::regex("state_ttl", std::regex::icase)},
      {"Top-N", std::regex("order\\s+by[^()]*limit", std::regex::icase)}};
  if (*Otherwise(program.name) != 0) return Otherwise(program.name);
  for (const InputTable& input : program.inputs) {
    if (input.lacks_columns) return "the case lacks columns of its table";
  }
  for (const auto& [what, pattern] : kBeyond) {
    if (std::regex_search(program.sql, pattern)) return what;
  }
  return "";
}

// A program's run: its engine, clock and what went into its tables.
class ProgramRun {
 public:
  explicit ProgramRun(const ProgramCase& program) : program_(program) {}

  // "" if the case passes, else what went wrong.
  std::string Run() {
    EngineOptions options;
    options.workers = 1;
    options.clock = [this] { return now_; };
    options.extra_connectors.push_back(ValuesConnector(program_, &phase_, &written_));
    auto made = Engine::Make(std::move(options));
    if (!made.ok()) return made.status().message();
    engine_ = std::move(*made);
    for (const auto& [key, value] : program_.options) {
      // Those that only tune another engine are unknown here.
      if (!engine_->SetOption(key, value).ok()) continue;
    }
    for (const std::string& statement : program_.setup) {
      const Status status = RunStatement(statement, nullptr);
      if (!status.ok()) return status.message();
    }
    KeepResult result;
    const Status status = RunStatement(program_.run, &result);
    if (!status.ok()) return status.message();
    if (program_.is_query) return CompareQuery(program_, result.rows);
    for (const ExpectedSink& sink : program_.sinks) {
      const std::string difference = CompareSink(sink, written_[sink.name]);
      if (!difference.empty()) return difference;
    }
    return "";
  }

 private:
  Status RunStatement(const std::string& sql, ResultSink* result) {
    return engine_->Execute(sql, result, [this](StatementResult done) {
      return done.job ? RunJob(*done.job) : Status::OK();
    });
  }

  Status RunJob(Job& job) {
    constexpr Timestamp kPause = 3600000;  // closes all windows of processing time
    phase_ = 0;
    MILL_ASSIGN(bool ended, job.Step(/*seed=*/1));
    for (phase_ = 1; phase_ < 3 && !ended; ++phase_) {
      now_ += kPause;
      if (phase_ == 1) {  // the ticks first
        phase_ = 0;
        MILL_RETURN(job.Step(/*seed=*/1).status());
        phase_ = 1;
      }
      MILL_ASSIGN(ended, job.Step(/*seed=*/1));
    }
    if (!ended) return Status::Invalid("the job did not end");
    return job.Wait();
  }

  const ProgramCase& program_;
  Timestamp now_ = 1600000000000;
  int phase_ = 0;
  Written written_;
  std::unique_ptr<Engine> engine_;
};

struct Tally {
  int passed = 0, failed = 0;
  std::map<std::string, int> beyond;
};

void RunAll(const std::vector<ProgramCase>& cases, const std::string& only, bool list,
            Tally* tally) {
  for (const ProgramCase& program : cases) {
    if (program.name.find(only) == std::string::npos) continue;
    const std::string beyond = Beyond(program);
    if (!beyond.empty()) {
      ++tally->beyond[beyond];
      if (list) std::printf("not supported  %s: %s\n", program.name.c_str(), beyond.c_str());
      continue;
    }
    const std::string why = ProgramRun(program).Run();
    if (why.find("joins are not supported") != std::string::npos ||
        why.find("a subquery inside an expression") != std::string::npos) {
      ++tally->beyond["joins"];
      continue;
    }
    ++(why.empty() ? tally->passed : tally->failed);
    if (!why.empty()) {
      std::printf("failed  %s: %s\n", program.name.c_str(), why.c_str());
      if (!only.empty()) std::printf("%s\n", program.sql.c_str());
    } else if (list) {
      std::printf("passed  %s\n", program.name.c_str());
    }
    std::fflush(stdout);
  }
}

int Main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : "";
  bool list = false;
  std::string only;
  for (int i = 2; i < argc; ++i) {
    if (std::string(argv[i]) == "--list") {
      list = true;
    } else {
      only = argv[i];
    }
  }
  const std::string programs = folder + "/programs.json", queries = folder + "/itcases_stream.json";
  if (!std::filesystem::exists(programs) || !std::filesystem::exists(queries)) {
    std::printf("skipped: there are no cases in '%s'\n", folder.c_str());
    return kSkipped;
  }
  Tally tally;
  simdjson::dom::parser program_parser, query_parser;
  const auto first = ReadPrograms(programs, program_parser);
  const auto second = ReadQueries(queries, query_parser);
  if (!first.ok() || !second.ok()) {
    std::printf("%s %s\n", first.status().ToString().c_str(), second.status().ToString().c_str());
    return 1;
  }
  RunAll(*first, only, list, &tally);
  RunAll(*second, only, list, &tally);
  int beyond = 0;
  for (const auto& [what, count] : tally.beyond) {
    std::printf("not supported: %s (%d)\n", what.c_str(), count);
    beyond += count;
  }
  std::printf("%d passed, %d failed, %d not supported; recorded: %d pass\n", tally.passed,
              tally.failed, beyond, kPassing);
  return only.empty() && tally.passed < kPassing ? 1 : 0;
}

}  // namespace
}  // namespace millrace::conformance

int main(int argc, char** argv) { return millrace::conformance::Main(argc, argv); }
