#include "state/row_codec.h"

#include <arrow/array.h>

namespace millrace {
namespace {

bool IsBytes(arrow::Type::type id) {
  return id == arrow::Type::STRING || id == arrow::Type::BINARY;
}
bool IsList(arrow::Type::type id) { return id == arrow::Type::LIST || id == arrow::Type::MAP; }

// 0 unless values are of whole bytes and fixed width.
size_t WidthOf(const arrow::DataType& type) {
  const int bits = type.bit_width();
  return bits < 8 || type.id() == arrow::Type::DICTIONARY ? 0 : static_cast<size_t>(bits) / 8;
}

// Fails for what Append and RowReader do not know.
Status CheckType(const arrow::DataType& type) {
  const auto id = type.id();
  if (id == arrow::Type::NA || id == arrow::Type::BOOL || IsBytes(id) || WidthOf(type) > 0) {
    return Status::OK();
  }
  if (!IsList(id) && id != arrow::Type::STRUCT) {
    return UserError("values of type {} cannot be kept on disk", type.ToString());
  }
  for (const auto& field : type.fields()) MILL_RETURN(CheckType(*field->type()));
  return Status::OK();
}

void AppendVarint(size_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

Status Damaged() { return ExternalError("a stored row is damaged"); }

Status ReadVarint(std::string_view& bytes, size_t& value) {
  value = 0;
  for (int shift = 0; shift < 63 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes[0]);
    bytes.remove_prefix(1);
    value |= size_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) return Status::OK();
  }
  return Damaged();
}

void AppendValue(const arrow::Array& array, int64_t at, std::string& out) {
  const bool null = array.type_id() == arrow::Type::NA || array.IsNull(at);
  out += null ? '\0' : '\1';
  if (null) return;
  const auto id = array.type_id();
  if (const size_t width = WidthOf(*array.type()); width > 0) {
    const auto place = static_cast<size_t>(at + array.offset()) * width;
    out.append(reinterpret_cast<const char*>(array.data()->buffers[1]->data()) + place, width);
  } else if (id == arrow::Type::BOOL) {
    out += static_cast<const arrow::BooleanArray&>(array).Value(at) ? '\1' : '\0';
  } else if (IsBytes(id)) {
    const auto value = static_cast<const arrow::BinaryArray&>(array).GetView(at);
    AppendVarint(value.size(), out);
    out += value;
  } else if (IsList(id)) {
    const auto& list = static_cast<const arrow::ListArray&>(array);
    AppendVarint(static_cast<size_t>(list.value_length(at)), out);
    const arrow::Array& values = *list.values();
    for (int64_t i = list.value_offset(at); i < list.value_offset(at + 1); ++i) {
      AppendValue(values, i, out);
    }
  } else {
    const auto& row = static_cast<const arrow::StructArray&>(array);
    for (int i = 0; i < row.num_fields(); ++i) AppendValue(*row.field(i), at, out);
  }
}

}  // namespace

Result<RowCodec> RowCodec::Make(std::shared_ptr<arrow::Schema> schema) {
  RowCodec codec;
  for (const auto& field : schema->fields()) {
    MILL_RETURN(Annotate(CheckType(*field->type()), "column '" + field->name() + "'"));
    const size_t width = WidthOf(*field->type());
    codec.least_bytes_ += 1 + std::max<size_t>(width, 1);
    codec.fixed_ = codec.fixed_ && (width > 0 || field->type()->id() == arrow::Type::BOOL);
  }
  codec.schema_ = std::move(schema);
  return codec;
}

void RowCodec::Append(const arrow::ArrayVector& columns, int64_t row, std::string& out) {
  for (const auto& column : columns) AppendValue(*column, row, out);
}

RowReader::RowReader(const RowCodec& codec) : schema_(codec.schema()) {
  for (const auto& field : schema_->fields()) columns_.push_back(MakeColumn(field->type()));
}

std::unique_ptr<RowReader::Column> RowReader::MakeColumn(
    const std::shared_ptr<arrow::DataType>& type) {
  auto column = std::make_unique<Column>();
  column->type = type;
  column->width = WidthOf(*type);
  column->in_bits = type->id() == arrow::Type::BOOL;
  column->with_offsets = IsBytes(type->id()) || IsList(type->id());
  for (const auto& field : type->fields()) column->children.push_back(MakeColumn(field->type()));
  return column;
}

