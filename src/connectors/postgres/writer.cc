#include "connectors/postgres/writer.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <unordered_map>

#include "connectors/postgres/decoder.h"
#include "formats/row_json.h"

namespace millrace {
namespace {

using std::chrono::milliseconds;

constexpr const char* kStage = "pg_temp.millrace_stage";
constexpr const char* kGone = "pg_temp.millrace_gone";
constexpr size_t kCopyBytes = 256 << 10;  // that are sent at once
constexpr size_t kOneByOne = 64;  // rows of a range that is not halved any more

std::string EpochTableSql(const std::string& name) {
  return fmt::format(
      "CREATE TABLE IF NOT EXISTS {} (writer text NOT NULL, table_name text NOT NULL, "
      "epoch bigint NOT NULL, committed_at timestamptz NOT NULL DEFAULT now(), "
      "PRIMARY KEY (writer, table_name))", name);
}

std::string RejectedTableSql(const std::string& name) {
  return fmt::format(
      "CREATE TABLE IF NOT EXISTS {} (table_name text NOT NULL, writer text NOT NULL, "
      "epoch bigint NOT NULL, rejected_at timestamptz NOT NULL DEFAULT now(), "
      "reason text NOT NULL, \"row\" text NOT NULL)", name);
}

// `name`, a column or parameter that holds what is sent for `item`, as the column's type.
std::string Value(const PostgresTarget::Item& item, const std::string& name) {
  const std::string sent = item.mapping.cast ? "text" : item.bare;
  const std::string value = name[0] == '$' ? fmt::format("{}::{}", name, sent) : name;
  return item.mapping.cast ? fmt::format("{}::{}", value, item.bare) : value;
}

}  // namespace

Status PostgresWriter::Open() {
  const Status opened = options_.TryPatiently([this](PostgresFault* fault) {
    const Status connected = Connect();
    *fault = fault_;
    return connected;
  });
  return Annotate(opened, fmt::format("table '{}'", table_.name));
}

Status PostgresWriter::Connect() {
  client_.reset();
  MILL_ASSIGN(client_, options_.Connect(&fault_));
  const Status prepared = Prepare();
  if (prepared.ok()) return prepared;
  fault_ = prepared.IsIOError() ? PostgresFault::kAgain : PostgresFault::kSetup;
  client_.reset();
  return prepared;
}

Status PostgresWriter::Prepare() {
  if (options_.create_table) {
    MILL_ASSIGN(const std::string create, CreatePostgresTable(table_, options_.target));
    MILL_RETURN(EnsureTable(options_.target, create));
  }
  MILL_ASSIGN(const auto there, ReadPostgresTable(*client_, options_.target));
  if (!there) {
    const Status missing = NoPostgresTable(*client_, options_.target);
    return missing.WithMessage(missing.message(),
                               ". hint: 'sink.create-table' = 'true' makes it");
  }
  MILL_ASSIGN(target_, FitPostgresTable(*client_, table_, *there));
  if (options_.guarantee == PostgresOptions::Guarantee::kExactlyOnce) {
    MILL_ASSIGN(const std::string epochs, QuotedTableName(options_.epoch_table));
    MILL_RETURN(EnsureTable(options_.epoch_table, EpochTableSql(epochs)));
  }
  if (keeps_rejected_) {
    MILL_ASSIGN(const std::string rejected, QuotedTableName(options_.rejected_table));
    MILL_RETURN(EnsureTable(options_.rejected_table, RejectedTableSql(rejected)));
  }
  MILL_ASSIGN(encoder_, MakeEncoder(false));
  MILL_ASSIGN(key_encoder_, MakeEncoder(true));
  return MakeStages();
}

// Not only IF NOT EXISTS: that would ask for the right to create although the table is there.
Status PostgresWriter::EnsureTable(const std::string& name, const std::string& create) {
  MILL_ASSIGN(const auto there, ReadPostgresTable(*client_, name));
  if (there) return Status::OK();
  const Status created = client_->Run(create);
  if (created.ok()) return created;
  // Another session may have made it at the same time.
  const auto now = ReadPostgresTable(*client_, name);
  if (now.ok() && *now) return Status::OK();
  return created.WithMessage("cannot create the table ", name, ": ", created.message(),
                             ". hint: a user with the right to it can run: ", create);
}

Result<std::unique_ptr<PostgresEncoder>> PostgresWriter::MakeEncoder(bool keys_only) const {
  std::vector<PostgresEncoder::Item> items;
  for (size_t i = 0; i < target_.items.size(); ++i) {
    const PostgresTarget::Item& item = target_.items[i];
    if (keys_only && !item.key) continue;
    items.push_back({static_cast<int>(i), item.declared, item.mapping});
  }
  return PostgresEncoder::Make(std::move(items));
}

Status PostgresWriter::MakeStages() {
  std::string names, stage, gone;
  for (size_t i = 0; i < target_.items.size(); ++i) {
    const PostgresTarget::Item& item = target_.items[i];
    const std::string column =
        fmt::format("c{} {}", i, item.mapping.cast ? "text" : item.type);
    names += (i ? ", " : "") + item.quoted;
    stage += (i ? ", " : "") + column;
    if (item.key) gone += (gone.empty() ? "" : ", ") + column;
  }
  upsert_ = UpsertSql(false);
  upsert_one_ = UpsertSql(true);
  if (target_.keys.empty() && target_.direct) {
    copy_rows_ = fmt::format("COPY {} ({}) FROM STDIN (FORMAT binary)", target_.table, names);
    return Status::OK();
  }
  copy_rows_ = fmt::format("COPY {} FROM STDIN (FORMAT binary)", kStage);
  constexpr const char* kCreate = "CREATE TEMP TABLE {} ({}) ON COMMIT DELETE ROWS";
  MILL_RETURN(client_->Run(fmt::format(kCreate, "millrace_stage", stage)));
  if (target_.keys.empty()) return Status::OK();
  copy_keys_ = fmt::format("COPY {} FROM STDIN (FORMAT binary)", kGone);
  delete_ = DeleteSql(false);
  delete_one_ = DeleteSql(true);
  return client_->Run(fmt::format(kCreate, "millrace_gone", gone));
}

// Of all that is in the temporary table, or of `one` row given as parameters.
std::string PostgresWriter::UpsertSql(bool one) const {
  std::string names, values, keys, sets;
  for (size_t i = 0; i < target_.items.size(); ++i) {
    const PostgresTarget::Item& item = target_.items[i];
    names += (i ? ", " : "") + item.quoted;
    const std::string name = one ? fmt::format("${}", i + 1) : fmt::format("c{}", i);
    values += (i ? ", " : "") + Value(item, name);
    if (item.key) {
      keys += (keys.empty() ? "" : ", ") + item.quoted;
    } else {
      sets += fmt::format("{}{} = EXCLUDED.{}", sets.empty() ? "" : ", ", item.quoted, item.quoted);
    }
  }
  const std::string insert =
      fmt::format("INSERT INTO {} ({}) SELECT {}{}", target_.table, names, values,
                  one ? std::string() : fmt::format(" FROM {}", kStage));
  if (keys.empty()) return insert;
  return insert + fmt::format(" ON CONFLICT ({}) DO {}", keys,
                              sets.empty() ? "NOTHING" : "UPDATE SET " + sets);
}

std::string PostgresWriter::DeleteSql(bool one) const {
  std::string where;
  int number = 0;
  for (const int key : target_.keys) {
    const PostgresTarget::Item& item = target_.items[static_cast<size_t>(key)];
    const std::string name = one ? fmt::format("${}", ++number) : fmt::format("g.c{}", key);
    where += fmt::format("{}t.{} = {}", where.empty() ? "" : " AND ", item.quoted,
                         Value(item, name));
  }
  const std::string from = one ? std::string() : fmt::format(" USING {} g", kGone);
  return fmt::format("DELETE FROM {} t{} WHERE {}", target_.table, from, where);
}

// Keys are compared as they are sent. One that cannot be sent is like no other.
std::string PostgresWriter::KeyOf(const PostgresEncoder& encoder, int64_t row,
                                  int64_t unique) const {
  std::string key, reason;
  if (!encoder.AppendRow(row, &key, &reason)) return fmt::format("refused {}", unique);
  return key;
}

Result<std::vector<Batch>> PostgresWriter::Compact(const std::vector<Batch>& batches) {
  if (target_.keys.empty()) return batches;
  std::unordered_map<std::string, std::pair<size_t, int32_t>> newest;
  int64_t seen = 0;
  for (size_t b = 0; b < batches.size(); ++b) {
    MILL_RETURN(key_encoder_->SetRows(*batches[b].rows));
    for (int64_t row = 0; row < batches[b].num_rows(); ++row) {
      newest.insert_or_assign(KeyOf(*key_encoder_, row, ++seen),
                              std::pair{b, static_cast<int32_t>(row)});
    }
  }
  std::vector<std::vector<int32_t>> kept(batches.size());
  for (const auto& [key, place] : newest) kept[place.first].push_back(place.second);
  std::vector<Batch> compact;
  for (size_t b = 0; b < batches.size(); ++b) {
    if (kept[b].empty()) continue;
    std::sort(kept[b].begin(), kept[b].end());
    MILL_ASSIGN(Batch taken, batches[b].Take(kept[b]));
    compact.push_back(std::move(taken));
  }
  return compact;
}

Status PostgresWriter::Write(const std::vector<Batch>& batches, const Epoch& epoch,
                             milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  milliseconds pause{50};
  for (int64_t retry = 0;; ++retry) {
    const Status written = TryWrite(batches, epoch);
    if (written.ok()) return written;
    const bool late = std::chrono::steady_clock::now() + pause > deadline;
    const bool again = fault_ == PostgresFault::kAgain && !(late && retry >= options_.max_retries);
    if (!again) return Annotate(written, fmt::format("table '{}'", table_.name));
    notes_.Add(options_, written);
    ++retries_;
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, milliseconds(1000));
  }
}

