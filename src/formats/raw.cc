// The format 'raw': the whole record is one STRING or BYTES column.
#include <arrow/array.h>
#include <simdjson.h>

#include "formats/columns.h"
#include "formats/makers.h"
#include "formats/options.h"

namespace millrace {
namespace {

class RawDecoder : public Decoder {
 public:
  explicit RawDecoder(const Schema& schema) : rows_(schema) {}

  Result<std::shared_ptr<arrow::RecordBatch>> Decode(const Chunk& chunk,
                                                     DeadLetters& dead) override {
    if (ReportOversize(chunk, dead)) return rows_.Finish();
    const std::string_view text(*chunk.bytes);
    const bool is_text = rows_.num_columns() > 0 && rows_.column(0).type().IsString();
    const bool valid = !is_text || simdjson::validate_utf8(text.data(), text.size());
    ForEachLine(text, chunk.first_line, [&](int64_t line, std::string_view row) {
      if (!valid && !simdjson::validate_utf8(row.data(), row.size())) {
        dead.Add({chunk.file, line, row, "invalid UTF-8"});
        return;
      }
      if (rows_.num_columns() > 0) rows_.column(0).AppendBytes(row);
      rows_.EndRow();
    });
    return rows_.Finish();
  }

 private:
  RowsBuilder rows_;
};

class RawEncoder : public Encoder {
 public:
  Status Encode(const arrow::RecordBatch& rows, std::string& out) override {
    const auto& column = static_cast<const arrow::BinaryArray&>(*rows.column(0));
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      if (!column.IsNull(row)) out += column.GetView(row);
      out += '\n';
    }
    return Status::OK();
  }
};

Status CheckSchema(const Schema& schema) {
  if (schema.size() != 1) {
    return UserError("format 'raw' needs one column, the table has {}", schema.size());
  }
  const Column& column = schema.columns.front();
  if (column.type.IsString() || column.type.IsBinary()) return Status::OK();
  return UserError("format 'raw' needs a STRING or BYTES column, '{}' is {}", column.name,
                   column.type.ToString());
}

// Records are lines of text, so byte order has no meaning, and the text is UTF-8.
Status CheckOptions(const Options& options) {
  const std::string charset = StringOption(options, "raw.charset", "UTF-8");
  if (charset != "UTF-8" && charset != "utf-8") {
    return UserError("option 'raw.charset': '{}' is not supported, only UTF-8", charset);
  }
  const std::string order = StringOption(options, "raw.endianness", "big-endian");
  if (order == "big-endian" || order == "little-endian") return Status::OK();
  return UserError("option 'raw.endianness': '{}' is neither big-endian nor little-endian", order);
}

}  // namespace

Result<std::unique_ptr<Decoder>> MakeRawDecoder(const Schema& schema, const Schema& all,
                                                const Options& options) {
  MILL_RETURN(CheckSchema(all));
  MILL_RETURN(CheckOptions(options));
  return std::make_unique<RawDecoder>(schema);
}

Result<std::unique_ptr<Encoder>> MakeRawEncoder(const Schema& schema, const Options& options) {
  MILL_RETURN(CheckSchema(schema));
  MILL_RETURN(CheckOptions(options));
  return std::make_unique<RawEncoder>();
}

}  // namespace millrace
