#include "formats/row_json.h"

#include <fmt/format.h>
#include <simdjson.h>

#include "data/pretty.h"

namespace millrace {
namespace {

// Infinity and NaN are no JSON numbers.
bool IsBare(const arrow::Array& column, std::string_view value) {
  if (arrow::is_integer(column.type_id()) || column.type_id() == arrow::Type::DECIMAL128)
    return true;
  if (!arrow::is_floating(column.type_id())) return false;
  return value.find_first_of("Ny") == std::string_view::npos;
}

void AppendJsonValue(std::string& out, const arrow::Array& column, int64_t row) {
  if (column.IsNull(row)) {
    out += "null";
  } else if (column.type_id() == arrow::Type::BOOL) {
    out += static_cast<const arrow::BooleanArray&>(column).Value(row) ? "true" : "false";
  } else {
    const std::string value = FormatValue(column, row);
    if (IsBare(column, value)) {
      out += value;
    } else {
      AppendJsonString(out, value);
    }
  }
}

}  // namespace

void AppendJsonString(std::string& out, std::string_view text) {
  const bool utf8 = simdjson::validate_utf8(text.data(), text.size());
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || (byte >= 0x7F && !utf8)) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  out += '"';
}

std::string RowAsJson(const arrow::RecordBatch& rows, int64_t row) {
  std::string out = "{";
  for (int c = 0; c < rows.num_columns(); ++c) {
    if (c > 0) out += ", ";
    AppendJsonString(out, rows.column_name(c));
    out += ": ";
    AppendJsonValue(out, *rows.column(c), row);
  }
  return out + "}";
}

}  // namespace millrace
