#include "data/pretty.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace millrace {
namespace {

template <typename T>
const T& As(const arrow::Array& array) {
  return static_cast<const T&>(array);
}

void AppendPadded(std::string& out, int64_t value, int digits) {
  char buffer[20];
  for (int i = digits - 1; i >= 0; --i) {
    buffer[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  out.append(buffer, static_cast<size_t>(digits));
}

int64_t PerSecond(arrow::TimeUnit::type unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND:
      return 1;
    case arrow::TimeUnit::MILLI:
      return 1000;
    case arrow::TimeUnit::MICRO:
      return 1000000;
    default:
      return 1000000000;
  }
}

int FractionDigits(arrow::TimeUnit::type unit) {
  return unit == arrow::TimeUnit::SECOND ? 0 : 3 * static_cast<int>(unit);
}

// HH:mm:ss.fraction of `seconds` of a day and `nanos` of a second.
void AppendClock(std::string& out, int64_t seconds, int64_t nanos, int digits) {
  AppendPadded(out, seconds / 3600, 2);
  out += ':';
  AppendPadded(out, seconds / 60 % 60, 2);
  out += ':';
  AppendPadded(out, seconds % 60, 2);
  if (digits == 0 || (digits == kShortest && nanos == 0)) return;
  out += '.';
  const size_t start = out.size();
  AppendPadded(out, nanos, 9);
  if (digits != kShortest) {
    out.resize(start + static_cast<size_t>(digits));
  } else {
    while (out.back() == '0') out.pop_back();
  }
}

// A year beyond four digits has at least six.
int YearDigits(int64_t year) {
  int digits = year > 9999 ? 6 : 4;
  for (int64_t rest = year / 1000000; rest > 0; rest /= 10) ++digits;
  return digits;
}

// The date `days` after 1970-01-01: Howard Hinnant's civil_from_days.
void AppendDay(std::string& out, int64_t days) {
  const int64_t shifted = days + 719468;
  const int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
  const int64_t day_of_era = shifted - era * 146097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted_month = (5 * day_of_year + 2) / 153;
  const int64_t day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
  const int64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  int64_t year = year_of_era + era * 400 + (month <= 2);
  if (year < 0) {
    out += '-';
    year = -year;
  }
  AppendPadded(out, year, YearDigits(year));
  out += '-';
  AppendPadded(out, month, 2);
  out += '-';
  AppendPadded(out, day, 2);
}

// Java's Double.toString around the shortest digits that read back as the same number.
template <typename T>
void AppendReal(std::string& out, T value) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::signbit(value)) out += '-';
  value = std::abs(value);
  if (std::isinf(value)) {
    out += "Infinity";
    return;
  }
  if (value == 0) {
    out += "0.0";
    return;
  }
  char buffer[48];
  const bool plain = value >= T(1e-3) && value < T(1e7);
  const auto format = plain ? std::chars_format::fixed : std::chars_format::scientific;
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, format).ptr;
  const std::string_view text(buffer, static_cast<size_t>(end - buffer));
  const std::string_view mantissa = text.substr(0, text.find('e'));
  out += mantissa;
  if (mantissa.find('.') == std::string_view::npos) out += ".0";
  if (plain) return;
  out += 'E';
  AppendInt(out, std::atoi(std::string(text.substr(text.find('e') + 1)).c_str()));
}

void AppendList(std::string& out, const arrow::ListArray& lists, int64_t row) {
  out += '[';
  for (int64_t i = lists.value_offset(row); i < lists.value_offset(row + 1); ++i) {
    if (i > lists.value_offset(row)) out += ", ";
    AppendValue(out, *lists.values(), i);
  }
  out += ']';
}

void AppendMap(std::string& out, const arrow::MapArray& maps, int64_t row) {
  out += '{';
  for (int64_t i = maps.value_offset(row); i < maps.value_offset(row + 1); ++i) {
    if (i > maps.value_offset(row)) out += ", ";
    AppendValue(out, *maps.keys(), i);
    out += '=';
    AppendValue(out, *maps.items(), i);
  }
  out += '}';
}

