#include "formats/raw_records.h"

#include <arrow/array.h>
#include <simdjson.h>

#include <algorithm>
#include <cstring>

#include "formats/columns.h"
#include "formats/options.h"
#include "formats/row_record_decoder.h"

namespace millrace {
namespace {

bool IsText(const SqlType& type) { return type.IsString() || type.IsBinary(); }

// Bytes of a value; 0: as many as there are.
Result<size_t> WidthOf(const Column& column) {
  switch (column.type.kind) {
    case TypeKind::kBoolean:
    case TypeKind::kTinyInt: return 1;
    case TypeKind::kSmallInt: return 2;
    case TypeKind::kInt:
    case TypeKind::kFloat: return 4;
    case TypeKind::kBigInt:
    case TypeKind::kDouble: return 8;
    default: break;
  }
  if (IsText(column.type)) return 0;
  return UserError("format 'raw' needs a string, bytes, number or BOOLEAN column, '{}' is {}",
                   column.name, column.type.ToString());
}

Result<size_t> CheckRaw(const Schema& all, const Options& options, bool* big_endian) {
  if (all.size() != 1) {
    return UserError("format 'raw' needs one column, there are {}", all.size());
  }
  const std::string order = StringOption(options, "raw.endianness", "big-endian");
  if (order != "big-endian" && order != "little-endian") {
    return UserError("option 'raw.endianness': '{}' is neither big-endian nor little-endian",
                     order);
  }
  *big_endian = order == "big-endian";
  return WidthOf(all.columns.front());
}

class RawRecordDecoder final : public RowRecordDecoder {
 public:
  RawRecordDecoder(const Schema& schema, const Column& column, size_t width, bool big_endian)
      : RowRecordDecoder(schema), type_(column.type), width_(width), big_endian_(big_endian) {}

 private:
  Status Append(std::string_view record, RowsBuilder& rows, std::string* reason) override {
    if (width_ > 0 && record.size() != width_) {
      *reason = fmt::format("{} bytes, but {} has {}", record.size(), type_.Nullable().ToString(),
                            width_);
    } else if (type_.IsString() && !simdjson::validate_utf8(record.data(), record.size())) {
      *reason = "invalid UTF-8";
    } else if (rows.num_columns() > 0) {
      AppendValue(record, rows.column(0));
    }
    return Status::OK();
  }

  void AppendValue(std::string_view record, ColumnBuilder& column) const {
    if (width_ == 0) return column.AppendBytes(record);
    uint8_t bytes[8] = {};
    std::memcpy(bytes, record.data(), width_);
    if (big_endian_) std::reverse(bytes, bytes + width_);
    switch (type_.kind) {
      case TypeKind::kBoolean: column.AppendBool(bytes[0] != 0); break;
      case TypeKind::kTinyInt: column.Append(As<int8_t>(bytes)); break;
      case TypeKind::kSmallInt: column.Append(As<int16_t>(bytes)); break;
      case TypeKind::kInt: column.Append(As<int32_t>(bytes)); break;
      case TypeKind::kFloat: column.Append(As<float>(bytes)); break;
      case TypeKind::kDouble: column.Append(As<double>(bytes)); break;
      default: column.Append(As<int64_t>(bytes)); break;
    }
  }

  template <typename T>
  static T As(const uint8_t* bytes) {
    T value;
    std::memcpy(&value, bytes, sizeof(T));
    return value;
  }

  SqlType type_;
  size_t width_;
  bool big_endian_;
};

class RawRecordEncoder final : public RecordEncoder {
 public:
  RawRecordEncoder(const SqlType& type, size_t width, bool big_endian)
      : type_(type), width_(width), big_endian_(big_endian) {}

  Status Encode(const arrow::RecordBatch& rows, std::string& bytes,
                std::vector<int64_t>& ends) override {
    const arrow::Array& column = *rows.column(0);
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      if (column.IsNull(row)) {
        ends.push_back(-1);
        continue;
      }
      Append(column, row, bytes);
      ends.push_back(std::ssize(bytes));
    }
    return Status::OK();
  }

 private:
  void Append(const arrow::Array& column, int64_t row, std::string& bytes) const {
    if (width_ == 0) {
      bytes += static_cast<const arrow::BinaryArray&>(column).GetView(row);
    } else if (type_.kind == TypeKind::kBoolean) {
      bytes += static_cast<const arrow::BooleanArray&>(column).Value(row) ? '\1' : '\0';
    } else {
      const uint8_t* values = column.data()->buffers[1]->data();
      const uint8_t* value = values + width_ * static_cast<size_t>(column.offset() + row);
      const size_t begin = bytes.size();
      bytes.append(reinterpret_cast<const char*>(value), width_);
      if (big_endian_) {
        std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(begin), bytes.end());
      }
    }
  }

  SqlType type_;
  size_t width_;
  bool big_endian_;
};

}  // namespace

Result<std::unique_ptr<RecordDecoder>> MakeRawRecordDecoder(const Schema& schema, const Schema& all,
                                                            const Options& options) {
  bool big_endian = true;
  MILL_ASSIGN(const size_t width, CheckRaw(all, options, &big_endian));
  return std::make_unique<RawRecordDecoder>(schema, all.columns.front(), width, big_endian);
}

Result<std::unique_ptr<RecordEncoder>> MakeRawRecordEncoder(const Schema& schema,
                                                            const Options& options) {
  bool big_endian = true;
  MILL_ASSIGN(const size_t width, CheckRaw(schema, options, &big_endian));
  return std::make_unique<RawRecordEncoder>(schema.columns.front().type, width, big_endian);
}

}  // namespace millrace
