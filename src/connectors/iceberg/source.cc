#include "connectors/iceberg/source.h"

#include <arrow/builder.h>
#include <arrow/scalar.h>
#include <xxhash.h>

#include <algorithm>
#include <thread>
#include <tuple>

#include "connectors/iceberg/table_schema.h"
#include "data/take_rows.h"

namespace millrace {
namespace {

// Of the types that tables are partitioned by as they are; null for others.
std::shared_ptr<arrow::Scalar> ScalarOf(const IcebergValue& value, const IcebergType& type) {
  if (const auto* flag = std::get_if<bool>(&value)) {
    return std::make_shared<arrow::BooleanScalar>(*flag);
  }
  if (const auto* text = std::get_if<std::string>(&value)) {
    if (type.kind == IcebergKind::kString) return std::make_shared<arrow::StringScalar>(*text);
  }
  const auto* number = std::get_if<int64_t>(&value);
  if (!number) return nullptr;
  switch (type.kind) {
    case IcebergKind::kInt:
      return std::make_shared<arrow::Int32Scalar>(static_cast<int32_t>(*number));
    case IcebergKind::kLong: return std::make_shared<arrow::Int64Scalar>(*number);
    case IcebergKind::kDate:
      return std::make_shared<arrow::Date32Scalar>(static_cast<int32_t>(*number));
    case IcebergKind::kTimestamp:
    case IcebergKind::kTimestampTz:
      return std::make_shared<arrow::TimestampScalar>(*number, StorageTypeOf(type));
    default: return nullptr;
  }
}

}  // namespace

std::string IcebergSource::name() const {
  if (lanes_ == 1) return options_.full_name();
  return fmt::format("{} lane {}", options_.full_name(), lane_);
}

Result<bool> IcebergSource::Reload() {
  MILL_ASSIGN(auto table, catalog_->Load());
  if (table) table_ = std::move(table->metadata);
  return table.has_value();
}

Status IcebergSource::Open() {
  const std::string where = fmt::format("reading Iceberg table '{}'", options_.full_name());
  auto catalog = OpenIcebergCatalog(options_);
  MILL_RETURN(Annotate(catalog.status(), where));
  catalog_ = std::move(*catalog);
  schema_ = columns_.ToArrow();
  const auto there = Reload();
  MILL_RETURN(Annotate(there.status(), where));
  there_ = *there;
  next_look_ = Clock::now() + options_.monitor_interval;
  if (there_) return Annotate(Start(false), where);
  if (!bounded()) return Status::OK();
  return LoadIcebergTable(catalog_.get(), options_.full_name()).status();
}

Result<const IcebergSnapshot*> IcebergSource::SnapshotOf(int64_t id) const {
  const IcebergSnapshot* found = table_.FindSnapshot(id);
  if (found) return found;
  std::vector<std::string> ids;
  for (size_t i = table_.snapshots.size(); i-- > 0 && ids.size() < 5;) {
    ids.push_back(fmt::format("{}", table_.snapshots[i].id));
  }
  return UserError("there is no snapshot {}: it may have expired. the newest ones: {}", id,
                   fmt::join(ids, ", "));
}

// Null if the table has no snapshot yet.
Result<const IcebergSnapshot*> IcebergSource::ChosenSnapshot() const {
  if (options_.snapshot_id) return SnapshotOf(*options_.snapshot_id);
  if (!options_.ref.empty()) {
    const auto found = table_.refs.find(options_.ref);
    if (found != table_.refs.end()) return SnapshotOf(found->second);
    std::vector<std::string> names;
    for (const auto& [name, id] : table_.refs) names.push_back(name);
    return UserError("there is no branch or tag '{}'. there are: {}", options_.ref,
                     fmt::join(names, ", "));
  }
  if (!options_.as_of) return table_.current();
  int64_t chosen = IcebergSnapshot::kNone;
  for (const auto& [time, id] : table_.snapshot_log) {
    if (time <= *options_.as_of) chosen = id;
  }
  if (chosen != IcebergSnapshot::kNone) return SnapshotOf(chosen);
  return UserError("option 'as-of-timestamp': no snapshot is as old as {}", *options_.as_of);
}

// `is_new`: the table was not there at first, so all of it is new.
Status IcebergSource::Start(bool is_new) {
  MILL_ASSIGN(const IcebergSnapshot* chosen, ChosenSnapshot());
  if (options_.start_snapshot_id) {
    MILL_RETURN(SnapshotOf(*options_.start_snapshot_id).status());
    snapshot_ = *options_.start_snapshot_id;
  } else if (options_.start_at_latest && !is_new) {
    snapshot_ = chosen ? chosen->id : IcebergSnapshot::kNone;
  } else if (chosen) {
    return Plan(*chosen, true);
  }
  // Wrong columns are to be told at once, also where there is nothing to read yet.
  return ReadFields(table_.schema(), columns_, info_.name).status();
}

// Only a bounded source leaves rows out where there is a watermark: else one absurd time among them
// would move it, which a row that is read could not.
Result<IcebergPruner> IcebergSource::MakePruner() {
  std::optional<IcebergColumn> time;
  conditions_.clear();
  const bool watched = !info_.time_column.empty();
  if (watched && !bounded()) return IcebergPruner({}, time);
  const auto column_of = [&](const std::string& column) -> std::optional<IcebergColumn> {
    const int at = info_.schema.Find(column);
    const IcebergField* field = table_.schema().Find(column);
    if (at < 0 || !field) return std::nullopt;
    return IcebergColumn{*field, info_.schema.columns[static_cast<size_t>(at)]};
  };
  if (watched) {
    time = column_of(info_.time_column);
    if (!time) return IcebergPruner({}, time);
  }
  std::vector<std::pair<ColumnCondition, IcebergColumn>> conditions;
  for (const ColumnCondition& each : info_.conditions) {
    if (auto column = column_of(each.column)) conditions.emplace_back(each, std::move(*column));
  }
  if (!watched) conditions_ = conditions;  // row groups tell no times here
  return IcebergPruner(std::move(conditions), std::move(time));
}

Status IcebergSource::Plan(const IcebergSnapshot& snapshot, bool whole) {
  const IcebergSchema* schema = &table_.schema();
  const bool old = options_.snapshot_id || options_.as_of || !options_.ref.empty();
  if (old && table_.FindSchema(snapshot.schema_id)) schema = table_.FindSchema(snapshot.schema_id);
  MILL_ASSIGN(fields_, ReadFields(*schema, columns_, info_.name));
  MILL_ASSIGN(const IcebergPruner pruner, MakePruner());
  IcebergFiles* files = &catalog_->files();
  MILL_ASSIGN(scan_, whole ? PlanSnapshot(files, table_, snapshot, pruner)
                           : PlanAdded(files, table_, snapshot, pruner));
  std::vector<IcebergScanFile> mine;
  std::optional<int64_t> skipped;
  for (IcebergScanFile& file : scan_.files) {
    if (file.skipped_time) skipped = std::max(skipped.value_or(kMinTimestamp), *file.skipped_time);
    const uint64_t hash = XXH3_64bits(file.file.path.data(), file.file.path.size());
    if (hash % static_cast<uint64_t>(lanes_) != static_cast<uint64_t>(lane_)) continue;
    file.skipped_time = std::exchange(skipped, std::nullopt);
    mine.push_back(std::move(file));
  }
  scan_.files = std::move(mine);
  scan_.rows = 0;
  for (const auto& file : scan_.files) scan_.rows += file.file.rows;
  deletes_ = std::make_unique<IcebergDeletes>(files, table_, std::move(scan_.deletes));
  snapshot_ = snapshot.id;
  whole_ = whole;
  next_file_ = 0;
  reader_ = nullptr;
  return Status::OK();
}

Result<const IcebergSnapshot*> IcebergSource::NextSnapshot() const {
  MILL_ASSIGN(const IcebergSnapshot* at, ChosenSnapshot());
  if (!at || at->id == snapshot_) return nullptr;
  for (size_t steps = 0; at->parent != snapshot_; ++steps) {
    const IcebergSnapshot* parent = table_.FindSnapshot(at->parent);
    if (!parent || steps > table_.snapshots.size()) {
      return UserError("the snapshot that was read last, {}, is no ancestor of the current one any "
                       "more: it has expired, or the table was rolled back. hint: expire snapshots "
                       "later than readers need, or start anew", snapshot_);
    }
    at = parent;
  }
  return at;
}

Status IcebergSource::LookForMore(std::chrono::milliseconds wait) {
  const auto deadline = Clock::now() + wait;
  if (wait.count() > 0) std::this_thread::sleep_until(std::min(deadline, next_look_));
  if (Clock::now() < next_look_) return Status::OK();
  next_look_ = Clock::now() + options_.monitor_interval;
  MILL_ASSIGN(const bool there, Reload());
  if (!there && there_) return UserError("the table is not in the catalog any more");
  if (!there) return Status::OK();
  if (!std::exchange(there_, true)) return Start(true);
  MILL_ASSIGN(const IcebergSnapshot* next, NextSnapshot());
  if (!next) return Status::OK();
  next_look_ = Clock::now();  // there may be more behind it
  const auto named = next->summary.find("operation");
  const std::string operation = named == next->summary.end() ? "append" : named->second;
  if (operation == "append") return Plan(*next, false);
  const bool same_rows = operation == "replace";  // compacted
  if (!same_rows && !options_.skip_overwrites) {
    return UserError("snapshot {} deletes or replaces rows (operation '{}'), which cannot be "
                     "followed. hint: 'streaming-skip-overwrite-snapshots' = 'true' passes over it",
                     next->id, operation);
  }
  snapshot_ = next->id;
  return Status::OK();
}

Status IcebergSource::Seek(const std::string& position) {
  const std::string where = fmt::format("going on in Iceberg table '{}'", options_.full_name());
  if (!there_) return LoadIcebergTable(catalog_.get(), options_.full_name()).status();
  MILL_ASSIGN(const JsonTree json, JsonTree::Parse(position));
  MILL_ASSIGN(const int64_t id, json.Int("snapshot"));
  MILL_ASSIGN(const int64_t sequence, json.Int("sequence"));
  MILL_ASSIGN(const std::string path, json.Text("path"));
  MILL_ASSIGN(const int64_t row, json.Int("row"));
  if (json.BoolOr("done", false)) {
    snapshot_ = id;
    scan_ = IcebergScan();
    next_file_ = 0;
    return Status::OK();
  }
  const auto snapshot = SnapshotOf(id);
  MILL_RETURN(Annotate(snapshot.status(), where));
  MILL_RETURN(Annotate(Plan(**snapshot, json.BoolOr("whole", true)), where));
  const auto before = [&](const IcebergScanFile& file) {
    return std::tie(file.sequence_number, file.file.path) < std::tie(sequence, path);
  };
  while (next_file_ < scan_.files.size() && before(scan_.files[next_file_])) ++next_file_;
  if (next_file_ == scan_.files.size() || scan_.files[next_file_].file.path != path) {
    return Status::OK();  // left out by now
  }
  MILL_RETURN(OpenFile());
  row_ = row;
  return reader_->Skip(row);
}

Status IcebergSource::OpenFile() {
  const IcebergScanFile& file = scan_.files[next_file_++];
  MILL_RETURN(deletes_->Start(file));
  read_fields_ = fields_;
  for (const int id : deletes_->columns()) {
    const bool there = std::any_of(read_fields_.begin(), read_fields_.end(),
                                   [&](const auto& field) { return field.id == id; });
    const IcebergField* field = there ? nullptr : table_.schema().FindId(id);
    if (field) read_fields_.push_back(*field);
  }
  MILL_ASSIGN(auto input, catalog_->files().Open(file.file.path));
  MILL_ASSIGN(reader_, IcebergDataReader::Open(file.file.path, std::move(input), read_fields_));
  reader_->SetConditions(conditions_);
  row_ = 0;
  return Status::OK();
}

Result<std::shared_ptr<arrow::Array>> IcebergSource::MissingColumn(size_t column,
                                                                   int64_t rows) const {
  const IcebergScanFile& file = scan_.files[next_file_ - 1];
  const IcebergField& field = fields_[column];
  const IcebergPartitionSpec* spec = table_.FindSpec(file.spec_id);
  for (size_t i = 0; spec && i < spec->fields.size(); ++i) {
    const auto& each = spec->fields[i];
    const bool same = each.source_id == field.id &&
                      each.transform.kind == IcebergTransform::Kind::kIdentity;
    const auto scalar = same ? ScalarOf(file.file.partition[i], field.type) : nullptr;
    if (!scalar) continue;
    MILL_ASSIGN(const auto values, arrow::MakeArrayFromScalar(*scalar, rows));
    return ToEngine(values, columns_.columns[column]);
  }
  return arrow::MakeArrayOfNull(schema_->field(static_cast<int>(column))->type(), rows);
}

Result<std::shared_ptr<arrow::RecordBatch>> IcebergSource::ToBatch(
    const IcebergDataReader::Rows& rows) {
  arrow::ArrayVector arrays;
  for (size_t i = 0; i < fields_.size(); ++i) {
    auto array = rows.columns[i] ? ToEngine(rows.columns[i], columns_.columns[i])
                                 : MissingColumn(i, rows.count);
    MILL_RETURN(Annotate(array.status(), scan_.files[next_file_ - 1].file.path));
    arrays.push_back(std::move(*array));
  }
  return arrow::RecordBatch::Make(schema_, rows.count, std::move(arrays));
}

std::string IcebergSource::Position() const {
  const IcebergScanFile& file = scan_.files[next_file_ - 1];
  JsonTree json;
  json.Set("snapshot", snapshot_);
  json.Set("whole", whole_);
  json.Set("sequence", file.sequence_number);
  json.Set("path", file.file.path);
  json.Set("row", row_);
  json.Set("done", row_ >= file.file.rows && next_file_ >= scan_.files.size());
  return json.ToText();
}

// The next rows of the open file; false at its end.
Result<bool> IcebergSource::ReadRows(Polled* polled) {
  while (true) {
    MILL_ASSIGN(const auto rows, reader_->Next());
    if (!rows) return false;
    row_ = rows->first + rows->count;
    MILL_ASSIGN(auto batch, ToBatch(*rows));
    if (deletes_->any()) {
      MILL_ASSIGN(const auto kept, deletes_->Kept(*rows, read_fields_));
      if (std::ssize(kept) < batch->num_rows()) {
        MILL_ASSIGN(batch, TakeRows(batch, kept));
      }
    }
    if (batch->num_rows() == 0) continue;
    polled->rows = std::move(batch);
    polled->state = Polled::State::kData;
    IcebergScanFile& file = scan_.files[next_file_ - 1];
    polled->skipped_time = std::exchange(file.skipped_time, std::nullopt);
    polled->chunk.file = file.file.path;
    polled->position = Position();
    return true;
  }
}

Result<Polled> IcebergSource::Poll(std::chrono::milliseconds wait) {
  Polled polled;
  const std::string where = fmt::format("reading Iceberg table '{}'", options_.full_name());
  const bool through = !reader_ && next_file_ >= scan_.files.size();
  if (through && !bounded()) MILL_RETURN(Annotate(LookForMore(wait), where));
  while (reader_ || next_file_ < scan_.files.size()) {
    if (!reader_) MILL_RETURN(Annotate(OpenFile(), where));
    const auto read = ReadRows(&polled);
    MILL_RETURN(Annotate(read.status(), where));
    if (*read) return polled;
    reader_ = nullptr;
  }
  if (bounded()) polled.state = Polled::State::kEnd;
  return polled;
}

}  // namespace millrace