Status PostgresWriter::TryWrite(const std::vector<Batch>& batches, const Epoch& epoch) {
  if (client_ && !client_->alive()) client_.reset();
  if (!client_) MILL_RETURN(Connect());
  rejected_now_ = 0;
  const Status written = WriteTransaction(batches, epoch);
  if (written.ok()) {
    rejected_ += rejected_now_;
    if (rejected_now_ > 0) {
      options_.Note(fmt::format("{} rows were refused and are kept in {}; the first: {}",
                                rejected_now_, options_.rejected_table, first_reason_));
    }
    return written;
  }
  fault_ = written.IsIOError() ? PostgresFault::kAgain : PostgresFault::kSetup;
  client_.reset();  // ends the transaction
  return written;
}

Status PostgresWriter::WriteTransaction(const std::vector<Batch>& batches, const Epoch& epoch) {
  rows_.clear();
  for (size_t b = 0; b < batches.size(); ++b) {
    for (int64_t row = 0; row < batches[b].num_rows(); ++row) {
      const bool add = Adds(batches[b].kind(row));
      if (!add && target_.keys.empty()) continue;
      rows_.push_back({static_cast<int32_t>(b), static_cast<int32_t>(row), add});
    }
  }
  epoch_ = epoch;
  staged_ = false;
  MILL_RETURN(client_->Run("BEGIN"));
  if (epoch.number >= 0) {
    MILL_ASSIGN(const bool fresh, NoteEpoch(epoch));
    if (!fresh) return client_->Run("ROLLBACK");
  }
  MILL_RETURN(ApplyRange(batches, 0, rows_.size()));
  return Commit();
}

