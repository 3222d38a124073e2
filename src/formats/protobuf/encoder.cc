// Columns to messages of Protocol Buffers. NULL is a field that is not there; lists of numbers are
// packed where the field is; a NULL within a list or map is the type's default, or for texts what
// protobuf.write-null-string-literal says.
#include <arrow/array.h>

#include <bit>

#include "formats/protobuf/formats.h"
#include "formats/protobuf/plan.h"
#include "formats/protobuf/wire.h"

namespace millrace {
namespace {

template <typename T>
const T& As(const arrow::Array& array) {
  return static_cast<const T&>(array);
}

int64_t IntegerAt(const arrow::Array& array, int64_t row) {
  switch (array.type_id()) {
    case arrow::Type::INT8: return As<arrow::Int8Array>(array).Value(row);
    case arrow::Type::INT16: return As<arrow::Int16Array>(array).Value(row);
    case arrow::Type::INT32: return As<arrow::Int32Array>(array).Value(row);
    default: return As<arrow::Int64Array>(array).Value(row);
  }
}

WireType WireOf(ProtoType type) {
  switch (type) {
    case ProtoType::kDouble:
    case ProtoType::kFixed64:
    case ProtoType::kSfixed64: return WireType::kFixed64;
    case ProtoType::kFloat:
    case ProtoType::kFixed32:
    case ProtoType::kSfixed32: return WireType::kFixed32;
    case ProtoType::kString:
    case ProtoType::kBytes:
    case ProtoType::kMessage: return WireType::kBytes;
    default: return WireType::kVarint;
  }
}

template <typename T>
void AppendFixed(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

void AppendText(std::string& out, std::string_view text) {
  AppendVarint(out, text.size());
  out += text;
}

class ProtoWriter {
 public:
  explicit ProtoWriter(std::string null_text) : null_text_(std::move(null_text)) {}

  // Appends the fields of a row; `column_at(i)` is the array of the plan's column i.
  template <typename ColumnAt>
  Status WriteMessage(const ProtoPlan& plan, const ColumnAt& column_at, int64_t row,
                      std::string& out) {
    for (size_t i = 0; i < plan.columns.size(); ++i) {
      const arrow::Array& array = column_at(i);
      if (array.IsNull(row)) continue;
      const Status status = WriteField(plan.columns[i], array, row, out);
      if (!status.ok()) {
        return Annotate(status, fmt::format("field `{}`", plan.columns[i].field->name));
      }
    }
    return Status::OK();
  }

 private:
  Status WriteField(const ProtoColumn& column, const arrow::Array& array, int64_t row,
                    std::string& out);
  Status WriteMap(const ProtoColumn& column, const arrow::MapArray& maps, int64_t row,
                  std::string& out);
  // The value without its tag.
  Status WriteValue(const ProtoColumn& column, const arrow::Array& array, int64_t row,
                    std::string& out);
  static Status WriteNumber(const ProtoField& field, int64_t value, std::string& out);
  static Result<int64_t> NumberOf(const ProtoEnum& values, std::string_view name);
  Status WriteDefault(const ProtoColumn& column, std::string& out);

  std::string null_text_;
};

Status ProtoWriter::WriteField(const ProtoColumn& column, const arrow::Array& array, int64_t row,
                               std::string& out) {
  const ProtoField& field = *column.field;
  const WireType wire = WireOf(field.type);
  if (!field.repeated) {
    AppendTag(out, field.number, wire);
    return WriteValue(column, array, row, out);
  }
  if (column.type.kind == TypeKind::kMap) {
    return WriteMap(column, As<arrow::MapArray>(array), row, out);
  }
  const auto& lists = As<arrow::ListArray>(array);
  const int64_t begin = lists.value_offset(row), end = lists.value_offset(row + 1);
  if (begin == end) return Status::OK();
  if (field.packed && wire != WireType::kBytes) {
    std::string items;
    for (int64_t i = begin; i < end; ++i) {
      MILL_RETURN(WriteValue(column, *lists.values(), i, items));
    }
    AppendTag(out, field.number, WireType::kBytes);
    AppendText(out, items);
    return Status::OK();
  }
  for (int64_t i = begin; i < end; ++i) {
    AppendTag(out, field.number, wire);
    MILL_RETURN(WriteValue(column, *lists.values(), i, out));
  }
  return Status::OK();
}

Status ProtoWriter::WriteMap(const ProtoColumn& column, const arrow::MapArray& maps, int64_t row,
                             std::string& out) {
  for (int64_t i = maps.value_offset(row); i < maps.value_offset(row + 1); ++i) {
    std::string entry;
    for (const ProtoColumn& part : column.plan->columns) {
      const bool is_key = part.field->number == 1;
      AppendTag(entry, part.field->number, WireOf(part.field->type));
      MILL_RETURN(WriteValue(part, is_key ? *maps.keys() : *maps.items(), i, entry));
    }
    AppendTag(out, column.field->number, WireType::kBytes);
    AppendText(out, entry);
  }
  return Status::OK();
}

Status ProtoWriter::WriteValue(const ProtoColumn& column, const arrow::Array& array, int64_t row,
                               std::string& out) {
  if (array.IsNull(row)) return WriteDefault(column, out);
  const ProtoField& field = *column.field;
  switch (field.type) {
    case ProtoType::kBool: out += As<arrow::BooleanArray>(array).Value(row) ? '\1' : '\0'; break;
    case ProtoType::kDouble: AppendFixed(out, As<arrow::DoubleArray>(array).Value(row)); break;
    case ProtoType::kFloat:
      AppendFixed(out, array.type_id() == arrow::Type::DOUBLE
                           ? static_cast<float>(As<arrow::DoubleArray>(array).Value(row))
                           : As<arrow::FloatArray>(array).Value(row));
      break;
    case ProtoType::kString:
    case ProtoType::kBytes: AppendText(out, As<arrow::BinaryArray>(array).GetView(row)); break;
    case ProtoType::kMessage: {
      const auto& rows = As<arrow::StructArray>(array);
      const auto member = [&rows](size_t i) -> const arrow::Array& {
        return *rows.field(static_cast<int>(i));
      };
      std::string message;
      MILL_RETURN(WriteMessage(*column.plan, member, row, message));
      AppendText(out, message);
      break;
    }
    case ProtoType::kEnum:
      if (array.type_id() == arrow::Type::STRING) {
        MILL_ASSIGN(const int64_t number,
                    NumberOf(*field.values, As<arrow::StringArray>(array).GetView(row)));
        return WriteNumber(field, number, out);
      }
      [[fallthrough]];
    default: return WriteNumber(field, IntegerAt(array, row), out);
  }
  return Status::OK();
}

Result<int64_t> ProtoWriter::NumberOf(const ProtoEnum& values, std::string_view name) {
  for (const auto& [number, known] : values.values) {
    if (known == name) return number;
  }
  return UserError("'{}' is no value of enum {}", name, values.name);
}

Status ProtoWriter::WriteNumber(const ProtoField& field, int64_t value, std::string& out) {
  const ProtoType type = field.type;
  const bool is_unsigned = type == ProtoType::kUint32 || type == ProtoType::kFixed32 ||
                           type == ProtoType::kUint64 || type == ProtoType::kFixed64;
  const bool narrow = type == ProtoType::kInt32 || type == ProtoType::kSint32 ||
                      type == ProtoType::kSfixed32 || type == ProtoType::kEnum;
  const bool unsigned32 = type == ProtoType::kUint32 || type == ProtoType::kFixed32;
  const bool fits = (!is_unsigned || value >= 0) && (!unsigned32 || value <= UINT32_MAX) &&
                    (!narrow || (value >= INT32_MIN && value <= INT32_MAX));
  if (!fits) return UserError("{} is out of range of the field's type", value);
  const auto bits = static_cast<uint64_t>(value);
  switch (WireOf(type)) {
    case WireType::kFixed32: AppendFixed(out, static_cast<uint32_t>(bits)); break;
    case WireType::kFixed64: AppendFixed(out, bits); break;
    default: {
      const bool zigzag = type == ProtoType::kSint32 || type == ProtoType::kSint64;
      AppendVarint(out, zigzag ? bits << 1 ^ static_cast<uint64_t>(value >> 63) : bits);
    }
  }
  return Status::OK();
}

// A NULL where there is no place for one.
Status ProtoWriter::WriteDefault(const ProtoColumn& column, std::string& out) {
  switch (WireOf(column.field->type)) {
    case WireType::kFixed32: AppendFixed(out, uint32_t{0}); break;
    case WireType::kFixed64: AppendFixed(out, uint64_t{0}); break;
    case WireType::kBytes:
      AppendText(out, column.field->type == ProtoType::kString ? null_text_ : "");
      break;
    default: out += '\0';
  }
  return Status::OK();
}

class ProtobufEncoder final : public RecordEncoder {
 public:
  ProtobufEncoder(ProtobufSettings settings, std::shared_ptr<ProtoPlan> plan)
      : settings_(std::move(settings)), plan_(std::move(plan)), writer_(settings_.null_text) {}

  Status Encode(const arrow::RecordBatch& rows, std::string& bytes,
                std::vector<int64_t>& ends) override {
    const std::vector<std::shared_ptr<arrow::Array>> columns = rows.columns();
    const auto column = [&columns](size_t i) -> const arrow::Array& { return *columns[i]; };
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      MILL_RETURN(Annotate(writer_.WriteMessage(*plan_, column, row, bytes), "format 'protobuf'"));
      ends.push_back(std::ssize(bytes));
    }
    return Status::OK();
  }

 private:
  ProtobufSettings settings_;
  std::shared_ptr<ProtoPlan> plan_;
  ProtoWriter writer_;
};

}  // namespace

Result<std::unique_ptr<RecordEncoder>> MakeProtobufEncoder(const Schema& schema,
                                                           const Options& options) {
  MILL_ASSIGN(ProtobufSettings settings, ProtobufSettings::Read(options));
  MILL_ASSIGN(auto plan, PlanProtobuf(*settings.message, FieldsOf(schema), settings));
  return std::make_unique<ProtobufEncoder>(std::move(settings), std::move(plan));
}

}  // namespace millrace
