#include "connectors/staged_rows.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>

namespace millrace {

namespace {

constexpr const char* kKindColumn = "$kind";

Result<std::shared_ptr<arrow::RecordBatch>> WithKinds(const Batch& batch,
                                                      std::shared_ptr<arrow::Schema> schema) {
  arrow::UInt8Builder kinds;
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    MILL_RETURN(kinds.Append(static_cast<uint8_t>(batch.kind(row))));
  }
  MILL_ASSIGN(auto column, kinds.Finish());
  auto columns = batch.rows->columns();
  columns.push_back(std::move(column));
  return arrow::RecordBatch::Make(std::move(schema), batch.num_rows(), std::move(columns));
}

}  // namespace

Result<std::string> RowsToBytes(const std::vector<Batch>& batches) {
  const auto& first = *batches[0].rows;
  MILL_ASSIGN(const auto schema,
              first.schema()->AddField(first.num_columns(),
                                       arrow::field(kKindColumn, arrow::uint8(), false)));
  MILL_ASSIGN(auto stream, arrow::io::BufferOutputStream::Create());
  MILL_ASSIGN(auto out, arrow::ipc::MakeStreamWriter(stream, schema));
  for (const Batch& batch : batches) {
    MILL_ASSIGN(const auto rows, WithKinds(batch, schema));
    MILL_RETURN(out->WriteRecordBatch(*rows));
  }
  MILL_RETURN(out->Close());
  MILL_ASSIGN(const auto bytes, stream->Finish());
  return bytes->ToString();
}

Result<std::vector<Batch>> RowsFromBytes(std::string_view bytes, int columns) {
  const auto buffer = arrow::Buffer::FromString(std::string(bytes));
  MILL_ASSIGN(auto in, arrow::ipc::RecordBatchStreamReader::Open(
                           std::make_shared<arrow::io::BufferReader>(buffer)));
  MILL_ASSIGN(const auto read, in->ToRecordBatches());
  std::vector<Batch> batches;
  for (const auto& rows : read) {
    const int last = rows->num_columns() - 1;
    if (last != columns || rows->column(last)->type_id() != arrow::Type::UINT8) {
      return UserError("staged rows have {} columns, the table has {}", last, columns);
    }
    const auto& kinds = static_cast<const arrow::UInt8Array&>(*rows->column(last));
    auto kept = std::make_shared<std::vector<RowKind>>();
    for (int64_t row = 0; row < rows->num_rows(); ++row) {
      kept->push_back(static_cast<RowKind>(kinds.Value(row) & 3));
    }
    Batch batch;
    MILL_ASSIGN(batch.rows, rows->RemoveColumn(last));
    batch.kinds = std::move(kept);
    batches.push_back(std::move(batch));
  }
  return batches;
}

}  // namespace millrace