Result<bool> PostgresWriter::NoteEpoch(const Epoch& epoch) {
  MILL_ASSIGN(const std::string table, QuotedTableName(options_.epoch_table));
  MILL_ASSIGN(const PostgresRows noted,
              client_->Query(
                  fmt::format("INSERT INTO {} AS noted (writer, table_name, epoch) "
                              "VALUES ($1, $2, $3) ON CONFLICT (writer, table_name) "
                              "DO UPDATE SET epoch = EXCLUDED.epoch, committed_at = now() "
                              "WHERE noted.epoch < EXCLUDED.epoch", table),
                             {epoch.writer, target_.table, std::to_string(epoch.number)}));
  return noted.changed() > 0;
}

// A transaction that has failed answers COMMIT with ROLLBACK and no error.
Status PostgresWriter::Commit() {
  MILL_ASSIGN(const PostgresRows answer, client_->Query("COMMIT"));
  if (answer.command() == "COMMIT") return Status::OK();
  return ExternalError("the transaction was rolled back at its commit");
}

// Halves what is refused until it is one row.
Status PostgresWriter::ApplyRange(const std::vector<Batch>& batches, size_t begin, size_t end) {
  if (begin == end) return Status::OK();
  const int64_t rejected = rejected_now_;
  MILL_RETURN(client_->Run("SAVEPOINT millrace"));
  const Status applied = Apply(batches, begin, end);
  if (applied.ok()) return applied;
  MILL_RETURN(Undo(applied));
  rejected_now_ = rejected;
  if (end - begin <= kOneByOne) return ApplyOneByOne(batches, begin, end);
  const size_t middle = begin + (end - begin) / 2;
  MILL_RETURN(ApplyRange(batches, begin, middle));
  return ApplyRange(batches, middle, end);
}

