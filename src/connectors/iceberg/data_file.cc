#include "connectors/iceberg/data_file.h"

#include <parquet/metadata.h>
#include <parquet/statistics.h>

#include <algorithm>
#include <optional>
#include <set>

#include "formats/parquet_encoder.h"
#include "formats/parquet_guard.h"

namespace millrace {
namespace {

constexpr int kBoundLength = 16;  // characters or bytes of a bound

struct Bounds {
  IcebergValue least, greatest;
  bool known = true;  // of all row groups so far
};

const IcebergField* FindLeaf(const std::vector<IcebergField>& fields, int id) {
  for (const IcebergField& field : fields) {
    if (field.id == id) return field.type.IsNested() ? nullptr : &field;
    if (const IcebergField* found = FindLeaf(field.type.fields, id)) return found;
  }
  return nullptr;
}

// A bound as the footer encodes it. Decimals stand there as integers or as big-endian bytes.
std::optional<IcebergValue> BoundOf(const std::string& bytes, const IcebergType& type,
                                    parquet::Type::type physical) {
  const bool integer = physical == parquet::Type::INT32 || physical == parquet::Type::INT64;
  if (type.kind == IcebergKind::kDecimal && integer) {
    const auto value = FromBytes(bytes, IcebergType::Of(IcebergKind::kLong));
    if (!value.ok()) return std::nullopt;
    return IcebergValue(arrow::Decimal128(std::get<int64_t>(*value)));
  }
  const auto value = FromBytes(bytes, type);
  return value.ok() ? std::optional(*value) : std::nullopt;
}

void Widen(const parquet::Statistics* statistics, const IcebergType& type,
           parquet::Type::type physical, int64_t values, Bounds* bounds) {
  const bool all_null = statistics && statistics->HasNullCount() &&
                        statistics->null_count() == values;
  if (all_null) return;
  if (!statistics || !statistics->HasMinMax()) {
    bounds->known = false;
    return;
  }
  const auto least = BoundOf(statistics->EncodeMin(), type, physical);
  const auto greatest = BoundOf(statistics->EncodeMax(), type, physical);
  if (!least || !greatest) {
    bounds->known = false;
    return;
  }
  if (IsNull(bounds->least) || *least < bounds->least) bounds->least = *least;
  if (IsNull(bounds->greatest) || bounds->greatest < *greatest) bounds->greatest = *greatest;
}

std::string CutLower(const std::string& bytes, const IcebergType& type) {
  const IcebergTransform cut{IcebergTransform::Kind::kTruncate, kBoundLength, ""};
  const IcebergValue value = cut.Apply(IcebergValue(bytes), type);
  return std::get<std::string>(value);
}

// The last character as a code point and its length in bytes.
std::pair<uint32_t, size_t> LastCharacter(const std::string& text) {
  size_t start = text.size() - 1;
  while (start > 0 && (static_cast<uint8_t>(text[start]) & 0xC0) == 0x80) --start;
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(text[i])); };
  const size_t length = text.size() - start;
  uint32_t code = length == 1 ? byte(start) : byte(start) & (0x7FU >> length);
  for (size_t i = start + 1; i < text.size(); ++i) code = (code << 6) | (byte(i) & 0x3F);
  return {code, length};
}

std::string Utf8(uint32_t code) {
  const auto byte = [](uint32_t value) { return static_cast<char>(value); };
  if (code < 0x80) return {byte(code)};
  if (code < 0x800) return {byte(0xC0 | (code >> 6)), byte(0x80 | (code & 0x3F))};
  if (code < 0x10000) {
    return {byte(0xE0 | (code >> 12)), byte(0x80 | ((code >> 6) & 0x3F)),
            byte(0x80 | (code & 0x3F))};
  }
  return {byte(0xF0 | (code >> 18)), byte(0x80 | ((code >> 12) & 0x3F)),
          byte(0x80 | ((code >> 6) & 0x3F)), byte(0x80 | (code & 0x3F))};
}

// The next text of no more characters; nothing if there is none.
std::optional<std::string> NextText(std::string text) {
  while (!text.empty()) {
    auto [code, length] = LastCharacter(text);
    text.resize(text.size() - length);
    ++code;
    if (code >= 0xD800 && code < 0xE000) code = 0xE000;
    if (code <= 0x10FFFF) return text + Utf8(code);
  }
  return std::nullopt;
}

