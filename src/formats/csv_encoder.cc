// Batches to CSV rows as Flink writes them. Which fields are quoted follows the library beneath it
// (Jackson): any text of more than 24 characters, and any with a character up to the delimiter or
// the quote, whichever is greater.
#include <arrow/array.h>
#include <arrow/util/base64.h>

#include <algorithm>

#include "data/pretty.h"
#include "formats/csv_options.h"
#include "formats/makers.h"

namespace millrace {
namespace {

class CsvEncoder : public Encoder {
 public:
  CsvEncoder(const Schema& schema, CsvOptions options) : options_(std::move(options)) {
    for (const Column& column : schema.columns) names_.push_back(column.name);
    safe_ = std::max(options_.delimiter, options_.quote);
  }

  Status Encode(const arrow::RecordBatch& rows, std::string& out) override {
    std::vector<std::shared_ptr<arrow::Array>> columns = rows.columns();
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      for (size_t i = 0; i < columns.size(); ++i) {
        if (i > 0) out += options_.delimiter;
        AppendField(out, *columns[i], row);
      }
      out += '\n';
    }
    return Status::OK();
  }

  std::string Header() const override {
    if (!options_.header) return "";
    std::string line;
    for (const std::string& name : names_) {
      if (!line.empty()) line += options_.delimiter;
      AppendText(line, name);
    }
    return line + "\n";
  }

 private:
  void AppendField(std::string& out, const arrow::Array& array, int64_t row) const;
  void AppendText(std::string& out, std::string_view text) const;
  void AppendPlain(std::string& out, const arrow::Array& array, int64_t row) const;
  bool NeedsQuotes(std::string_view text) const;
  size_t FindEscaped(std::string_view text, size_t begin) const;

  CsvOptions options_;
  std::vector<std::string> names_;
  char safe_;  // characters above it never need quotes
};

bool CsvEncoder::NeedsQuotes(std::string_view text) const {
  constexpr size_t kLooked = 24;
  if (text.size() > kLooked) return true;
  return std::any_of(text.begin(), text.end(), [this](char c) {
    return (c >= 0 && c <= safe_) || (options_.escape != '\0' && c == options_.escape);
  });
}

void CsvEncoder::AppendText(std::string& out, std::string_view text) const {
  if (!options_.quoting || !NeedsQuotes(text)) {
    out += text;
    return;
  }
  out += options_.quote;
  size_t begin = 0;
  for (size_t at; (at = FindEscaped(text, begin)) != text.npos; begin = at + 1) {
    out.append(text, begin, at - begin);
    out += options_.escape != '\0' ? options_.escape : options_.quote;
    out += text[at];
  }
  out.append(text, begin);
  out += options_.quote;
}

// Where the next character is that stands behind another in quotes; npos: nowhere.
size_t CsvEncoder::FindEscaped(std::string_view text, size_t begin) const {
  if (options_.escape == '\0') return text.find(options_.quote, begin);
  const char escaped[] = {options_.quote, options_.escape};
  return text.find_first_of(std::string_view(escaped, 2), begin);
}

// A value without quotes.
void CsvEncoder::AppendPlain(std::string& out, const arrow::Array& array, int64_t row) const {
  if (array.IsNull(row)) {
    out += options_.null_literal.value_or("");
    return;
  }
  switch (array.type_id()) {
    case arrow::Type::BOOL:
      out += static_cast<const arrow::BooleanArray&>(array).Value(row) ? "true" : "false";
      break;
    case arrow::Type::DECIMAL128: {
      const auto& numbers = static_cast<const arrow::Decimal128Array&>(array);
      const int scale = static_cast<const arrow::Decimal128Type&>(*array.type()).scale();
      const auto append = options_.scientific_decimals ? AppendBigDecimal : AppendDecimal;
      append(out, numbers.GetValue(row), scale);
      break;
    }
    case arrow::Type::BINARY:
      out += arrow::util::base64_encode(static_cast<const arrow::BinaryArray&>(array).GetView(row));
      break;
    case arrow::Type::TIMESTAMP: {
      const auto& type = static_cast<const arrow::TimestampType&>(*array.type());
      AppendTimestamp(out, static_cast<const arrow::TimestampArray&>(array).Value(row), type.unit(),
                      kShortest);
      if (!type.timezone().empty()) out += 'Z';
      break;
    }
    case arrow::Type::LIST: {
      const auto& lists = static_cast<const arrow::ListArray&>(array);
      for (int64_t i = lists.value_offset(row); i < lists.value_offset(row + 1); ++i) {
        if (i > lists.value_offset(row)) out += options_.element_delimiter;
        AppendPlain(out, *lists.values(), i);
      }
      break;
    }
    case arrow::Type::STRUCT: {
      const auto& rows = static_cast<const arrow::StructArray&>(array);
      for (int i = 0; i < rows.num_fields(); ++i) {
        if (i > 0) out += options_.element_delimiter;
        AppendPlain(out, *rows.field(i), row);
      }
      break;
    }
    default:
      AppendValue(out, array, row);
  }
}

void CsvEncoder::AppendField(std::string& out, const arrow::Array& array, int64_t row) const {
  const arrow::Type::type id = array.type_id();
  if (array.IsNull(row) || arrow::is_primitive(id) || arrow::is_decimal(id)) {
    const bool text_like = id == arrow::Type::TIMESTAMP && !array.IsNull(row);
    if (!text_like) {
      AppendPlain(out, array, row);
      return;
    }
  }
  if (id == arrow::Type::STRING) {
    AppendText(out, static_cast<const arrow::StringArray&>(array).GetView(row));
    return;
  }
  std::string text;
  AppendPlain(text, array, row);
  AppendText(out, text);
}

}  // namespace

Result<std::unique_ptr<Encoder>> MakeCsvEncoder(const Schema& schema, const Options& options) {
  MILL_ASSIGN(CsvOptions csv, CsvOptions::Read(options));
  for (const Column& column : schema.columns) {
    if (column.type.kind != TypeKind::kMap) continue;
    return UserError("csv: column '{}' is a MAP, which CSV cannot hold", column.name);
  }
  return std::make_unique<CsvEncoder>(schema, std::move(csv));
}

}  // namespace millrace