Status PostgresWriter::Undo(const Status& applied) {
  const bool of_rows = applied.IsInvalid() && client_->fault() == PostgresFault::kRows &&
                       client_->alive();
  if (!of_rows || !options_.keep_rejected) return applied;
  return client_->Run("ROLLBACK TO SAVEPOINT millrace; RELEASE SAVEPOINT millrace");
}

Status PostgresWriter::ApplyOneByOne(const std::vector<Batch>& batches, size_t begin, size_t end) {
  for (size_t i = begin; i < end; ++i) {
    const Row& row = rows_[i];
    const Batch& batch = batches[static_cast<size_t>(row.batch)];
    MILL_RETURN(client_->Run("SAVEPOINT millrace"));
    const Status applied = ApplyOne(batch, row);
    if (applied.ok()) continue;
    MILL_RETURN(Undo(applied));
    MILL_RETURN(Reject(batch, row.row, applied.message()));
  }
  return Status::OK();
}

Status PostgresWriter::ApplyOne(const Batch& batch, const Row& row) {
  PostgresEncoder& encoder = row.add ? *encoder_ : *key_encoder_;
  MILL_RETURN(encoder.SetRows(*batch.rows));
  std::string reason;
  bytes_.clear();
  if (!encoder.AppendRow(row.row, &bytes_, &reason)) {
    if (row.add) MILL_RETURN(Reject(batch, row.row, reason));
    return client_->Run("RELEASE SAVEPOINT millrace");
  }
  PostgresBytes in(bytes_);
  int16_t fields = 0;
  MILL_CHECK(in.Read(&fields));
  std::vector<std::string_view> values(static_cast<size_t>(fields));
  for (std::string_view& value : values) {
    bool is_null = false;
    MILL_CHECK(in.ReadField(&is_null, &value));
  }
  MILL_RETURN(client_->RunBinary(row.add ? upsert_one_ : delete_one_, values));
  return client_->Run("SET CONSTRAINTS ALL IMMEDIATE; RELEASE SAVEPOINT millrace");
}

