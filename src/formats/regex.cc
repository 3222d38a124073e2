// The format 'regex': each line is matched, the named groups are the columns. Values convert as in
// CSV; an empty or absent group of a column that is no string is NULL.
#include <immintrin.h>
#include <simdjson.h>

#include "formats/columns.h"
#include "formats/makers.h"
#include "formats/options.h"
#include "formats/regex_pattern.h"
#include "formats/text_value.h"

namespace millrace {
namespace {

bool IsAscii(std::string_view text) {
  __m256i all = _mm256_setzero_si256();
  size_t i = 0;
  for (; i + 32 <= text.size(); i += 32) {
    const auto* at = reinterpret_cast<const __m256i*>(text.data() + i);
    all = _mm256_or_si256(all, _mm256_loadu_si256(at));
  }
  int high = _mm256_movemask_epi8(all);
  for (; i < text.size(); ++i) high |= text[i] & 0x80;
  return high == 0;
}

class RegexDecoder : public Decoder {
 public:
  RegexDecoder(const Schema& schema, std::unique_ptr<RegexPattern> bytes,
               std::unique_ptr<RegexPattern> characters, bool lenient)
      : rows_(schema),
        bytes_(std::move(bytes)),
        characters_(std::move(characters)),
        lenient_(lenient) {}

  Result<std::shared_ptr<arrow::RecordBatch>> Decode(const Chunk& chunk,
                                                     DeadLetters& dead) override {
    if (ReportOversize(chunk, dead)) return rows_.Finish();
    const std::string_view text = WithoutByteOrderMark(chunk, std::string_view(*chunk.bytes));
    // Bytes match faster than characters, and mean the same in ASCII.
    const bool ascii = IsAscii(text);
    const bool valid = ascii || simdjson::validate_utf8(text.data(), text.size());
    RegexPattern& pattern = ascii ? *bytes_ : *characters_;
    ForEachLine(text, chunk.first_line, [&](int64_t line, std::string_view row) {
      if (row.empty()) return;
      std::string reason;
      if (!valid && !simdjson::validate_utf8(row.data(), row.size())) {
        reason = "invalid UTF-8";
      } else {
        reason = ReadRow(pattern, row);
      }
      if (rows_.KeepOrUndoRow(&reason)) return NoteLine(line);
      if (!lenient_) dead.Add({chunk.file, line, row, reason});
    });
    return rows_.Finish();
  }

 private:
  // Fills the columns; why it cannot, or "".
  std::string ReadRow(RegexPattern& pattern, std::string_view row);
  bool Append(ColumnBuilder& column, std::string_view text);

  RowsBuilder rows_;
  std::unique_ptr<RegexPattern> bytes_;
  std::unique_ptr<RegexPattern> characters_;
  bool lenient_;
};

std::string RegexDecoder::ReadRow(RegexPattern& pattern, std::string_view row) {
  const RegexPattern::Outcome outcome = pattern.Match(row);
  if (outcome != RegexPattern::Outcome::kMatch) {
    return outcome == RegexPattern::Outcome::kNoMatch
               ? "the line does not match regex.pattern"
               : "regex.pattern backtracks too much on this line";
  }
  for (size_t i = 0; i < rows_.num_columns(); ++i) {
    const std::string_view text = pattern.group(i);
    if (Append(rows_.column(i), text)) continue;
    constexpr size_t kShown = 100;
    return fmt::format("field `{}`: cannot read \"{}\" as {}", rows_.name(i),
                       text.substr(0, kShown), rows_.column(i).type().Nullable().ToString());
  }
  return "";
}

bool RegexDecoder::Append(ColumnBuilder& column, std::string_view text) {
  const bool is_null = text.data() == nullptr || (text.empty() && !column.type().IsString());
  if (is_null) {
    column.AppendNull();
    return true;
  }
  if (AppendText(column, text)) return true;
  if (lenient_) column.AppendNull();
  return lenient_;
}

}  // namespace

Result<std::unique_ptr<Decoder>> MakeRegexDecoder(const Schema& schema, const Schema& all,
                                                  const Options& options) {
  const std::string pattern = StringOption(options, "regex.pattern", "");
  if (pattern.empty()) return UserError("missing option 'regex.pattern' of format 'regex'");
  std::vector<std::string> every;
  for (const Column& column : all.columns) every.push_back(column.name);
  MILL_RETURN(RegexPattern::Make(pattern, every, true).status());
  std::vector<std::string> groups;
  for (const Column& column : schema.columns) groups.push_back(column.name);
  MILL_ASSIGN(auto bytes, RegexPattern::Make(pattern, groups, false));
  MILL_ASSIGN(auto characters, RegexPattern::Make(pattern, groups, true));
  MILL_ASSIGN(bool lenient, BoolOption(options, "regex.ignore-parse-errors", false));
  return std::make_unique<RegexDecoder>(schema, std::move(bytes), std::move(characters), lenient);
}

}  // namespace millrace
