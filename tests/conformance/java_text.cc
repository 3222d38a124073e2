#include "java_text.h"

#include <arrow/api.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "data/pretty.h"

namespace millrace::conformance {
namespace {

// LocalTime leaves out seconds that are zero, and prints fractions by threes.
void AppendJavaTime(std::string& out, const std::string& text) {
  // text: HH:mm:ss.nnnnnnnnn
  out += text.substr(0, 5);
  const std::string seconds = text.substr(6, 2);
  std::string fraction = text.size() > 9 ? text.substr(9) : "";
  while (fraction.ends_with("000")) fraction.resize(fraction.size() - 3);
  if (seconds != "00" || !fraction.empty()) out += ":" + seconds;
  if (!fraction.empty()) out += "." + fraction;
}

std::string Timestamp(const arrow::Array& array, int64_t row) {
  const auto& type = static_cast<const arrow::TimestampType&>(*array.type());
  std::string digits;
  AppendTimestamp(digits, static_cast<const arrow::TimestampArray&>(array).Value(row), type.unit(),
                  9, 'T');
  const size_t t = digits.find('T');
  std::string text = digits.substr(0, t + 1);
  const bool instant = !type.timezone().empty();
  if (instant) {  // Instant always prints the seconds
    text += digits.substr(t + 1, 8);
    std::string fraction = digits.substr(t + 10);
    while (fraction.ends_with("000")) fraction.resize(fraction.size() - 3);
    return text + (fraction.empty() ? "" : "." + fraction) + "Z";
  }
  AppendJavaTime(text, digits.substr(t + 1));
  return text;
}

std::string List(const arrow::Array& values, int64_t from, int64_t to, bool nested_kinds) {
  std::vector<std::string> cells;
  for (int64_t i = from; i < to; ++i) cells.push_back(JavaText(values, i, nested_kinds));
  return fmt::format("[{}]", fmt::join(cells, ", "));
}

std::string Map(const arrow::MapArray& map, int64_t row, bool nested_kinds) {
  std::vector<std::string> cells;
  for (int64_t i = map.value_offset(row); i < map.value_offset(row + 1); ++i) {
    cells.push_back(JavaText(*map.keys(), i, nested_kinds) + "=" +
                    JavaText(*map.items(), i, nested_kinds));
  }
  return fmt::format("{{{}}}", fmt::join(cells, ", "));
}

std::string Struct(const arrow::StructArray& array, int64_t row, bool nested_kinds) {
  std::vector<std::string> cells;
  for (const auto& field : array.fields()) cells.push_back(JavaText(*field, row, nested_kinds));
  if (nested_kinds) return fmt::format("+I[{}]", fmt::join(cells, ", "));
  return fmt::format("{}", fmt::join(cells, ","));
}

}  // namespace

std::string JavaText(const arrow::Array& array, int64_t row, bool nested_kinds) {
  if (array.IsNull(row)) return "null";
  switch (array.type_id()) {
    case arrow::Type::BOOL:
      return static_cast<const arrow::BooleanArray&>(array).Value(row) ? "true" : "false";
    case arrow::Type::TIMESTAMP:
      return Timestamp(array, row);
    case arrow::Type::TIME32: {
      std::string digits, text;
      AppendTimeOfDay(digits, static_cast<const arrow::Time32Array&>(array).Value(row), 3);
      AppendJavaTime(text, digits);
      return text;
    }
    case arrow::Type::LIST: {
      const auto& list = static_cast<const arrow::ListArray&>(array);
      return List(*list.values(), list.value_offset(row), list.value_offset(row + 1), nested_kinds);
    }
    case arrow::Type::MAP:
      return Map(static_cast<const arrow::MapArray&>(array), row, nested_kinds);
    case arrow::Type::STRUCT:
      return Struct(static_cast<const arrow::StructArray&>(array), row, nested_kinds);
    default:
      return FormatValue(array, row);
  }
}

std::vector<std::string> JavaCells(const arrow::RecordBatch& rows, int64_t row, bool nested_kinds) {
  std::vector<std::string> cells;
  for (const auto& column : rows.columns()) cells.push_back(JavaText(*column, row, nested_kinds));
  return cells;
}

}  // namespace millrace::conformance
