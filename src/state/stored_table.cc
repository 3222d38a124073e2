#include "state/stored_table.h"

#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <sstream>

#include "base/files.h"
#include "data/take_rows.h"
#include "state/snapshot_fold.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kBatchRows = 8192;
constexpr size_t kBatchBytes = 4 << 20;
constexpr char kLayoutKey[] = "\xFFlayout";

std::vector<int> AllColumns(const StoredKey& key) {
  std::vector<int> all = key.columns;
  all.insert(all.end(), key.slice.begin(), key.slice.end());
  return all;
}

// The places of the schema's columns that are not in `columns`.
std::vector<int> OtherColumns(const arrow::Schema& schema, const std::vector<int>& columns) {
  std::vector<int> others;
  for (int i = 0; i < schema.num_fields(); ++i) {
    if (std::find(columns.begin(), columns.end(), i) == columns.end()) others.push_back(i);
  }
  return others;
}

std::shared_ptr<arrow::Schema> SelectFields(const arrow::Schema& schema,
                                            const std::vector<int>& columns) {
  arrow::FieldVector fields;
  for (const int column : columns) fields.push_back(schema.field(column));
  return arrow::schema(std::move(fields));
}

// A folder of links to files that others own; removed with it.
class FolderOfLinks {
 public:
  static Result<std::unique_ptr<FolderOfLinks>> Make(const std::vector<std::string>& files) {
    static std::atomic<int> number{0};
    std::error_code error;
    const fs::path path = fs::temp_directory_path(error) /
                          fmt::format("millrace-read-{}-{}", getpid(), ++number);
    fs::remove_all(path, error);
    MILL_RETURN(MakeFolders(path.string()));
    auto folder = std::unique_ptr<FolderOfLinks>(new FolderOfLinks(path));
    for (const std::string& file : files) {
      const fs::path from = fs::absolute(file, error);
      fs::create_symlink(from, path / from.filename(), error);
      if (error) {
        return ExternalError("cannot link '{}' in '{}': {}", file, path.string(), error.message());
      }
    }
    return folder;
  }
  ~FolderOfLinks() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  std::string path() const { return path_.string(); }

