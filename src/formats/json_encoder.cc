// Batches to JSON lines, as Flink's json format writes them.
#include <arrow/array.h>
#include <arrow/util/base64.h>

#include <cmath>

#include "data/pretty.h"
#include "formats/makers.h"
#include "formats/options.h"

namespace millrace {
namespace {

template <typename T>
const T& As(const arrow::Array& array) {
  return static_cast<const T&>(array);
}

void AppendQuoted(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  out += '"';
  size_t plain = 0;  // start of what needs no escape
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, plain, i - plain);
    plain = i + 1;
    out += '\\';
    switch (c) {
      case '"':
        out += '"';
        break;
      case '\\':
        out += '\\';
        break;
      case '\n':
        out += 'n';
        break;
      case '\r':
        out += 'r';
        break;
      case '\t':
        out += 't';
        break;
      case '\b':
        out += 'b';
        break;
      case '\f':
        out += 'f';
        break;
      default:
        out += "u00";
        out += kHex[c >> 4];
        out += kHex[c & 15];
    }
  }
  out.append(text, plain);
  out += '"';
}

struct JsonStyle {
  bool iso_times = false;
  bool skip_nulls = false;
  bool plain_decimals = false;
};

class JsonEncoder : public Encoder {
 public:
  JsonEncoder(const Schema& schema, JsonStyle style) : style_(style) {
    for (const Column& column : schema.columns) {
      std::string key;
      AppendQuoted(key, column.name);
      keys_.push_back(key + ":");
    }
  }

  Status Encode(const arrow::RecordBatch& rows, std::string& out) override {
    if (rows.num_columns() != static_cast<int>(keys_.size())) {
      return Status::Invalid("json: ", rows.num_columns(), " columns, not ", keys_.size());
    }
    std::vector<std::shared_ptr<arrow::Array>> columns = rows.columns();
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      AppendRow(out, columns, row);
      out += '\n';
    }
    return Status::OK();
  }

 private:
  void AppendRow(std::string& out, const std::vector<std::shared_ptr<arrow::Array>>& columns,
                 int64_t row) const {
    char before = '{';
    for (size_t i = 0; i < columns.size(); ++i) {
      if (style_.skip_nulls && columns[i]->IsNull(row)) continue;
      out += before;
      before = ',';
      out += keys_[i];
      AppendJson(out, *columns[i], row);
    }
    out += before == '{' ? "{}" : "}";
  }

  void AppendJson(std::string& out, const arrow::Array& array, int64_t row) const;
  void AppendReal(std::string& out, const arrow::Array& array, int64_t row) const;
  void AppendTime(std::string& out, const arrow::Array& array, int64_t row) const;
  void AppendArray(std::string& out, const arrow::ListArray& lists, int64_t row) const;
  void AppendMap(std::string& out, const arrow::MapArray& maps, int64_t row) const;
  void AppendNumber(std::string& out, const arrow::Decimal128Array& array, int64_t row) const;
  void AppendObject(std::string& out, const arrow::StructArray& rows, int64_t row) const;

  std::vector<std::string> keys_;  // quoted, with the colon
  JsonStyle style_;
};

void JsonEncoder::AppendReal(std::string& out, const arrow::Array& array, int64_t row) const {
  const bool is_float = array.type_id() == arrow::Type::FLOAT;
  const double value = is_float ? static_cast<double>(As<arrow::FloatArray>(array).Value(row))
                                : As<arrow::DoubleArray>(array).Value(row);
  const bool finite = std::isfinite(value);
  if (!finite) out += '"';
  if (is_float) {
    AppendFloat(out, static_cast<float>(value));
  } else {
    AppendDouble(out, value);
  }
  if (!finite) out += '"';
}

void JsonEncoder::AppendTime(std::string& out, const arrow::Array& array, int64_t row) const {
  out += '"';
  if (array.type_id() == arrow::Type::DATE32) {
    AppendDate(out, As<arrow::Date32Array>(array).Value(row));
  } else if (array.type_id() == arrow::Type::TIME32) {
    AppendTimeOfDay(out, As<arrow::Time32Array>(array).Value(row), kShortest);
  } else {
    const auto& type = static_cast<const arrow::TimestampType&>(*array.type());
    const char separator = style_.iso_times ? 'T' : ' ';
    AppendTimestamp(out, As<arrow::TimestampArray>(array).Value(row), type.unit(), kShortest,
                    separator);
    if (!type.timezone().empty()) out += 'Z';
  }
  out += '"';
}

