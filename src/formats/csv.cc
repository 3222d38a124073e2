// CSV rows to batches, with Flink's options. Fields are found with vector comparisons; only the
// columns that are used are converted.
//
// Unlike Flink, an empty field of a column that is no string is NULL, not an error.
#include <immintrin.h>
#include <simdjson.h>

#include <algorithm>
#include <bit>

#include "formats/csv_options.h"
#include "formats/makers.h"
#include "formats/text_value.h"

namespace millrace {
namespace {

// One field of a row.
struct Field {
  std::string_view text;  // without quotes; escapes still in it
  bool quoted = false;
  bool escaped = false;  // doubled quotes or escape characters are in `text`
};

class CsvDecoder : public Decoder {
 public:
  CsvDecoder(const Schema& schema, const Schema& all, CsvOptions options)
      : options_(std::move(options)), rows_(schema), wanted_(all.columns.size(), -1) {
    for (size_t i = 0; i < all.columns.size(); ++i) {
      wanted_[i] = schema.Find(all.columns[i].name);
    }
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Decode(const Chunk& chunk,
                                                     DeadLetters& dead) override;
  Framing framing() const override {
    return options_.quoting ? Framing::kCsvRows : Framing::kLines;
  }

 private:
  const char* ReadRow(const char* row);
  const char* TakeField(const char* at, Field* field);
  const char* TakeQuoted(const char* at, Field* field);
  const char* TakePlain(const char* at, Field* field);
  const char* RowEnd(const char* at) const;
  bool Append(ColumnBuilder& column, const std::string& name, const Field& field);
  bool AppendArray(ColumnBuilder& column, std::string_view text);
  bool AppendMembers(ColumnBuilder& column, std::string_view text);
  bool AppendMember(ColumnBuilder& column, std::string_view text);
  std::string_view Unescaped(const Field& field);
  bool Wrong(std::string reason);
  void EndRow(std::string_view row);

  CsvOptions options_;
  RowsBuilder rows_;
  std::vector<int> wanted_;  // by field: the column to fill, or -1
  std::string scratch_;
  std::string reason_;  // why the current row is bad, "" if it is not
  // Of the chunk being decoded:
  const char* end_ = nullptr;
  bool valid_utf8_ = true;
  const Chunk* chunk_ = nullptr;
  DeadLetters* dead_ = nullptr;
  int64_t line_ = 0;
};

// The first `a` or `b` at or behind `at`, else `end`. Reads up to 31 bytes beyond the end.
const char* FindEither(const char* at, const char* end, char a, char b) {
  const __m256i first = _mm256_set1_epi8(a);
  const __m256i second = _mm256_set1_epi8(b);
  for (; at < end; at += 32) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
    const __m256i found =
        _mm256_or_si256(_mm256_cmpeq_epi8(bytes, first), _mm256_cmpeq_epi8(bytes, second));
    const auto mask = static_cast<uint32_t>(_mm256_movemask_epi8(found));
    if (mask != 0) return std::min(at + std::countr_zero(mask), end);
  }
  return end;
}

Result<std::shared_ptr<arrow::RecordBatch>> CsvDecoder::Decode(const Chunk& chunk,
                                                               DeadLetters& dead) {
  if (ReportOversize(chunk, dead)) return rows_.Finish();
  MILL_ASSIGN(auto bytes, PaddedBytes(chunk));
  chunk_ = &chunk;
  dead_ = &dead;
  line_ = chunk.first_line;
  const std::string_view text = WithoutByteOrderMark(chunk, std::string_view(*bytes));
  valid_utf8_ = simdjson::validate_utf8(text.data(), text.size());
  end_ = text.data() + text.size();
  const char* at = text.data();
  bool header = options_.header && chunk.first_line == 1;
  while (at < end_) {
    const char* start = at;
    const bool comment = options_.allow_comments && *at == '#';
    const bool blank = *at == '\n' || (*at == '\r' && at + 1 < end_ && at[1] == '\n');
    if (header || comment || blank) {
      at = RowEnd(at);
      header = false;
    } else {
      at = ReadRow(at);
    }
    // Quoted newlines count as lines too.
    const auto* newline =
        static_cast<const char*>(std::memchr(start, '\n', static_cast<size_t>(at - start)));
    line_ += newline == nullptr || newline + 1 == at ? 1 : std::count(start, at, '\n');
  }
  return rows_.Finish();
}

// Behind the newline that ends the line at `at`.
const char* CsvDecoder::RowEnd(const char* at) const {
  const void* newline = std::memchr(at, '\n', static_cast<size_t>(end_ - at));
  return newline ? static_cast<const char*>(newline) + 1 : end_;
}

bool CsvDecoder::Wrong(std::string reason) {
  if (reason_.empty()) reason_ = std::move(reason);
  return false;
}

// Reads the row at `row` and returns where the next one starts.
const char* CsvDecoder::ReadRow(const char* row) {
  reason_.clear();
  const char* at = row;
  size_t count = 0;
  Field field;
  while (true) {
    at = TakeField(at, &field);
    const int wanted = count < wanted_.size() ? wanted_[count] : -1;
    if (wanted >= 0 && reason_.empty()) {
      const auto column = static_cast<size_t>(wanted);
      Append(rows_.column(column), rows_.name(column), field);
    }
    ++count;
    if (at >= end_ || *at == '\n') break;
    if (*at != options_.delimiter) {  // behind a closing quote
      Wrong(fmt::format("field {}: text behind the closing quote", count));
      at = RowEnd(at);
      if (at[-1] == '\n') --at;
      break;
    }
    ++at;
  }
  const char* row_end = std::min(at, end_);
  if (reason_.empty() && count != wanted_.size() && !options_.lenient) {
    Wrong(fmt::format("{} fields, but the table has {}", count, wanted_.size()));
  }
  EndRow({row, static_cast<size_t>(row_end - row)});
  return at < end_ ? at + 1 : end_;
}

void CsvDecoder::EndRow(std::string_view row) {
  if (!row.empty() && row.back() == '\r') row.remove_suffix(1);
  if (!valid_utf8_ && reason_.empty() && !simdjson::validate_utf8(row.data(), row.size())) {
    reason_ = "invalid UTF-8";
  }
  if (rows_.KeepOrUndoRow(&reason_)) return NoteLine(line_);
  if (!options_.lenient) dead_->Add({chunk_->file, line_, row, reason_});
}

// Reads the field at `at` and returns where it ends: at a delimiter, a newline or the end.
const char* CsvDecoder::TakeField(const char* at, Field* field) {
  field->escaped = false;
  field->quoted = options_.quoting && at < end_ && *at == options_.quote;
  return field->quoted ? TakeQuoted(at + 1, field) : TakePlain(at, field);
}

const char* CsvDecoder::TakePlain(const char* at, Field* field) {
  const __m256i delimiter = _mm256_set1_epi8(options_.delimiter);
  const __m256i newline = _mm256_set1_epi8('\n');
  const __m256i escape = _mm256_set1_epi8(options_.escape == '\0' ? '\n' : options_.escape);
  const char* p = at;
  while (p < end_) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    const __m256i found = _mm256_or_si256(
        _mm256_or_si256(_mm256_cmpeq_epi8(bytes, delimiter), _mm256_cmpeq_epi8(bytes, newline)),
        _mm256_cmpeq_epi8(bytes, escape));
    const auto mask = static_cast<uint32_t>(_mm256_movemask_epi8(found));
    if (mask == 0) {
      p += 32;
      continue;
    }
    p += std::countr_zero(mask);
    if (p >= end_ || options_.escape == '\0' || *p != options_.escape) break;
    field->escaped = true;
    p += 2;
  }
  p = std::min(p, end_);
  const bool carriage = p > at && p[-1] == '\r' && (p == end_ || *p == '\n');
  field->text = {at, static_cast<size_t>(p - at) - carriage};
  return p;
}

const char* CsvDecoder::TakeQuoted(const char* at, Field* field) {
  const char* p = at;
  while (true) {
    p = FindEither(p, end_, options_.quote,
                   options_.escape == '\0' ? options_.quote : options_.escape);
    if (p >= end_) {
      Wrong("a quote is not closed");
      field->text = {};
      return end_;
    }
    const bool doubled = *p == options_.quote && p + 1 < end_ && p[1] == options_.quote;
    if (*p == options_.quote && !doubled) break;
    field->escaped = true;
    p += 2;
  }
  field->text = {at, static_cast<size_t>(p - at)};
  ++p;
  if (p < end_ && *p == '\r' && (p + 1 == end_ || p[1] == '\n')) ++p;
  return p;
}

std::string_view CsvDecoder::Unescaped(const Field& field) {
  if (!field.escaped) return field.text;
  scratch_.clear();
  for (size_t i = 0; i < field.text.size(); ++i) {
    const char c = field.text[i];
    const bool escape =
        (options_.escape != '\0' && c == options_.escape) || (field.quoted && c == options_.quote);
    if (escape && i + 1 < field.text.size()) ++i;
    scratch_ += field.text[i];
  }
  return scratch_;
}

bool CsvDecoder::Append(ColumnBuilder& column, const std::string& name, const Field& field) {
  const std::string_view text = Unescaped(field);
  const SqlType& type = column.type();
  const bool empty_null = text.empty() && !type.IsString() && !type.IsBinary();
  if (empty_null || (options_.null_literal && text == *options_.null_literal)) {
    column.AppendNull();
    return true;
  }
  if (AppendMember(column, text)) return true;
  column.Truncate(rows_.rows());
  if (options_.lenient) {
    column.AppendNull();
    return true;
  }
  constexpr size_t kShown = 100;
  return Wrong(fmt::format("field `{}`: cannot read \"{}\" as {}", name, text.substr(0, kShown),
                           type.Nullable().ToString()));
}

bool CsvDecoder::AppendMember(ColumnBuilder& column, std::string_view text) {
  if (column.type().kind == TypeKind::kArray) return AppendArray(column, text);
  if (column.type().kind == TypeKind::kRow) return AppendMembers(column, text);
  return AppendText(column, text);
}

// Elements between the array element delimiter.
bool CsvDecoder::AppendArray(ColumnBuilder& column, std::string_view text) {
  while (true) {
    const size_t end = text.find(options_.element_delimiter);
    if (!AppendMember(column.child(0), text.substr(0, end))) return false;
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + options_.element_delimiter.size());
  }
  column.EndList();
  return true;
}

bool CsvDecoder::AppendMembers(ColumnBuilder& column, std::string_view text) {
  for (size_t i = 0; i < column.num_children(); ++i) {
    const size_t end = text.find(options_.element_delimiter);
    const bool last = i + 1 == column.num_children();
    if (last != (end == std::string_view::npos)) return false;
    if (!AppendMember(column.child(i), text.substr(0, end))) return false;
    if (!last) text.remove_prefix(end + options_.element_delimiter.size());
  }
  column.EndRow();
  return true;
}

}  // namespace

Result<std::unique_ptr<Decoder>> MakeCsvDecoder(const Schema& schema, const Schema& all,
                                                const Options& options) {
  MILL_ASSIGN(CsvOptions csv, CsvOptions::Read(options));
  for (const Column& column : schema.columns) {
    if (column.type.kind != TypeKind::kMap) continue;
    return UserError("csv: column '{}' is a MAP, which CSV cannot hold", column.name);
  }
  return std::make_unique<CsvDecoder>(schema, all, std::move(csv));
}

}  // namespace millrace
