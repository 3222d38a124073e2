#include "targets.h"

#include <arrow/api.h>
#include <arrow/compute/initialize.h>

#include <algorithm>
#include <array>

#include "dead_count.h"
#include "engine/engine.h"
#include "formats/format.h"
#include "functions/expression.h"
#include "iceberg_target.h"
#include "parquet_target.h"
#include "record_targets.h"

namespace millrace {
namespace {

struct DecodedText {
  std::shared_ptr<arrow::RecordBatch> rows;
  int64_t dead = 0;
};

// One column of each kind of type.
const Schema& AllTypes() {
  static const Schema kSchema = [] {
    const auto of = [](TypeKind kind, int precision = 0, int scale = 0) {
      return SqlType::Of(kind, precision, scale);
    };
    SqlType row = of(TypeKind::kRow);
    row.children = {{"x", std::make_shared<SqlType>(SqlType::Int())},
                    {"y", std::make_shared<SqlType>(SqlType::String())}};
    Schema schema;
    schema.columns = {{"b", SqlType::Boolean()},
                      {"t", of(TypeKind::kTinyInt)},
                      {"i", SqlType::Int()},
                      {"l", SqlType::BigInt()},
                      {"f", of(TypeKind::kFloat)},
                      {"d", SqlType::Double()},
                      {"m", of(TypeKind::kDecimal, 10, 2)},
                      {"s", SqlType::String()},
                      {"c", of(TypeKind::kChar, 3)},
                      {"y", SqlType::Bytes()},
                      {"da", of(TypeKind::kDate)},
                      {"ti", of(TypeKind::kTime, 3)},
                      {"ts", SqlType::Timestamp(3)},
                      {"tz", SqlType::TimestampLtz(9)},
                      {"a", SqlType::Array(SqlType::Int())},
                      {"mp", SqlType::Map(SqlType::String(), SqlType::Int())},
                      {"r", row}};
    return schema;
  }();
  return kSchema;
}

constexpr size_t kFlat = 14;  // the columns of AllTypes before the nested ones

Schema Scalars(size_t count) {
  Schema schema = AllTypes();
  schema.columns.resize(count);
  return schema;
}

DecodedText DecodeText(Decoder& decoder, std::string_view text) {
  Chunk chunk;
  chunk.bytes = arrow::Buffer::FromString(std::string(text));
  chunk.file = "fuzz";
  chunk.first_line = 1;
  DeadCount dead;
  auto rows = decoder.Decode(chunk, dead);
  MILL_CHECK(rows.ok());  // bad input is dead-lettered, never a failure
  MILL_CHECK((*rows)->ValidateFull().ok());
  return {*rows, dead.count};
}

// Decodes with `format`, at once and cut at a line's end: both must give the same rows.
void RunFormat(const std::string& format, const Schema& schema, const Options& options,
               std::string_view text, bool lines) {
  auto decoder = MakeDecoder(format, schema, schema, options);
  MILL_CHECK(decoder.ok());
  const DecodedText whole = DecodeText(**decoder, text);
  if (!lines) return;
  const size_t cut = text.find('\n', text.size() / 2);
  if (cut == std::string_view::npos || text.starts_with("\xEF\xBB\xBF")) return;
  const DecodedText front = DecodeText(**decoder, text.substr(0, cut + 1));
  // The second piece must not be taken for the start of a file.
  const std::string_view rest = text.substr(cut + 1);
  if (rest.starts_with("\xEF\xBB\xBF")) return;
  const DecodedText back = DecodeText(**decoder, rest);
  MILL_CHECK(front.dead + back.dead == whole.dead);
  MILL_CHECK(front.rows->num_rows() + back.rows->num_rows() == whole.rows->num_rows());
}

// Lines that are not blank: each is a row or a dead letter.
int64_t RecordLines(std::string_view text) {
  int64_t lines = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines += text.substr(0, end).find_first_not_of(" \t\r") != std::string_view::npos;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

void RunJson(std::string_view text) {
  RunFormat("json", AllTypes(), {}, text, true);
  RunFormat("json", AllTypes(), {{"json.ignore-parse-errors", "true"}}, text, true);
  auto decoder = MakeDecoder("json", Scalars(3), AllTypes(), {});
  MILL_CHECK(decoder.ok());
  const DecodedText few = DecodeText(**decoder, text);
  if (text.starts_with("\xEF\xBB\xBF")) return;
  MILL_CHECK(few.rows->num_rows() + few.dead == RecordLines(text));
}

void RunCsv(std::string_view text) {
  RunFormat("csv", Scalars(kFlat), {}, text, false);
  RunFormat("csv", Scalars(kFlat), {{"csv.ignore-parse-errors", "true"}}, text, false);
  RunFormat("csv", Scalars(kFlat),
            {{"csv.disable-quote-character", "true"}, {"csv.field-delimiter", ";"}}, text, true);
  RunFormat("csv", Scalars(2), {{"csv.escape-character", "\\"}, {"csv.allow-comments", "true"}},
            text, false);
}

void RunRegex(std::string_view text) {
  Schema schema = Scalars(3);
  RunFormat("regex", schema, {{"regex.pattern", "^(?<b>\\S*) (?<t>[^,]*),(?<i>.*)$"}}, text, true);
  // The input's first line as the pattern of the rest.
  const size_t end = text.find('\n');
  if (end == std::string_view::npos || end > 200) return;
  const Schema one{{{"s", SqlType::String()}}};
  auto decoder =
      MakeDecoder("regex", one, one, {{"regex.pattern", std::string(text.substr(0, end))}});
  if (decoder.ok()) DecodeText(**decoder, text.substr(end + 1));
}

void RunRaw(std::string_view text) {
  for (const Column& column : AllTypes().columns) {
    const Schema one{{column}};
    auto decoder = MakeDecoder("raw", one, one, {});
    if (decoder.ok()) DecodeText(**decoder, text);
  }
}

void RunDebezium(std::string_view text) {
  RunFormat("debezium-json", AllTypes(), {}, text, true);
  RunFormat("debezium-json", Scalars(3), {{"debezium-json.schema-include", "true"}}, text, true);
}

void RunDamagedParquet(std::string_view edits) { RunParquet(AllTypes(), edits); }

// Text to each type and back; what can be read must be written in a form that reads the same.
void RunCast(std::string_view text) {
  const auto value = arrow::MakeScalar(std::string(text));
  const EvalContext context;
  for (const Column& column : AllTypes().columns) {
    if (!Castable(SqlType::String(), column.type)) continue;
    auto read = CastDatum(arrow::Datum(value), SqlType::String(), column.type, context, true);
    if (!read.ok()) continue;
    auto written = CastDatum(*read, column.type, SqlType::String(), context, false);
    MILL_CHECK(written.ok());
    auto again = CastDatum(*written, SqlType::String(), column.type, context, true);
    MILL_CHECK(again.ok());
  }
}

// Parses, binds, optimizes and builds, but runs nothing.
void RunSql(std::string_view text) {
  EngineOptions options;
  options.explain = true;
  options.workers = 2;
  auto engine = Engine::Make(std::move(options));
  MILL_CHECK(engine.ok());
  const auto ignore = [](StatementResult) { return Status::OK(); };
  constexpr const char* kTables =
      "CREATE TABLE t (ts TIMESTAMP(3), a INT, s STRING, d DOUBLE, m DECIMAL(10, 2), r ROW<x INT, "
      "y STRING>, "
      "l ARRAY<INT>, p AS PROCTIME(), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH "
      "('connector' = 'datagen');"
      "CREATE TABLE o (a INT, s STRING, PRIMARY KEY (a) NOT ENFORCED) WITH ('connector' = "
      "'blackhole');";
  MILL_CHECK((*engine)->Execute(kTables, nullptr, ignore).ok());
  const Status done = (*engine)->Execute(text, nullptr, ignore);
  MILL_CHECK(done.ok() || !done.message().empty());
}

}  // namespace

const std::vector<FuzzTarget>& FuzzTargets() {
  static const std::vector<FuzzTarget> kTargets = [] {
    MILL_CHECK(arrow::compute::Initialize().ok());
    return std::vector<FuzzTarget>{{"sql", RunSql},     {"json", RunJson}, {"csv", RunCsv},
                                   {"regex", RunRegex}, {"raw", RunRaw},   {"cast", RunCast},
                                   {"parquet", RunDamagedParquet},
                                   {"avro", RunAvro},   {"protobuf", RunProtobuf},
                                   {"debezium", RunDebezium},
                                   {"iceberg", RunIceberg}};
  }();
  return kTargets;
}

}  // namespace millrace
