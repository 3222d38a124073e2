#include "connectors/iceberg/row_writer.h"

namespace millrace {
namespace {

class Appender final : public IcebergRowWriter {
 public:
  Appender(const IcebergRowTarget& target, IcebergPartitioner partitioner)
      : files_(target.files),
        table_(target.table),
        partitioner_(std::move(partitioner)),
        data_(target.files, DataFileKindOf(target)) {}

  Status Write(const std::shared_ptr<arrow::RecordBatch>& rows, const RowKinds&) override {
    MILL_ASSIGN(const auto parts, partitioner_.Split(rows));
    for (const auto& part : parts) MILL_RETURN(data_.Write(part).status());
    return Status::OK();
  }

  Result<std::vector<IcebergLayer>> Finish() override {
    std::vector<IcebergLayer> layers;
    MILL_ASSIGN(const auto data, data_.Finish());
    if (data.empty()) return layers;
    MILL_ASSIGN(auto layer, MakeIcebergLayer(files_, table_, partitioner_.spec(), data, {}));
    layers.push_back(std::move(layer));
    return layers;
  }

  void Drop() override { data_.Drop(); }

 private:
  IcebergFiles* files_;
  IcebergMetadata table_;
  IcebergPartitioner partitioner_;
  IcebergFileSet data_;
};

}  // namespace

IcebergFileKind DataFileKindOf(const IcebergRowTarget& target) {
  IcebergFileKind kind;
  kind.fields = target.fields;
  kind.prefix = target.table.Property("write.data.path", target.table.location + "/data");
  if (!kind.prefix.ends_with('/')) kind.prefix += '/';
  kind.writer = target.writer;
  kind.target_bytes = target.file_bytes;
  kind.options = target.options;
  return kind;
}

Result<std::unique_ptr<IcebergRowWriter>> MakeIcebergAppender(const IcebergRowTarget& target) {
  MILL_ASSIGN(auto partitioner, IcebergPartitioner::Make(target.table.spec(), target.fields));
  return std::make_unique<Appender>(target, std::move(partitioner));
}

}  // namespace millrace
