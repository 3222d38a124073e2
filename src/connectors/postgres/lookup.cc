#include "connectors/postgres/lookup.h"

#include <arrow/builder.h>
#include <arrow/table.h>

#include <algorithm>
#include <thread>

#include "connectors/postgres/decoder.h"
#include "data/pretty.h"

namespace millrace {
namespace {

constexpr int64_t kMostKeys = 1000;  // of a query
constexpr std::chrono::milliseconds kRetryPause{500};

// The first column of an answer: which key a row was found for.
Schema Answered(const Schema& columns) {
  Schema all;
  all.columns.push_back({"$key", SqlType::Int()});
  all.columns.insert(all.columns.end(), columns.columns.begin(), columns.columns.end());
  return all;
}

// Rows whose values the script's types cannot hold fail the lookup: there is no stream that they
// could be left out of.
class NoDeadLetters final : public DeadLetters {
 public:
  void Add(const BadRow& row) override {
    if (reason_.empty()) reason_ = row.reason;
  }
  Status status() const { return reason_.empty() ? Status::OK() : UserError("{}", reason_); }

 private:
  std::string reason_;
};

bool CanBeKey(const SqlType& type) {
  switch (type.kind) {
    case TypeKind::kArray:
    case TypeKind::kMap:
    case TypeKind::kRow:
    case TypeKind::kIntervalDay:
    case TypeKind::kIntervalMonth: return false;
    default: return !type.IsBinary();
  }
}

bool IsAnyNull(const arrow::RecordBatch& keys, int64_t row) {
  return std::any_of(keys.columns().begin(), keys.columns().end(),
                     [row](const auto& column) { return column->IsNull(row); });
}

}  // namespace

PostgresLookup::PostgresLookup(PostgresOptions options, Schema columns, Schema keys)
    : options_(std::move(options)), columns_(std::move(columns)), keys_(std::move(keys)) {}

Status PostgresLookup::Open() {
  const Status opened = options_.TryPatiently([this](PostgresFault* fault) {
    const Status connected = Connect(fault);
    if (connected.IsIOError()) *fault = PostgresFault::kAgain;
    return connected;
  });
  return Annotate(opened, fmt::format("table '{}'", options_.table));
}

Status PostgresLookup::Connect(PostgresFault* fault) {
  client_.reset();
  MILL_ASSIGN(auto client, options_.Connect(fault));
  MILL_ASSIGN(const auto there, ReadPostgresTable(*client, options_.target));
  if (!there) return NoPostgresTable(*client, options_.target);
  MILL_RETURN(Plan(*there));
  client_ = std::move(client);
  return Status::OK();
}

Status PostgresLookup::Plan(const PostgresTable& there) {
  MILL_ASSIGN(select_, PostgresSelect(there, columns_));
  MILL_RETURN(PostgresSelect(there, keys_).status());  // checks that they fit
  condition_.clear();
  for (size_t i = 0; i < keys_.columns.size(); ++i) {
    const Column& key = keys_.columns[i];
    if (!CanBeKey(key.type)) {
      return UserError("column '{}' is {}: rows cannot be looked up by it", key.name,
                       key.type.Nullable().ToString());
    }
    const PostgresColumn& found = *there.Find(key.name);
    MILL_ASSIGN(const std::string type, PostgresScanType(found.type, key.type));
    const bool as_text = type == "text" && found.type.category != 'S';
    condition_ += fmt::format("{}t.{}{} = v.k{}::{}", i ? " AND " : "",
                              QuotedIdentifier(found.name), as_text ? "::text" : "", i, type);
  }
  from_ = there.quoted;
  return Status::OK();
}

// "" if there is no key without NULL.
Result<std::string> PostgresLookup::Query(const arrow::RecordBatch& keys, int64_t begin,
                                          int64_t end) {
  std::string values, names;
  for (int64_t row = begin; row < end; ++row) {
    if (IsAnyNull(keys, row)) continue;
    values += fmt::format("{}({}", values.empty() ? "" : ",", row);
    for (const auto& column : keys.columns()) {
      values += "," + client_->QuotedLiteral(FormatValue(*column, row));
    }
    values += ")";
  }
  if (values.empty()) return "";
  for (size_t i = 0; i < keys_.columns.size(); ++i) names += fmt::format(",k{}", i);
  return fmt::format("COPY (SELECT v.n{}{} FROM (VALUES {}) v(n{}) JOIN {} t ON {} ORDER BY v.n) "
                     "TO STDOUT (FORMAT binary)",
                     select_.empty() ? "" : ", ", select_, values, names, from_, condition_);
}

// The rows of an answer, as the decoder takes them.
Result<std::string> PostgresLookup::Ask(const std::string& query) {
  MILL_RETURN(client_->BeginCopyOut(query));
  std::string rows;
  for (bool first = true;;) {
    std::string piece;
    MILL_ASSIGN(const auto got, client_->GetCopy(std::chrono::milliseconds(1000), &piece));
    if (got == PostgresClient::Got::kEnd) return rows;
    if (got == PostgresClient::Got::kNothing) continue;
    rows += PostgresCopyRow(piece, first);
    first = false;
  }
}

Result<std::string> PostgresLookup::AskPatiently(const arrow::RecordBatch& keys, int64_t begin,
                                                 int64_t end) {
  for (int64_t retry = 0;; ++retry) {
    Status failed;
    if (!client_) {
      PostgresFault fault = PostgresFault::kNone;
      failed = Connect(&fault);
    }
    if (failed.ok()) {
      MILL_ASSIGN(const std::string query, Query(keys, begin, end));
      if (query.empty()) return "";
      auto rows = Ask(query);
      if (rows.ok()) return rows;
      failed = rows.status();
      client_.reset();
    }
    if (!failed.IsIOError() || retry >= options_.lookup_retries) return failed;
    options_.Note(failed.message() + "; the lookup is tried again");
    std::this_thread::sleep_for(kRetryPause);
  }
}

Result<LookupRows> PostgresLookup::Find(const arrow::RecordBatch& keys) {
  const std::string where = fmt::format("lookup in table '{}'", options_.table);
  const auto decoder = MakePostgresDecoder(Answered(columns_));
  NoDeadLetters bad;
  LookupRows found;
  std::vector<std::shared_ptr<arrow::RecordBatch>> pieces;
  for (int64_t begin = 0; begin < keys.num_rows(); begin += kMostKeys) {
    auto rows = AskPatiently(keys, begin, std::min(begin + kMostKeys, keys.num_rows()));
    if (!rows.ok()) return Annotate(rows.status(), where);
    Chunk chunk;
    chunk.file = options_.target;
    chunk.bytes = arrow::Buffer::FromString(std::move(*rows));
    MILL_ASSIGN(auto piece, decoder->Decode(chunk, bad));
    MILL_RETURN(Annotate(bad.status(), where));
    const auto& places = static_cast<const arrow::Int32Array&>(*piece->column(0));
    for (int64_t i = 0; i < places.length(); ++i) found.keys.push_back(places.Value(i));
    MILL_ASSIGN(piece, piece->RemoveColumn(0));
    pieces.push_back(std::move(piece));
  }
  if (pieces.size() == 1) {
    found.rows = pieces[0];
  } else {
    MILL_ASSIGN(const auto table, arrow::Table::FromRecordBatches(schema(), pieces));
    MILL_ASSIGN(found.rows, table->CombineChunksToBatch());
  }
  return found;
}

}  // namespace millrace