Status PostgresWriter::Apply(const std::vector<Batch>& batches, size_t begin, size_t end) {
  const bool merges = !target_.keys.empty() || !target_.direct;
  if (merges && staged_) {
    MILL_RETURN(client_->Run(fmt::format("TRUNCATE {}", kStage)));
    if (!target_.keys.empty()) MILL_RETURN(client_->Run(fmt::format("TRUNCATE {}", kGone)));
  }
  const auto first = rows_.begin() + static_cast<int64_t>(begin);
  const auto last = rows_.begin() + static_cast<int64_t>(end);
  refused_.clear();
  if (std::any_of(first, last, [](const Row& row) { return !row.add; })) {
    MILL_RETURN(CopyRows(batches, begin, end, false));
    MILL_RETURN(client_->Run(delete_));
    refused_.clear();  // a key that cannot be there
  }
  MILL_RETURN(CopyRows(batches, begin, end, true));
  if (merges) MILL_RETURN(client_->Run(upsert_));
  MILL_RETURN(RejectRefused(batches));
  // What a deferred constraint refuses is to be known here, not at the commit.
  MILL_RETURN(client_->Run("SET CONSTRAINTS ALL IMMEDIATE; RELEASE SAVEPOINT millrace"));
  staged_ = true;
  return Status::OK();
}

// The rows of [begin, end) that are added, or the keys of those that are deleted.
Status PostgresWriter::CopyRows(const std::vector<Batch>& batches, size_t begin, size_t end,
                                bool add) {
  PostgresEncoder& encoder = add ? *encoder_ : *key_encoder_;
  MILL_RETURN(client_->BeginCopyIn(add ? copy_rows_ : copy_keys_));
  bytes_ = PostgresEncoder::Header();
  int32_t batch = -1;
  std::string reason;
  for (size_t i = begin; i < end; ++i) {
    const Row& row = rows_[i];
    if (row.add != add) continue;
    if (row.batch != batch) {
      batch = row.batch;
      MILL_RETURN(encoder.SetRows(*batches[static_cast<size_t>(batch)].rows));
    }
    if (!encoder.AppendRow(row.row, &bytes_, &reason)) refused_.emplace_back(i, reason);
    if (bytes_.size() < kCopyBytes) continue;
    MILL_RETURN(client_->PutCopy(bytes_));
    bytes_.clear();
  }
  bytes_ += PostgresEncoder::Trailer();
  MILL_RETURN(client_->PutCopy(bytes_));
  return client_->EndCopyIn();
}

Status PostgresWriter::RejectRefused(const std::vector<Batch>& batches) {
  for (const auto& [at, reason] : refused_) {
    const Row& row = rows_[at];
    const Batch& batch = batches[static_cast<size_t>(row.batch)];
    if (!options_.keep_rejected) {
      return UserError("{}: {}", reason, RowAsJson(*batch.rows, row.row));
    }
    MILL_RETURN(Reject(batch, row.row, reason));
  }
  return Status::OK();
}

Status PostgresWriter::Reject(const Batch& batch, int64_t row, const std::string& reason) {
  if (!keeps_rejected_) {
    keeps_rejected_ = true;
    return ExternalError("a row is refused ({}); the table {} is made for such rows", reason,
                         options_.rejected_table);
  }
  if (rejected_now_++ == 0) first_reason_ = reason;
  if (rejected_now_ > options_.max_rejected) {
    return UserError("more than {} rows of one transaction are refused, this one as {}. hint: "
                     "'sink.rejected-rows.max' allows more", options_.max_rejected, reason);
  }
  MILL_ASSIGN(const std::string table, QuotedTableName(options_.rejected_table));
  return client_
      ->Query(fmt::format("INSERT INTO {} (table_name, writer, epoch, reason, \"row\") "
                          "VALUES ($1, $2, $3, $4, $5)", table),
              {target_.table, epoch_.writer, std::to_string(epoch_.number), reason,
               RowAsJson(*batch.rows, row)})
      .status();
}

}  // namespace millrace
