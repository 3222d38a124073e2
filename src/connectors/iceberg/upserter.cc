// Upserts by deletes (table spec, "Scan planning"): an equality delete takes away the rows of its
// key that earlier sequence numbers have written; rows of the same sequence number, those of this
// epoch, are taken away by position.
#include <algorithm>
#include <array>
#include <unordered_map>

#include <arrow/builder.h>

#include "connectors/iceberg/row_writer.h"
#include "data/take_rows.h"

namespace millrace {
namespace {

constexpr int64_t kMaxKeyBytes = 128 << 20;  // that are remembered
constexpr int32_t kNowhere = -1;

// Ids that the table spec reserves.
const std::vector<IcebergField>& PositionDeleteFields() {
  static const std::vector<IcebergField> kFields = {
      {2147483546, "file_path", true, IcebergType::Of(IcebergKind::kString), ""},
      {2147483545, "pos", true, IcebergType::Of(IcebergKind::kLong), ""},
  };
  return kFields;
}

class Upserter final : public IcebergRowWriter {
 public:
  Upserter(const IcebergRowTarget& target, IcebergPartitioner partitioner,
           IcebergPartitioner key_partitioner)
      : files_(target.files),
        table_(target.table),
        fields_(target.fields),
        key_(target.key),
        max_keys_(target.max_keys),
        partitioner_(std::move(partitioner)),
        key_partitioner_(std::move(key_partitioner)),
        data_(target.files, DataFileKindOf(target)),
        equality_(target.files, EqualityKindOf(target)),
        positions_(target.files, PositionKindOf(target)) {
    for (int i = 0; i < std::ssize(fields_); ++i) all_.push_back(i);
  }

  Status Write(const std::shared_ptr<arrow::RecordBatch>& rows, const RowKinds& kinds) override {
    if (keys_.size() >= max_keys_ || key_bytes_ >= kMaxKeyBytes) MILL_RETURN(EndLayer());
    // Within a batch only what is last of a key counts.
    std::vector<std::string> keys;
    std::unordered_map<std::string_view, int64_t> last;
    keys.reserve(static_cast<size_t>(rows->num_rows()));
    for (int64_t row = 0; row < rows->num_rows(); ++row) {
      keys.push_back(KeyAt(*rows, row));
      last[keys.back()] = row;
    }
    std::vector<int64_t> added, removed;
    for (int64_t row = 0; row < rows->num_rows(); ++row) {
      std::string& key = keys[static_cast<size_t>(row)];
      if (last.find(key)->second != row) continue;
      const bool adds = !kinds || Adds((*kinds)[static_cast<size_t>(row)]);
      if (adds) added.push_back(row);
      if (Forget(key)) removed.push_back(row);
    }
    MILL_RETURN(WriteRemoved(*rows, removed));
    return WriteAdded(*rows, added, keys);
  }

  Result<std::vector<IcebergLayer>> Finish() override {
    MILL_RETURN(EndLayer());
    return std::exchange(layers_, {});
  }

  void Drop() override {
    data_.Drop();
    equality_.Drop();
    positions_.Drop();
    keys_.clear();
    key_bytes_ = 0;
    paths_.clear();
    gone_.clear();
  }

 private:
  struct Place {
    int32_t file = kNowhere;  // in paths_
    int64_t row = 0;
  };
  struct DataPath {
    std::string path, folder;
    std::vector<IcebergValue> partition;
  };

  static IcebergFileKind EqualityKindOf(const IcebergRowTarget& target) {
    IcebergFileKind kind = DataFileKindOf(target);
    kind.content = IcebergContent::kEqualityDeletes;
    kind.fields.clear();
    for (const int column : target.key) {
      const IcebergField& field = target.fields[static_cast<size_t>(column)];
      kind.fields.push_back(field);
      kind.equality_ids.push_back(field.id);
    }
    kind.suffix = "-equality-deletes";
    return kind;
  }

  static IcebergFileKind PositionKindOf(const IcebergRowTarget& target) {
    IcebergFileKind kind = DataFileKindOf(target);
    kind.content = IcebergContent::kPositionDeletes;
    kind.fields = PositionDeleteFields();
    kind.suffix = "-position-deletes";
    return kind;
  }

  std::string KeyAt(const arrow::RecordBatch& rows, int64_t row) const {
    std::vector<IcebergValue> values;
    for (const int column : key_) {
      values.push_back(ValueAt(*rows.column(column), row,
                               fields_[static_cast<size_t>(column)].type));
    }
    return KeyBytes(values);
  }

  // Takes away the key's row that this layer has written, if any. True if the key is new to it:
  // rows of earlier epochs are then to be taken away too.
  bool Forget(const std::string& key) {
    const auto [at, is_new] = keys_.emplace(key, Place());
    if (is_new) key_bytes_ += std::ssize(key);
    if (at->second.file != kNowhere) {
      gone_[static_cast<size_t>(at->second.file)].push_back(at->second.row);
      at->second.file = kNowhere;
    }
    return is_new;
  }