std::optional<std::string> NextBytes(std::string bytes) {
  while (!bytes.empty()) {
    const auto last = static_cast<uint8_t>(bytes.back());
    bytes.pop_back();
    if (last != 0xFF) return bytes + static_cast<char>(last + 1);
  }
  return std::nullopt;
}

// Long texts are cut: the upper bound then becomes the next text behind all that start so.
std::optional<std::string> CutUpper(const std::string& bytes, const IcebergType& type) {
  const std::string cut = CutLower(bytes, type);
  if (cut.size() == bytes.size()) return bytes;
  return type.kind == IcebergKind::kString ? NextText(cut) : NextBytes(cut);
}

void SetBounds(int id, const IcebergType& type, const Bounds& bounds, IcebergDataFile* file) {
  if (!bounds.known || IsNull(bounds.least)) return;
  const std::string lower = ToBytes(bounds.least, type), upper = ToBytes(bounds.greatest, type);
  const bool text = type.kind == IcebergKind::kString || type.kind == IcebergKind::kBinary;
  file->lower_bounds[id] = text ? CutLower(lower, type) : lower;
  const auto cut = text ? CutUpper(upper, type) : upper;
  if (cut) file->upper_bounds[id] = *cut;
}

// Bounds and counts of NULLs make sense only where a row has one value.
void AddColumn(const parquet::FileMetaData& footer, int column,
               const std::vector<IcebergField>& fields, IcebergDataFile* file) {
  const parquet::ColumnDescriptor* descriptor = footer.schema()->Column(column);
  const int id = descriptor->schema_node()->field_id();
  const IcebergField* field = FindLeaf(fields, id);
  if (!field) return;
  const bool single = descriptor->max_repetition_level() == 0;
  Bounds bounds;
  int64_t nulls = 0;
  bool counted = true;
  for (int group = 0; group < footer.num_row_groups(); ++group) {
    const auto chunk = footer.RowGroup(group)->ColumnChunk(column);
    const auto statistics = chunk->is_stats_set() ? chunk->statistics() : nullptr;
    file->column_sizes[id] += chunk->total_compressed_size();
    file->value_counts[id] += chunk->num_values();
    counted = counted && statistics && statistics->HasNullCount();
    if (counted) nulls += statistics->null_count();
    Widen(statistics.get(), field->type, descriptor->physical_type(), chunk->num_values(),
          &bounds);
  }
  if (!single) return;
  if (counted) file->null_counts[id] = nulls;
  SetBounds(id, field->type, bounds, file);
}

}  // namespace

void AddStatistics(const parquet::FileMetaData& footer, const std::vector<IcebergField>& fields,
                   IcebergDataFile* file) {
  for (int column = 0; column < footer.num_columns(); ++column) {
    AddColumn(footer, column, fields, file);
  }
  for (int group = 0; group < footer.num_row_groups(); ++group) {
    file->split_offsets.push_back(footer.RowGroup(group)->file_offset());
  }
}

Result<std::unique_ptr<IcebergFileWriter>> IcebergFileWriter::Create(
    IcebergFiles* files, const std::string& location, const std::vector<IcebergField>& fields,
    const Options& options) {
  std::unique_ptr<IcebergFileWriter> writer(new IcebergFileWriter);
  writer->fields_ = fields;
  writer->file_.path = location;
  MILL_ASSIGN(writer->output_, files->Create(location));
  ParquetEncoding encoding;
  arrow::FieldVector columns;
  for (const IcebergField& field : fields) columns.push_back(StorageFieldOf(field));
  encoding.schema = arrow::schema(std::move(columns));
  encoding.decimals_as_integers = true;
  encoding.on_footer = [made = writer.get()](const parquet::FileMetaData& footer) {
    AddStatistics(footer, made->fields_, &made->file_);
  };
  MILL_ASSIGN(const FileEncoderMaker make, MakeParquetEncoderMaker(std::move(encoding), options));
  MILL_ASSIGN(writer->encoder_, make(writer->output_->stream()));
  return writer;
}

Status IcebergFileWriter::Write(const arrow::RecordBatch& rows) {
  rows_ += rows.num_rows();
  return Annotate(encoder_->Write(rows), fmt::format("writing '{}'", file_.path));
}

Result<IcebergDataFile> IcebergFileWriter::Finish() {
  MILL_RETURN(encoder_->Finish());
  MILL_ASSIGN(file_.bytes, output_->stream()->Tell());
  MILL_RETURN(output_->Finish());
  file_.rows = rows_;
  return file_;
}

}  // namespace millrace
