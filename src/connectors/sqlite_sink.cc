#include "connectors/sqlite_sink.h"

#include <arrow/array.h>
#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "base/files.h"
#include "connectors/builtin.h"
#include "connectors/staged_rows.h"
#include "data/pretty.h"

namespace millrace {
namespace {

constexpr int kBusyMillis = 60000;

std::string Quoted(const std::string& name) {
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

std::string SqliteType(const SqlType& type) {
  if (type.kind == TypeKind::kBoolean || type.IsInteger() || type.IsInterval()) return "INTEGER";
  if (type.IsApproximate()) return "REAL";
  if (type.kind == TypeKind::kDecimal) return "NUMERIC";
  return type.IsBinary() ? "BLOB" : "TEXT";
}

template <typename ArrayType>
auto ValueOf(const arrow::Array& array, int64_t row) {
  return static_cast<const ArrayType&>(array).Value(row);
}

int BindInteger(sqlite3_stmt* statement, int at, const arrow::Array& array, int64_t row) {
  int64_t value = 0;
  switch (array.type_id()) {
    case arrow::Type::BOOL:
      value = ValueOf<arrow::BooleanArray>(array, row);
      break;
    case arrow::Type::INT8:
      value = ValueOf<arrow::Int8Array>(array, row);
      break;
    case arrow::Type::INT16:
      value = ValueOf<arrow::Int16Array>(array, row);
      break;
    case arrow::Type::INT32:
      value = ValueOf<arrow::Int32Array>(array, row);
      break;
    default:
      value = ValueOf<arrow::Int64Array>(array, row);
  }
  return sqlite3_bind_int64(statement, at, value);
}

int BindText(sqlite3_stmt* statement, int at, std::string_view text) {
  return sqlite3_bind_text64(statement, at, text.data(), text.size(), SQLITE_TRANSIENT,
                             SQLITE_UTF8);
}

int Bind(sqlite3_stmt* statement, int at, const arrow::Array& array, int64_t row) {
  if (array.IsNull(row)) return sqlite3_bind_null(statement, at);
  switch (array.type_id()) {
    case arrow::Type::BOOL:
    case arrow::Type::INT8:
    case arrow::Type::INT16:
    case arrow::Type::INT32:
    case arrow::Type::INT64:
      return BindInteger(statement, at, array, row);
    case arrow::Type::FLOAT:
      return sqlite3_bind_double(statement, at,
                                 static_cast<double>(ValueOf<arrow::FloatArray>(array, row)));
    case arrow::Type::DOUBLE:
      return sqlite3_bind_double(statement, at, ValueOf<arrow::DoubleArray>(array, row));
    case arrow::Type::STRING:
      return BindText(statement, at, static_cast<const arrow::StringArray&>(array).GetView(row));
    case arrow::Type::BINARY: {
      const auto bytes = static_cast<const arrow::BinaryArray&>(array).GetView(row);
      if (bytes.empty()) return sqlite3_bind_zeroblob(statement, at, 0);
      return sqlite3_bind_blob64(statement, at, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
    }
    default:
      return BindText(statement, at, FormatValue(array, row));
  }
}

}  // namespace

Result<std::unique_ptr<SqliteSink>> SqliteSink::Make(const TableInfo& table) {
  std::unique_ptr<SqliteSink> sink(new SqliteSink);
  sink->path_ = StringOption(table.options, "path", "");
  sink->table_ = StringOption(table.options, "table-name", table.name);
  sink->schema_ = table.schema;
  for (const std::string& name : table.primary_key) {
    const int column = table.schema.Find(name);
    if (column < 0) return UserError("table '{}' has no column '{}' for its key", table.name, name);
    sink->key_columns_.push_back(column);
  }
  const std::string guarantee =
      StringOption(table.options, "sink.delivery-guarantee", "exactly-once");
  if (guarantee != "exactly-once" && guarantee != "at-least-once" && guarantee != "none") {
    return UserError(
        "option 'sink.delivery-guarantee': '{}' is not exactly-once, at-least-once or none",
        guarantee);
  }
  sink->at_once_ = guarantee != "exactly-once";
  std::random_device random;
  sink->writer_ = fmt::format("{:08x}{:08x}", random(), random());
  return sink;
}

SqliteSink::~SqliteSink() {
  sqlite3_finalize(upsert_);
  sqlite3_finalize(delete_);
  sqlite3_close(database_);
}

Status SqliteSink::Failed(const char* what) const {
  return ExternalError("cannot {} table '{}' of SQLite database '{}': {}", what, table_, path_,
                       database_ ? sqlite3_errmsg(database_) : "out of memory");
}

Status SqliteSink::Run(const std::string& sql) {
  if (sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK)
    return Status::OK();
  return Failed("write");
}

Status SqliteSink::Prepare(const std::string& sql, sqlite3_stmt** statement) {
  const int code = sqlite3_prepare_v2(database_, sql.c_str(), -1, statement, nullptr);
  return code == SQLITE_OK ? Status::OK() : Failed("write");
}

std::string SqliteSink::CreateSql() const {
  std::string sql = fmt::format("CREATE TABLE IF NOT EXISTS {} (", Quoted(table_));
  for (size_t i = 0; i < schema_.columns.size(); ++i) {
    const Column& column = schema_.columns[i];
    sql += fmt::format("{}{} {}{}", i ? ", " : "", Quoted(column.name), SqliteType(column.type),
                       column.type.nullable ? "" : " NOT NULL");
  }
  for (size_t i = 0; i < key_columns_.size(); ++i) {
    const Column& column = schema_.columns[static_cast<size_t>(key_columns_[i])];
    sql += (i ? ", " : ", PRIMARY KEY (") + Quoted(column.name);
  }
  return sql + (key_columns_.empty() ? ")" : "))");
}

std::string SqliteSink::UpsertSql() const {
  std::string names, marks, keys, sets;
  for (int i = 0; i < schema_.size(); ++i) {
    const std::string name = Quoted(schema_.columns[static_cast<size_t>(i)].name);
    names += (i ? ", " : "") + name;
    marks += i ? ", ?" : "?";
    const bool key = std::find(key_columns_.begin(), key_columns_.end(), i) != key_columns_.end();
    if (key) keys += (keys.empty() ? "" : ", ") + name;
    if (!key) sets += fmt::format("{}{} = excluded.{}", sets.empty() ? "" : ", ", name, name);
  }
  std::string sql = fmt::format("INSERT INTO {} ({}) VALUES ({})", Quoted(table_), names, marks);
  if (keys.empty()) return sql;
  return sql + fmt::format(" ON CONFLICT ({}) DO {}", keys,
                           sets.empty() ? "NOTHING" : "UPDATE SET " + sets);
}

std::string SqliteSink::DeleteSql() const {
  std::string where;
  for (const int column : key_columns_) {
    const std::string name = Quoted(schema_.columns[static_cast<size_t>(column)].name);
    where += fmt::format("{}{} IS ?", where.empty() ? "" : " AND ", name);
  }
  return fmt::format("DELETE FROM {} WHERE {}", Quoted(table_), where);
}

Status SqliteSink::Open() {
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const std::string folder = std::filesystem::path(path_).parent_path().string();
  if (!folder.empty()) MILL_RETURN(MakeFolders(folder));
  if (sqlite3_open_v2(path_.c_str(), &database_, kFlags, nullptr) != SQLITE_OK)
    return Failed("open");
  sqlite3_busy_timeout(database_, kBusyMillis);
  MILL_RETURN(Run("PRAGMA journal_mode=WAL"));
  MILL_RETURN(Run("PRAGMA synchronous=FULL"));
  MILL_RETURN(
      Run("CREATE TABLE IF NOT EXISTS millrace_epochs "
          "(job TEXT, sink TEXT, epoch INTEGER, PRIMARY KEY (job, sink))"));
  MILL_RETURN(Run(CreateSql()));
  MILL_RETURN(Prepare(UpsertSql(), &upsert_));
  if (key_columns_.empty()) return Status::OK();
  return Prepare(DeleteSql(), &delete_);
}

Status SqliteSink::Write(const Batch& batch) {
  if (batch.num_rows() == 0) return Status::OK();
  if (at_once_) return WriteTransaction({batch}, writer_, -1);
  written_.push_back(batch);
  return Status::OK();
}

Result<Committable> SqliteSink::Stage(int64_t epoch) {
  if (written_.empty()) return Committable{epoch, ""};
  MILL_ASSIGN(const std::string rows, RowsToBytes(written_));
  std::string payload = writer_ + "\n" + rows;
  staged_[epoch] = std::move(written_);
  written_.clear();
  return Committable{epoch, std::move(payload)};
}

Status SqliteSink::Publish(const Committable& committable) {
  if (committable.payload.empty()) return Status::OK();
  const std::string_view payload = committable.payload;
  const size_t end = payload.find('\n');
  if (end == std::string_view::npos) return Status::Invalid("not what a sqlite sink has staged");
  const std::string writer(payload.substr(0, end));
  MILL_ASSIGN(bool noted, IsNoted(writer, committable.epoch));
  const auto staged = writer == writer_ ? staged_.find(committable.epoch) : staged_.end();
  if (!noted && staged != staged_.end()) {
    MILL_RETURN(WriteTransaction(staged->second, writer, committable.epoch));
  } else if (!noted) {
    MILL_ASSIGN(const auto batches, RowsFromBytes(payload.substr(end + 1), schema_.size()));
    MILL_RETURN(WriteTransaction(batches, writer, committable.epoch));
  }
  if (staged != staged_.end()) staged_.erase(staged);
  return Status::OK();
}

Status SqliteSink::Abort() {
  written_.clear();
  staged_.clear();
  return Status::OK();
}

Status SqliteSink::WriteTransaction(const std::vector<Batch>& batches, const std::string& writer,
                                    int64_t epoch) {
  MILL_RETURN(Run("BEGIN IMMEDIATE"));
  Status status;
  for (const Batch& batch : batches) {
    if (status.ok()) status = WriteBatch(batch);
  }
  if (status.ok() && epoch >= 0) status = NoteEpoch(writer, epoch);
  if (status.ok()) status = Run("COMMIT");
  if (!status.ok()) sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
  return status;
}

Status SqliteSink::WriteBatch(const Batch& batch) {
  const auto columns = batch.rows->columns();
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    const RowKind kind = batch.kind(row);
    int code = SQLITE_OK;
    int at = 0;
    if (Adds(kind)) {
      for (const auto& column : columns) code |= Bind(upsert_, ++at, *column, row);
    } else if (delete_) {
      for (const int key : key_columns_) {
        code |= Bind(delete_, ++at, *columns[static_cast<size_t>(key)], row);
      }
    } else {
      continue;
    }
    if (code != SQLITE_OK) return Failed("write");
    MILL_RETURN(Step(Adds(kind) ? upsert_ : delete_));
  }
  return Status::OK();
}

Status SqliteSink::Step(sqlite3_stmt* statement) {
  const int code = sqlite3_step(statement);
  const Status status = code == SQLITE_DONE ? Status::OK() : Failed("write");
  sqlite3_reset(statement);
  return status;
}

Status SqliteSink::NoteEpoch(const std::string& writer, int64_t epoch) {
  sqlite3_stmt* statement = nullptr;
  MILL_RETURN(
      Prepare("INSERT INTO millrace_epochs VALUES (?, ?, ?) "
              "ON CONFLICT (job, sink) DO UPDATE SET epoch = excluded.epoch",
              &statement));
  BindText(statement, 1, writer);
  BindText(statement, 2, table_);
  sqlite3_bind_int64(statement, 3, epoch);
  const Status status = Step(statement);
  sqlite3_finalize(statement);
  return status;
}

Result<bool> SqliteSink::IsNoted(const std::string& writer, int64_t epoch) {
  sqlite3_stmt* statement = nullptr;
  MILL_RETURN(Prepare("SELECT 1 FROM millrace_epochs WHERE job = ? AND sink = ? AND epoch >= ?",
                      &statement));
  BindText(statement, 1, writer);
  BindText(statement, 2, table_);
  sqlite3_bind_int64(statement, 3, epoch);
  const int code = sqlite3_step(statement);
  const Status status = code == SQLITE_ROW || code == SQLITE_DONE ? Status::OK() : Failed("read");
  sqlite3_finalize(statement);
  MILL_RETURN(status);
  return code == SQLITE_ROW;
}

Connector SqliteConnector() {
  Connector connector;
  connector.name = "sqlite";
  connector.doc = "A table of an SQLite database; upserts where the table has a primary key.";
  connector.options = {
      {"path", "STRING", "", "The database file.", true},
      {"table-name", "STRING", "", "Name in the database; the table's own by default."},
  };
  connector.make_sink = [](const TableInfo& table) -> Result<std::unique_ptr<Sink>> {
    return SqliteSink::Make(table);
  };
  return connector;
}

}  // namespace millrace