  Status WriteRemoved(const arrow::RecordBatch& rows, const std::vector<int64_t>& removed) {
    if (removed.empty()) return Status::OK();
    MILL_ASSIGN(const auto keys, rows.SelectColumns(key_));
    MILL_ASSIGN(const auto taken, TakeRows(keys, removed));
    MILL_ASSIGN(const auto parts, key_partitioner_.Split(taken));
    for (const auto& part : parts) MILL_RETURN(equality_.Write(part).status());
    return Status::OK();
  }

  Status WriteAdded(const arrow::RecordBatch& rows, const std::vector<int64_t>& added,
                    const std::vector<std::string>& keys) {
    if (added.empty()) return Status::OK();
    MILL_ASSIGN(const auto all, rows.SelectColumns(all_));
    MILL_ASSIGN(const auto taken, TakeRows(all, added));
    MILL_ASSIGN(const auto parts, partitioner_.Split(taken));
    for (const auto& part : parts) {
      MILL_ASSIGN(const auto written, data_.Write(part));
      const int32_t file = FileOf(written.path, part);
      for (int64_t i = 0; i < part.rows->num_rows(); ++i) {
        const int64_t row = part.indices.empty() ? i : part.indices[static_cast<size_t>(i)];
        const std::string& key = keys[static_cast<size_t>(added[static_cast<size_t>(row)])];
        keys_[key] = {file, written.first + i};
      }
    }
    return Status::OK();
  }

  int32_t FileOf(const std::string& path, const IcebergPartitioner::Part& part) {
    for (size_t i = paths_.size(); i-- > 0;) {
      if (paths_[i].path == path) return static_cast<int32_t>(i);
    }
    paths_.push_back({path, part.folder, part.values});
    gone_.emplace_back();
    return static_cast<int32_t>(paths_.size() - 1);
  }

  // Position deletes are sorted by path and position, within a partition.
  Status WritePositions() {
    std::vector<size_t> order(paths_.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return paths_[a].path < paths_[b].path; });
    for (const size_t file : order) {
      std::vector<int64_t>& rows = gone_[file];
      if (rows.empty()) continue;
      std::sort(rows.begin(), rows.end());
      arrow::StringBuilder path;
      arrow::Int64Builder position;
      for (const int64_t row : rows) {
        MILL_RETURN(path.Append(paths_[file].path));
        MILL_RETURN(position.Append(row));
      }
      MILL_ASSIGN(auto path_column, path.Finish());
      MILL_ASSIGN(auto position_column, position.Finish());
      const auto batch = arrow::RecordBatch::Make(
          arrow::schema({StorageFieldOf(PositionDeleteFields()[0]),
                         StorageFieldOf(PositionDeleteFields()[1])}),
          std::ssize(rows), arrow::ArrayVector{std::move(path_column), std::move(position_column)});
      MILL_RETURN(
          positions_.Write({paths_[file].folder, paths_[file].partition, batch, {}}).status());
    }
    return Status::OK();
  }

  Status EndLayer() {
    MILL_RETURN(WritePositions());
    MILL_ASSIGN(const auto data, data_.Finish());
    MILL_ASSIGN(auto deletes, equality_.Finish());
    MILL_ASSIGN(const auto positions, positions_.Finish());
    deletes.insert(deletes.end(), positions.begin(), positions.end());
    keys_.clear();
    key_bytes_ = 0;
    paths_.clear();
    gone_.clear();
    if (data.empty() && deletes.empty()) return Status::OK();
    MILL_ASSIGN(auto layer,
                MakeIcebergLayer(files_, table_, partitioner_.spec(), data, deletes));
    layers_.push_back(std::move(layer));
    return Status::OK();
  }

  IcebergFiles* files_;
  IcebergMetadata table_;
  std::vector<IcebergField> fields_;
  std::vector<int> key_, all_;
  size_t max_keys_;
  IcebergPartitioner partitioner_, key_partitioner_;
  IcebergFileSet data_, equality_, positions_;
  std::vector<IcebergLayer> layers_;  // that are complete
  // Of the layer that is being written:
  std::unordered_map<std::string, Place> keys_;
  int64_t key_bytes_ = 0;
  std::vector<DataPath> paths_;
  std::vector<std::vector<int64_t>> gone_;  // by path: positions that are deleted
};

}  // namespace

Result<std::unique_ptr<IcebergRowWriter>> MakeIcebergUpserter(const IcebergRowTarget& target) {
  std::vector<IcebergField> key;
  for (const int column : target.key) key.push_back(target.fields[static_cast<size_t>(column)]);
  MILL_ASSIGN(auto partitioner, IcebergPartitioner::Make(target.table.spec(), target.fields));
  auto of_key = IcebergPartitioner::Make(target.table.spec(), key);
  if (!of_key.ok()) {
    return UserError("{}. hint: a table with a PRIMARY KEY can be partitioned by columns of the "
                     "key only", of_key.status().message());
  }
  return std::make_unique<Upserter>(target, std::move(partitioner), std::move(*of_key));
}

}  // namespace millrace