Status RowReader::Add(std::string_view& bytes) {
  for (auto& column : columns_) MILL_RETURN(AddValue(*column, bytes));
  ++rows_;
  return Status::OK();
}

Status RowReader::AddNull(Column& column) {
  ++column.length;
  MILL_RETURN(column.valid.Append(false));
  if (column.width > 0) return column.values.Advance(static_cast<int64_t>(column.width));
  if (column.in_bits) return column.bits.Append(false);
  if (column.with_offsets) {
    const bool list = IsList(column.type->id());
    return column.offsets.Append(static_cast<int32_t>(
        list ? column.children[0]->length : column.values.length()));
  }
  for (auto& child : column.children) MILL_RETURN(AddNull(*child));
  return Status::OK();
}

Status RowReader::AddValue(Column& column, std::string_view& bytes) {
  if (bytes.empty()) return Damaged();
  const bool null = bytes[0] == '\0';
  bytes.remove_prefix(1);
  if (null) return AddNull(column);
  if (column.width > 0) {
    if (bytes.size() < column.width) return Damaged();
    MILL_RETURN(column.values.Append(bytes.data(), static_cast<int64_t>(column.width)));
    bytes.remove_prefix(column.width);
  } else if (column.in_bits) {
    if (bytes.empty()) return Damaged();
    MILL_RETURN(column.bits.Append(bytes[0] != '\0'));
    bytes.remove_prefix(1);
  } else if (column.with_offsets) {
    size_t size = 0;
    MILL_RETURN(ReadVarint(bytes, size));
    if (size > bytes.size()) return Damaged();
    const bool list = IsList(column.type->id());
    MILL_RETURN(column.offsets.Append(static_cast<int32_t>(
        list ? column.children[0]->length : column.values.length())));
    if (list) {
      for (size_t i = 0; i < size; ++i) MILL_RETURN(AddValue(*column.children[0], bytes));
    } else {
      MILL_RETURN(column.values.Append(bytes.data(), static_cast<int64_t>(size)));
      bytes.remove_prefix(size);
    }
  } else {
    for (auto& child : column.children) MILL_RETURN(AddValue(*child, bytes));
  }
  ++column.length;
  return column.valid.Append(true);
}

Result<std::shared_ptr<arrow::ArrayData>> RowReader::FinishColumn(Column& column) {
  if (column.type->id() == arrow::Type::NA) {
    column.valid.Reset();
    return arrow::ArrayData::Make(column.type, std::exchange(column.length, 0), {nullptr});
  }
  const int64_t nulls = column.valid.false_count();
  std::vector<std::shared_ptr<arrow::Buffer>> buffers(1);
  MILL_ASSIGN(buffers[0], column.valid.Finish());
  if (nulls == 0) buffers[0] = nullptr;
  if (column.with_offsets) {
    const bool list = IsList(column.type->id());
    const int64_t end = list ? column.children[0]->length : column.values.length();
    MILL_RETURN(column.offsets.Append(static_cast<int32_t>(end)));
    MILL_ASSIGN(auto offsets, column.offsets.Finish());
    buffers.push_back(std::move(offsets));
  }
  if (column.in_bits) {
    MILL_ASSIGN(auto bits, column.bits.Finish());
    buffers.push_back(std::move(bits));
  }
  if (column.width > 0 || IsBytes(column.type->id())) {
    MILL_ASSIGN(auto values, column.values.Finish());
    buffers.push_back(std::move(values));
  }
  std::vector<std::shared_ptr<arrow::ArrayData>> children;
  for (auto& child : column.children) {
    MILL_ASSIGN(auto data, FinishColumn(*child));
    children.push_back(std::move(data));
  }
  return arrow::ArrayData::Make(column.type, std::exchange(column.length, 0), std::move(buffers),
                                std::move(children), nulls);
}

Result<std::shared_ptr<arrow::RecordBatch>> RowReader::Finish() {
  arrow::ArrayVector arrays;
  for (auto& column : columns_) {
    MILL_ASSIGN(auto data, FinishColumn(*column));
    arrays.push_back(arrow::MakeArray(std::move(data)));
  }
  return arrow::RecordBatch::Make(schema_, std::exchange(rows_, 0), std::move(arrays));
}

}  // namespace millrace