void AppendStruct(std::string& out, const arrow::StructArray& rows, int64_t row) {
  out += '(';
  for (int i = 0; i < rows.num_fields(); ++i) {
    if (i > 0) out += ", ";
    AppendValue(out, *rows.field(i), row);
  }
  out += ')';
}

void AppendTimestampValue(std::string& out, const arrow::Array& array, int64_t row) {
  const auto unit = static_cast<const arrow::TimestampType&>(*array.type()).unit();
  AppendTimestamp(out, As<arrow::TimestampArray>(array).Value(row), unit, FractionDigits(unit));
}

void AppendBytesValue(std::string& out, std::string_view bytes) {
  out += "x'";
  AppendHex(out, bytes);
  out += '\'';
}

}  // namespace

void AppendInt(std::string& out, int64_t value) {
  const fmt::format_int text(value);
  out.append(text.data(), text.size());
}

void AppendDouble(std::string& out, double value) { AppendReal(out, value); }
void AppendFloat(std::string& out, float value) { AppendReal(out, value); }

void AppendDecimal(std::string& out, const uint8_t* decimal128, int scale) {
  __int128 value;
  std::memcpy(&value, decimal128, sizeof value);
  if (value < 0) out += '-';
  auto rest =
      value < 0 ? -static_cast<unsigned __int128>(value) : static_cast<unsigned __int128>(value);
  char buffer[48];
  char* const end = buffer + sizeof buffer;
  char* p = end;
  for (int i = 0; i <= scale || rest != 0; ++i) {
    if (i == scale && scale > 0) *--p = '.';
    *--p = static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
  }
  out.append(p, static_cast<size_t>(end - p));
}

void AppendBigDecimal(std::string& out, const uint8_t* decimal128, int scale) {
  constexpr int kLeastPlain = -6;
  std::string digits;
  AppendDecimal(digits, decimal128, 0);
  const bool negative = digits.front() == '-';
  if (negative) digits.erase(0, 1);
  const int exponent = static_cast<int>(digits.size()) - 1 - scale;
  if (exponent >= kLeastPlain) {
    AppendDecimal(out, decimal128, scale);
    return;
  }
  if (negative) out += '-';
  out += digits.front();
  if (digits.size() > 1) out.append(".").append(digits, 1);
  out += fmt::format("E{}", exponent);
}

void AppendDate(std::string& out, int32_t days) { AppendDay(out, days); }

void AppendTimeOfDay(std::string& out, int32_t millis, int digits) {
  AppendClock(out, millis / 1000, int64_t{millis % 1000} * 1000000, digits);
}

void AppendTimestamp(std::string& out, int64_t value, arrow::TimeUnit::type unit, int digits,
                     char separator) {
  constexpr int64_t kDay = 86400;
  const int64_t per_second = PerSecond(unit);
  int64_t seconds = value / per_second;
  int64_t fraction = value % per_second;
  if (fraction < 0) {
    fraction += per_second;
    --seconds;
  }
  int64_t days = seconds / kDay;
  int64_t of_day = seconds % kDay;
  if (of_day < 0) {
    of_day += kDay;
    --days;
  }
  AppendDay(out, days);
  out += separator;
  AppendClock(out, of_day, fraction * (1000000000 / per_second), digits);
}

void AppendHex(std::string& out, std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (const char byte : bytes) {
    out += kDigits[static_cast<uint8_t>(byte) >> 4];
    out += kDigits[byte & 15];
  }
}

