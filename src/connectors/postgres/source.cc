#include "connectors/postgres/source.h"

#include <algorithm>
#include <charconv>
#include <thread>

#include "connectors/postgres/conditions.h"
#include "connectors/postgres/decoder.h"

namespace millrace {
namespace {

using std::chrono::milliseconds;

constexpr int64_t kBatchRows = 8192;
constexpr size_t kBatchBytes = 1 << 20;
constexpr milliseconds kRetryPause{500};

// The value that the lanes' bounds count in: numbers, days or milliseconds since 1970.
std::string BoundLiteral(const PostgresType& type, int64_t value) {
  switch (type.oid) {
    case PostgresOid::kDate: return fmt::format("(date '1970-01-01' + {})", value);
    case PostgresOid::kTimestamp:
      return fmt::format("(timestamp '1970-01-01' + {} * interval '1 ms')", value);
    case PostgresOid::kTimestamptz:
      return fmt::format("(timestamptz '1970-01-01 00:00:00Z' + {} * interval '1 ms')", value);
    default: return std::to_string(value);
  }
}

}  // namespace

std::string PostgresSource::name() const {
  if (options_.partitions == 1) return options_.target;
  return fmt::format("{} lane {}", options_.target, lane_);
}

Status PostgresSource::Open() {
  const Status opened = options_.TryPatiently([this](PostgresFault* fault) {
    const Status started = Start(fault);
    if (started.IsIOError()) *fault = PostgresFault::kAgain;
    return started;
  });
  return Annotate(opened, fmt::format("table '{}'", options_.table));
}

Status PostgresSource::Start(PostgresFault* fault) {
  client_.reset();
  MILL_ASSIGN(client_, options_.Connect(fault));
  MILL_ASSIGN(const auto there, ReadPostgresTable(*client_, options_.target));
  if (!there) return NoPostgresTable(*client_, options_.target);
  return Plan(*there);
}

Status PostgresSource::Plan(const PostgresTable& there) {
  MILL_ASSIGN(select_, PostgresSelect(there, columns_));
  keys_.clear();
  for (const std::string& key : there.primary_key) {
    const std::string column = "t." + QuotedIdentifier(key);
    keys_.push_back({column, there.Find(key)->type.bare});
    select_ += fmt::format("{}{}::text", select_.empty() ? "" : ", ", column);
  }
  from_ = there.quoted;
  MILL_ASSIGN(std::string condition, LaneCondition(there));
  condition_ = Narrowed(std::move(condition), there);
  return Status::OK();
}

std::string PostgresSource::Narrowed(std::string condition, const PostgresTable& there) const {
  const auto quoted = [this](const std::string& text) { return client_->QuotedLiteral(text); };
  for (const ColumnCondition& test : conditions_) {
    const int declared = declared_.Find(test.column);
    const PostgresColumn* const column = there.Find(test.column);
    if (declared < 0 || !column) continue;
    const SqlType& type = declared_.columns[static_cast<size_t>(declared)].type;
    const std::string sql = PostgresCondition(test, type, *column, quoted);
    if (!sql.empty()) condition += (condition.empty() ? "" : " AND ") + sql;
  }
  return condition;
}

// The bounds only say how wide a lane is: the first and last lane take what lies beyond.
Result<std::string> PostgresSource::LaneCondition(const PostgresTable& there) const {
  if (options_.partitions == 1) return "";
  const PostgresColumn* const column = there.Find(options_.partition_column);
  if (!column) {
    return UserError("option 'scan.partition.column': {} has no column '{}'", there.quoted,
                     options_.partition_column);
  }
  const std::string name = "t." + QuotedIdentifier(column->name);
  const auto bound = [&](int64_t lane) {
    const __int128 span = static_cast<__int128>(options_.upper_bound) - options_.lower_bound + 1;
    const auto value =
        static_cast<int64_t>(options_.lower_bound + span * lane / options_.partitions);
    return BoundLiteral(column->type, value);
  };
  if (lane_ == 0) return fmt::format("({0} < {1} OR {0} IS NULL)", name, bound(1));
  const std::string from = fmt::format("{} >= {}", name, bound(lane_));
  if (lane_ + 1 == options_.partitions) return from;
  return fmt::format("{} AND {} < {}", from, name, bound(lane_ + 1));
}

std::string PostgresSource::Query() {
  std::string where = condition_, names, values;
  for (size_t i = 0; i < keys_.size(); ++i) {
    names += (i ? ", " : "") + keys_[i].column;
    if (last_key_.empty()) continue;
    values += fmt::format("{}{}::{}", i ? ", " : "", client_->QuotedLiteral(last_key_[i]),
                          keys_[i].type);
  }
  if (!values.empty()) {
    where += fmt::format("{}({}) > ({})", where.empty() ? "" : " AND ", names, values);
  }
  return fmt::format("COPY (SELECT {} FROM {} t{}{}) TO STDOUT (FORMAT binary)", select_, from_,
                     where.empty() ? "" : " WHERE " + where,
                     names.empty() ? "" : " ORDER BY " + names);
}

Result<Polled> PostgresSource::Poll(milliseconds wait) {
  Polled polled;
  if (ended_) {
    polled.state = Polled::State::kEnd;
    return polled;
  }
  if (!client_) {
    MILL_RETURN(GoOn(Status::OK(), wait));
    if (!client_) return polled;
  }
  std::string bytes;
  int64_t rows = 0;
  const Result<bool> more = Read(wait, &bytes, &rows);
  if (!more.ok() && rows == 0) {
    MILL_RETURN(GoOn(more.status(), wait));
    return polled;
  }
  if (more.ok() && !*more) ended_ = true;
  if (rows == 0) {
    if (ended_) polled.state = Polled::State::kEnd;
    return polled;
  }
  polled.chunk.file = name();
  polled.chunk.first_line = rows_ + 1;
  polled.chunk.bytes = arrow::Buffer::FromString(std::move(bytes));
  rows_ += rows;
  polled.position = Position();
  polled.state = Polled::State::kData;
  if (!more.ok()) MILL_RETURN(GoOn(more.status(), milliseconds(0)));
  return polled;
}

Result<bool> PostgresSource::Read(milliseconds wait, std::string* bytes, int64_t* rows) {
  if (!started_) {
    MILL_RETURN(client_->BeginCopyOut(Query()));
    started_ = header_ = true;
  }
  const int64_t most = options_.fetch_size > 0 ? options_.fetch_size : kBatchRows;
  std::string last;
  bool more = true;
  Status lost;
  while (*rows < most && bytes->size() < kBatchBytes) {
    std::string piece;
    const auto got = client_->GetCopy(*rows == 0 ? wait : milliseconds(0), &piece);
    if (!got.ok()) lost = got.status();
    if (!got.ok() || *got == PostgresClient::Got::kNothing) break;
    more = *got != PostgresClient::Got::kEnd;
    if (!more) break;
    const std::string_view row = PostgresCopyRow(piece, header_);
    header_ = false;
    if (row.empty()) continue;
    bytes->append(row);
    last = row;
    ++*rows;
  }
  if (*rows > 0) MILL_RETURN(NoteKey(last));
  MILL_RETURN(lost);
  return more;
}

// The key's fields are the last ones of the row.
Status PostgresSource::NoteKey(std::string_view row) {
  if (keys_.empty()) return Status::OK();
  PostgresBytes in(row);
  int16_t fields = 0;
  bool whole = in.Read(&fields);
  last_key_.clear();
  for (int i = 0; whole && i < fields; ++i) {
    bool is_null = false;
    std::string_view field;
    whole = in.ReadField(&is_null, &field);
    if (i >= fields - std::ssize(keys_)) last_key_.emplace_back(field);
  }
  if (whole && last_key_.size() == keys_.size()) return Status::OK();
  return ExternalError("'{}': a row ends too early", name());
}

// Takes a lost connection up again, some time later; fails if that cannot be, or not in time.
Status PostgresSource::GoOn(const Status& lost, milliseconds wait) {
  const Clock::time_point now = Clock::now();
  if (!lost.ok()) {
    const bool again = lost.IsIOError() && (!keys_.empty() || rows_ == 0);
    client_.reset();
    started_ = false;
    if (!again) {
      const bool unordered = lost.IsIOError() && keys_.empty();
      return Annotate(lost.WithMessage(lost.message(),
                                       unordered ? ". the table has no primary key, so the scan "
                                                   "cannot go on"
                                                 : ""),
                      fmt::format("table '{}'", options_.table));
    }
    options_.Note(lost.message() + "; the scan goes on behind the last row");
    lost_ = now;
    retry_ = now;
  }
  if (now < retry_) {
    std::this_thread::sleep_for(std::min<Clock::duration>(wait, retry_ - now));
    return Status::OK();
  }
  PostgresFault fault = PostgresFault::kNone;
  auto client = options_.Connect(&fault);
  if (client.ok()) {
    client_ = std::move(*client);
    return Status::OK();
  }
  retry_ = now + kRetryPause;
  if (fault == PostgresFault::kAgain && now - lost_ < options_.patience) return Status::OK();
  return Annotate(client.status(), fmt::format("table '{}'", options_.table));
}

std::string PostgresSource::Position() const {
  std::string position = fmt::format("{}:", rows_);
  for (const std::string& value : last_key_) {
    position += fmt::format("{}:{}", value.size(), value);
  }
  return position;
}

Status PostgresSource::Seek(const std::string& position) {
  std::string_view rest = position;
  const auto number = [&rest](int64_t* value) {
    const auto [stop, error] = std::from_chars(rest.data(), rest.data() + rest.size(), *value);
    const bool read = error == std::errc() && stop < rest.data() + rest.size() && *stop == ':';
    if (read) rest.remove_prefix(static_cast<size_t>(stop + 1 - rest.data()));
    return read && *value >= 0;
  };
  bool known = number(&rows_);
  if (rows_ > 0 && keys_.empty()) {
    return UserError("table '{}': the PostgreSQL table {} has no primary key, so a scan cannot go "
                     "on in it. hint: start the job anew, or give the table a key", options_.table,
                     from_);
  }
  last_key_.clear();
  while (known && !rest.empty()) {
    int64_t size = 0;
    known = number(&size) && static_cast<size_t>(size) <= rest.size();
    if (!known) break;
    last_key_.emplace_back(rest.substr(0, static_cast<size_t>(size)));
    rest.remove_prefix(static_cast<size_t>(size));
  }
  if (known && (last_key_.empty() || last_key_.size() == keys_.size())) return Status::OK();
  return UserError("table '{}': its primary key is another one than when the checkpoint was made",
                   options_.table);
}

}  // namespace millrace