 private:
  explicit FolderOfLinks(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

}  // namespace

// ---- layout ----

StoredLayout::StoredLayout(StateTable table, StoredKey key, bool timers, KeyCodec codec,
                           RowCodec rows)
    : table_(std::move(table)),
      key_(std::move(key)),
      keys_(AllColumns(key_)),
      values_(OtherColumns(*table_.schema, keys_)),
      timers_(timers),
      codec_(std::move(codec)),
      rows_(std::move(rows)),
      key_schema_(SelectFields(*table_.schema, keys_)),
      key_places_(key_.columns.size()) {
  std::iota(key_places_.begin(), key_places_.end(), 0);
  grouped_.schema = key_schema_;
  for (const int column : table_.key_columns) {
    const auto place = std::find(keys_.begin(), keys_.end(), column);
    MILL_CHECK(place != keys_.end());
    grouped_.key_columns.push_back(static_cast<int>(place - keys_.begin()));
  }
}

Result<StoredLayout> StoredLayout::Make(const StateTable& table, StoredKey key, bool timers) {
  MILL_CHECK(key.slice.empty() || key.slice.size() == 2);
  std::vector<std::shared_ptr<arrow::DataType>> types;
  for (const int column : key.columns) types.push_back(table.schema->field(column)->type());
  MILL_ASSIGN(KeyCodec codec, KeyCodec::Make(std::move(types), false));
  MILL_ASSIGN(RowCodec rows,
              RowCodec::Make(SelectFields(*table.schema,
                                          OtherColumns(*table.schema, AllColumns(key)))));
  return StoredLayout(table, std::move(key), timers, std::move(codec), std::move(rows));
}

// Three lines of numbers (timers, slices first, key groups; the key; the key columns; the slice),
// then the schema.
Status StoredLayout::Write(RocksDbStore& store) const {
  const std::string text =
      fmt::format("{} {} {}\n{}\n{}\n{}\n", timers_ ? 1 : 0, key_.slice_first ? 1 : 0,
                  key_.key_groups, fmt::join(key_.columns, " "),
                  fmt::join(table_.key_columns, " "), fmt::join(key_.slice, " "));
  MILL_ASSIGN(const auto schema, arrow::ipc::SerializeSchema(*table_.schema));
  store.Put(kLayoutKey, text + schema->ToString());
  return store.Commit();
}

Result<StoredLayout> StoredLayout::Read(const RocksDbStore& store) {
  std::string bytes;
  const std::vector<std::string_view> wanted = {kLayoutKey};
  MILL_RETURN(store.Get(wanted, [&](size_t, std::string_view value) {
    bytes = value;
    return Status::OK();
  }));
  std::string_view rest = bytes;
  const auto line = [&]() -> Result<std::vector<int>> {
    const size_t end = rest.find('\n');
    if (end == rest.npos) return ExternalError("the database does not say what it holds");
    std::istringstream text{std::string(rest.substr(0, end))};
    std::vector<int> numbers;
    for (int number; text >> number;) numbers.push_back(number);
    rest.remove_prefix(end + 1);
    return numbers;
  };
  StateTable table;
  StoredKey key;
  MILL_ASSIGN(const std::vector<int> flags, line());
  if (flags.size() != 3) {
    return ExternalError("the database was written by an earlier version. hint: go on from a "
                         "savepoint of that version, which is Parquet");
  }
  key.slice_first = flags[1] != 0;
  key.key_groups = static_cast<uint32_t>(flags[2]);
  MILL_ASSIGN(key.columns, line());
  MILL_ASSIGN(table.key_columns, line());
  MILL_ASSIGN(key.slice, line());
  arrow::io::BufferReader in(arrow::Buffer::FromString(std::string(rest)));
  MILL_ASSIGN(table.schema, arrow::ipc::ReadSchema(&in, nullptr));
  return Make(table, std::move(key), flags[0] != 0);
}

bool StoredLayout::SameAs(const StoredLayout& other) const {
  return key_ == other.key_ && timers_ == other.timers_ &&
         table_.key_columns == other.table_.key_columns &&
         table_.schema->Equals(*other.table_.schema, /*check_metadata=*/false);
}

arrow::ArrayVector StoredLayout::Values(const arrow::RecordBatch& rows) const {
  arrow::ArrayVector columns;
  for (const int column : values_) columns.push_back(rows.column(column));
  return columns;
}

size_t StoredLayout::ValuePlace(int column) const {
  const auto place = std::find(values_.begin(), values_.end(), column);
  MILL_CHECK(place != values_.end());
  return static_cast<size_t>(place - values_.begin());
}

Status StoredLayout::EncodeKeysOf(const arrow::RecordBatch& rows, StoreKeys& keys) const {
  arrow::ArrayVector columns;
  for (const int column : keys_) columns.push_back(rows.column(column));
  return EncodeKeys(*KeyBatch(rows.num_rows(), std::move(columns)), keys);
}

std::string StoredLayout::SliceBytes(int64_t first, int64_t second) {
  std::string bytes(16, '\0');
  std::memcpy(bytes.data(), &first, 8);
  std::memcpy(bytes.data() + 8, &second, 8);
  return bytes;
}

std::pair<int64_t, int64_t> StoredLayout::SliceOf(std::string_view bytes) {
  std::pair<int64_t, int64_t> slice;
  std::memcpy(&slice.first, bytes.data(), 8);
  std::memcpy(&slice.second, bytes.data() + 8, 8);
  return slice;
}

Status StoredLayout::EncodeKeys(const arrow::RecordBatch& key_batch, StoreKeys& keys) const {
  keys.Clear();
  MILL_ASSIGN(const std::vector<uint32_t> groups,
              KeyGroupsOf(grouped_, key_batch, key_.key_groups));
  EncodedKeys encoded;
  MILL_RETURN(codec_.Encode(key_batch, key_places_, nullptr, encoded));
  const int64_t* slices[2] = {};
  for (size_t i = 0; i < key_.slice.size(); ++i) {
    const auto place = static_cast<int>(key_places_.size() + i);
    slices[i] = key_batch.column(place)->data()->GetValues<int64_t>(1);
  }
  for (size_t i = 0; i < groups.size(); ++i) {
    const std::string slice = slices[0] ? SliceBytes(slices[0][i], slices[1][i]) : "";
    keys.bytes += GroupBytes(groups[i]);
    if (key_.slice_first) keys.bytes += slice;
    keys.bytes.append(reinterpret_cast<const char*>(encoded.data(i)), encoded.size(i));
    if (!key_.slice_first) keys.bytes += slice;
    keys.ends.push_back(keys.bytes.size());
  }
  return Status::OK();
}

Result<std::shared_ptr<arrow::RecordBatch>> StoredLayout::DecodeKeys(const StoreKeys& keys) const {
  const size_t before = kGroupBytes + (key_.slice_first ? slice_bytes() : 0);
  std::vector<const uint8_t*> pointers;
  for (size_t i = 0; i < keys.size(); ++i) {
    pointers.push_back(reinterpret_cast<const uint8_t*>(keys[i].data()) + before);
  }
  MILL_ASSIGN(arrow::ArrayVector columns, codec_.Decode(std::move(pointers)));
  const auto count = static_cast<int64_t>(keys.size());
  std::vector<int64_t> numbers[2];
  for (size_t i = 0; !key_.slice.empty() && i < keys.size(); ++i) {
    const auto [first, second] = SliceOf(keys[i].substr(SlicePlace(keys[i].size())));
    numbers[0].push_back(first);
    numbers[1].push_back(second);
  }
  for (size_t i = 0; i < key_.slice.size(); ++i) {
    const auto& type = key_schema_->field(static_cast<int>(columns.size()))->type();
    columns.push_back(arrow::MakeArray(arrow::ArrayData::Make(
        type, count, {nullptr, arrow::Buffer::FromVector(std::move(numbers[i]))}, 0)));
  }
  return KeyBatch(count, std::move(columns));
}

Result<std::shared_ptr<arrow::RecordBatch>> StoredLayout::Join(
    const StoreKeys& keys, const std::vector<int32_t>& counts,
    const arrow::RecordBatch& values) const {
  MILL_ASSIGN(auto of_keys, DecodeKeys(keys));
  if (values.num_rows() != of_keys->num_rows()) {
    std::vector<int32_t> repeated;
    for (size_t i = 0; i < counts.size(); ++i) {
      repeated.insert(repeated.end(), static_cast<size_t>(counts[i]), static_cast<int32_t>(i));
    }
    MILL_ASSIGN(of_keys, TakeRows(of_keys, repeated));
  }
  arrow::ArrayVector columns(keys_.size() + values_.size());
  for (size_t i = 0; i < keys_.size(); ++i) {
    columns[static_cast<size_t>(keys_[i])] = of_keys->column(static_cast<int>(i));
  }
  for (size_t i = 0; i < values_.size(); ++i) {
    columns[static_cast<size_t>(values_[i])] = values.column(static_cast<int>(i));
  }
  return arrow::RecordBatch::Make(table_.schema, values.num_rows(), std::move(columns));
}

Result<int32_t> StoredLayout::ReadRows(std::string_view value, RowReader& reader) const {
  value.remove_prefix(std::min(value.size(), timer_bytes()));
  int32_t count = 0;
  for (; !value.empty(); ++count) MILL_RETURN(reader.Add(value));
  return count;
}

int64_t StoredLayout::TimerOf(std::string_view value) const {
  int64_t time = 0;
  if (value.size() >= sizeof time) std::memcpy(&time, value.data(), sizeof time);
  return time;
}

// ---- reading ----

StoredTable::~StoredTable() {
  std::error_code error;
  if (!owned_.empty()) fs::remove_all(owned_, error);
}

Result<std::shared_ptr<arrow::RecordBatch>> FirstStoredRows(const StoredRows& stored,
                                                            int64_t limit) {
  MILL_ASSIGN(const auto folder, FolderOfLinks::Make(stored.Files()));
  MILL_ASSIGN(const auto store, RocksDbStore::OpenToRead(folder->path()));
  MILL_ASSIGN(const StoredLayout layout, StoredLayout::Read(*store));
  std::shared_ptr<arrow::RecordBatch> first;
  const Status stopped = Status::Cancelled("enough");
  const Status read = stored.ForEach(layout.table(), KeyGroupRange(),
                                     [&](std::shared_ptr<arrow::RecordBatch> rows) {
                                       first = rows->Slice(0, limit);
                                       return stopped;
                                     });
  if (!read.ok() && !read.IsCancelled()) return read;
  return first;
}

Result<StateTable> TableOfStored(const StoredRows& stored) {
  MILL_ASSIGN(const auto folder, FolderOfLinks::Make(stored.Files()));
  MILL_ASSIGN(const auto store, RocksDbStore::OpenToRead(folder->path()));
  MILL_ASSIGN(const StoredLayout layout, StoredLayout::Read(*store));
  StateTable table = layout.table();
  table.id_columns = layout.key().columns;
  table.id_columns.insert(table.id_columns.end(), layout.key().slice.begin(), layout.key().slice.end());
  return table;
}

Status StoredTable::ForEach(const StateTable& table, KeyGroupRange groups,
                            const RowVisitor& visit) const {
  MILL_ASSIGN(const auto folder, FolderOfLinks::Make(files_));
  MILL_ASSIGN(const auto store, RocksDbStore::OpenToRead(folder->path()));
  MILL_ASSIGN(const StoredLayout layout, StoredLayout::Read(*store));
  RowReader reader(layout.rows());
  StoreKeys keys;
  std::vector<int32_t> counts;
  size_t bytes = 0;
  const auto hand_over = [&]() -> Status {
    if (keys.size() == 0) return Status::OK();
    MILL_ASSIGN(const auto values, reader.Finish());
    MILL_ASSIGN(const auto rows, layout.Join(keys, counts, *values));
    MILL_ASSIGN(auto conformed, ConformTo(table, *rows));
    keys.Clear();
    counts.clear();
    bytes = 0;
    return visit(std::move(conformed));
  };
  const std::string begin = StoredLayout::GroupBytes(groups.begin);
  const std::string end = StoredLayout::GroupBytes(groups.end);
  MILL_RETURN(store->Scan(begin, end, [&](std::string_view key,
                                          std::string_view value) -> Result<bool> {
    keys.bytes += key;
    keys.ends.push_back(keys.bytes.size());
    MILL_ASSIGN(const int32_t count, layout.ReadRows(value, reader));
    counts.push_back(count);
    bytes += value.size();
    if (reader.rows() >= kBatchRows || bytes >= kBatchBytes) MILL_RETURN(hand_over());
    return true;
  }));
  return hand_over();
}

// ---- files ----

std::vector<std::string> DatabaseFiles(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (IsImmutable(name) || name == "CURRENT" || name.starts_with("MANIFEST-") ||
        name.starts_with("OPTIONS-")) {
      files.push_back(entry.path().string());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

bool IsImmutable(const std::string& path) { return path.ends_with(".sst"); }

Status LinkOrCopy(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::create_hard_link(from, to, error);
  if (!error) return Status::OK();
  fs::copy_file(from, to, error);
  if (error) return ExternalError("cannot copy '{}' to '{}': {}", from, to, error.message());
  return Status::OK();
}

Status AdoptFiles(const std::vector<std::string>& files, const std::string& folder) {
  MILL_RETURN(MakeFolders(folder));
  for (const std::string& file : files) {
    const std::string to = folder + "/" + fs::path(file).filename().string();
    if (IsImmutable(file)) {
      MILL_RETURN(LinkOrCopy(file, to));
      continue;
    }
    std::error_code error;
    fs::copy_file(file, to, error);
    if (error) return ExternalError("cannot copy '{}' to '{}': {}", file, to, error.message());
  }
  return Status::OK();
}

}  // namespace millrace