void AppendValue(std::string& out, const arrow::Array& array, int64_t row) {
  if (array.IsNull(row)) {
    out += "NULL";
    return;
  }
  switch (array.type_id()) {
    case arrow::Type::BOOL:
      out += As<arrow::BooleanArray>(array).Value(row) ? "TRUE" : "FALSE";
      break;
    case arrow::Type::INT8:
      AppendInt(out, As<arrow::Int8Array>(array).Value(row));
      break;
    case arrow::Type::INT16:
      AppendInt(out, As<arrow::Int16Array>(array).Value(row));
      break;
    case arrow::Type::INT32:
      AppendInt(out, As<arrow::Int32Array>(array).Value(row));
      break;
    case arrow::Type::INT64:
      AppendInt(out, As<arrow::Int64Array>(array).Value(row));
      break;
    case arrow::Type::FLOAT:
      AppendFloat(out, As<arrow::FloatArray>(array).Value(row));
      break;
    case arrow::Type::DOUBLE:
      AppendDouble(out, As<arrow::DoubleArray>(array).Value(row));
      break;
    case arrow::Type::DECIMAL128:
      AppendDecimal(out, As<arrow::Decimal128Array>(array).GetValue(row),
                    static_cast<const arrow::Decimal128Type&>(*array.type()).scale());
      break;
    case arrow::Type::STRING:
      out += As<arrow::StringArray>(array).GetView(row);
      break;
    case arrow::Type::BINARY:
      AppendBytesValue(out, As<arrow::BinaryArray>(array).GetView(row));
      break;
    case arrow::Type::DATE32:
      AppendDate(out, As<arrow::Date32Array>(array).Value(row));
      break;
    case arrow::Type::TIME32:
      AppendTimeOfDay(out, As<arrow::Time32Array>(array).Value(row), kShortest);
      break;
    case arrow::Type::TIMESTAMP:
      AppendTimestampValue(out, array, row);
      break;
    case arrow::Type::LIST:
      AppendList(out, As<arrow::ListArray>(array), row);
      break;
    case arrow::Type::MAP:
      AppendMap(out, As<arrow::MapArray>(array), row);
      break;
    case arrow::Type::STRUCT:
      AppendStruct(out, As<arrow::StructArray>(array), row);
      break;
    default:
      out += fmt::format("<{}>", array.type()->name());
      break;
  }
}

std::string FormatValue(const arrow::Array& array, int64_t row) {
  std::string text;
  AppendValue(text, array, row);
  return text;
}

std::string FormatRow(const arrow::RecordBatch& rows, int64_t row, RowKind kind) {
  std::string text = RowKindName(kind);
  text += '[';
  for (int i = 0; i < rows.num_columns(); ++i) {
    if (i > 0) text += ", ";
    const arrow::Array& column = *rows.column(i);
    if (column.IsNull(row)) {
      text += "null";
    } else {
      AppendValue(text, column, row);
    }
  }
  text += ']';
  return text;
}

namespace {

using TextRow = std::vector<std::string>;

std::vector<TextRow> TextRows(const std::vector<Batch>& batches, bool with_kinds) {
  std::vector<TextRow> lines;
  for (const Batch& batch : batches) {
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      TextRow line;
      if (with_kinds) line.push_back(RowKindName(batch.kind(row)));
      for (const auto& column : batch.rows->columns()) line.push_back(FormatValue(*column, row));
      lines.push_back(std::move(line));
    }
  }
  return lines;
}

bool IsNumber(const arrow::DataType& type) {
  return arrow::is_integer(type.id()) || arrow::is_floating(type.id()) ||
         arrow::is_decimal(type.id());
}

}  // namespace

std::string PrettyTable(const std::vector<Batch>& batches, bool with_kinds) {
  if (batches.empty() || !batches.front().rows) return "";
  TextRow header;
  std::vector<bool> right;
  if (with_kinds) {
    header.push_back("op");
    right.push_back(false);
  }
  for (const auto& field : batches.front().rows->schema()->fields()) {
    header.push_back(field->name());
    right.push_back(IsNumber(*field->type()));
  }
  std::vector<TextRow> lines = TextRows(batches, with_kinds);
  std::vector<size_t> widths(header.size());
  std::string rule = "+";
  for (size_t i = 0; i < header.size(); ++i) {
    widths[i] = header[i].size();
    for (const TextRow& line : lines) widths[i] = std::max(widths[i], line[i].size());
    rule += std::string(widths[i] + 2, '-') + "+";
  }
  std::string out = rule + "\n";
  const auto add = [&](const TextRow& line, bool head) {
    out += '|';
    for (size_t i = 0; i < line.size(); ++i) {
      out += right[i] && !head ? fmt::format(" {:>{}} |", line[i], widths[i])
                               : fmt::format(" {:<{}} |", line[i], widths[i]);
    }
    out += '\n';
  };
  add(header, true);
  out += rule + "\n";
  for (const TextRow& line : lines) add(line, false);
  if (!lines.empty()) out += rule + "\n";
  return out;
}

}  // namespace millrace