void JsonEncoder::AppendArray(std::string& out, const arrow::ListArray& lists, int64_t row) const {
  out += '[';
  for (int64_t i = lists.value_offset(row); i < lists.value_offset(row + 1); ++i) {
    if (i > lists.value_offset(row)) out += ',';
    AppendJson(out, *lists.values(), i);
  }
  out += ']';
}

void JsonEncoder::AppendMap(std::string& out, const arrow::MapArray& maps, int64_t row) const {
  out += '{';
  for (int64_t i = maps.value_offset(row); i < maps.value_offset(row + 1); ++i) {
    if (i > maps.value_offset(row)) out += ',';
    AppendQuoted(out, FormatValue(*maps.keys(), i));
    out += ':';
    AppendJson(out, *maps.items(), i);
  }
  out += '}';
}

void JsonEncoder::AppendNumber(std::string& out, const arrow::Decimal128Array& array,
                               int64_t row) const {
  const int scale = static_cast<const arrow::Decimal128Type&>(*array.type()).scale();
  if (style_.plain_decimals) {
    AppendDecimal(out, array.GetValue(row), scale);
  } else {
    AppendBigDecimal(out, array.GetValue(row), scale);
  }
}

void JsonEncoder::AppendObject(std::string& out, const arrow::StructArray& rows,
                               int64_t row) const {
  char before = '{';
  for (int i = 0; i < rows.num_fields(); ++i) {
    const auto& member = rows.field(i);
    if (style_.skip_nulls && member->IsNull(row)) continue;
    out += before;
    before = ',';
    AppendQuoted(out, rows.type()->field(i)->name());
    out += ':';
    AppendJson(out, *member, row);
  }
  out += before == '{' ? "{}" : "}";
}

void JsonEncoder::AppendJson(std::string& out, const arrow::Array& array, int64_t row) const {
  if (array.IsNull(row)) {
    out += "null";
    return;
  }
  switch (array.type_id()) {
    case arrow::Type::BOOL:
      out += As<arrow::BooleanArray>(array).Value(row) ? "true" : "false";
      break;
    case arrow::Type::INT64:
      AppendInt(out, As<arrow::Int64Array>(array).Value(row));
      break;
    case arrow::Type::FLOAT:
    case arrow::Type::DOUBLE:
      AppendReal(out, array, row);
      break;
    case arrow::Type::DECIMAL128:
      AppendNumber(out, As<arrow::Decimal128Array>(array), row);
      break;
    case arrow::Type::STRING:
      AppendQuoted(out, As<arrow::StringArray>(array).GetView(row));
      break;
    case arrow::Type::BINARY:
      AppendQuoted(out, arrow::util::base64_encode(As<arrow::BinaryArray>(array).GetView(row)));
      break;
    case arrow::Type::DATE32:
    case arrow::Type::TIME32:
    case arrow::Type::TIMESTAMP:
      AppendTime(out, array, row);
      break;
    case arrow::Type::LIST:
      AppendArray(out, As<arrow::ListArray>(array), row);
      break;
    case arrow::Type::MAP:
      AppendMap(out, As<arrow::MapArray>(array), row);
      break;
    case arrow::Type::STRUCT:
      AppendObject(out, As<arrow::StructArray>(array), row);
      break;
    default:
      AppendValue(out, array, row);
      break;  // the other numbers
  }
}

// Keys of a MAP are never NULL here (Arrow has no such maps), so what to do with them is only
// checked.
Status CheckNullKeyMode(const Options& options) {
  const std::string mode = StringOption(options, "json.map-null-key.mode", "FAIL");
  if (mode == "FAIL" || mode == "DROP" || mode == "LITERAL") return Status::OK();
  return UserError("option 'json.map-null-key.mode': '{}' is none of FAIL, DROP, LITERAL", mode);
}

}  // namespace

Result<bool> HasIsoTimes(const Options& options) {
  const std::string times = StringOption(options, "json.timestamp-format.standard", "SQL");
  if (times == "SQL" || times == "ISO-8601") return times == "ISO-8601";
  return UserError("option 'json.timestamp-format.standard': '{}' is neither SQL nor ISO-8601",
                   times);
}

Result<std::unique_ptr<Encoder>> MakeJsonEncoder(const Schema& schema, const Options& options) {
  JsonStyle style;
  MILL_ASSIGN(style.iso_times, HasIsoTimes(options));
  MILL_ASSIGN(style.skip_nulls, BoolOption(options, "json.encode.ignore-null-fields", false));
  MILL_ASSIGN(style.plain_decimals,
              BoolOption(options, "json.encode.decimal-as-plain-number", false));
  MILL_RETURN(CheckNullKeyMode(options));
  return std::make_unique<JsonEncoder>(schema, style);
}

}  // namespace millrace
