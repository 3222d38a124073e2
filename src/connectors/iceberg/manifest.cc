#include "connectors/iceberg/manifest.h"

#include <algorithm>

#include "connectors/iceberg/avro_datum.h"
#include "connectors/iceberg/avro_file.h"
#include "connectors/iceberg/manifest_schema.h"

namespace millrace {
namespace {

// Of a union with null first.
void AppendBranch(std::string* out, bool there) { AppendAvroLong(*out, there ? 1 : 0); }

void AppendOptional(std::string* out, const std::optional<int64_t>& value) {
  AppendBranch(out, value.has_value());
  if (value) AppendAvroLong(*out, *value);
}

void AppendItem(std::string* out, int64_t value) { AppendAvroLong(*out, value); }
void AppendItem(std::string* out, const std::string& value) { AppendAvroString(*out, value); }

template <typename Value>
void AppendMap(std::string* out, const std::map<int, Value>& values) {
  AppendBranch(out, !values.empty());
  if (values.empty()) return;
  AppendAvroLong(*out, std::ssize(values));
  for (const auto& [key, value] : values) {
    AppendAvroLong(*out, key);
    AppendItem(out, value);
  }
  AppendAvroLong(*out, 0);
}

template <typename Value>
void AppendList(std::string* out, const std::vector<Value>& values) {
  AppendBranch(out, !values.empty());
  if (values.empty()) return;
  AppendAvroLong(*out, std::ssize(values));
  for (const Value value : values) AppendAvroLong(*out, value);
  AppendAvroLong(*out, 0);
}

// The digits in all bytes of a fixed.
std::string FixedDecimal(const arrow::Decimal128& value, int width) {
  const std::string bytes = DecimalBytes(value);
  const char sign = value < 0 ? '\xFF' : '\0';
  const auto size = static_cast<size_t>(width);
  return bytes.size() < size ? std::string(size - bytes.size(), sign) + bytes : bytes;
}

void AppendPartitionValue(std::string* out, const IcebergValue& value, const IcebergType& type) {
  AppendBranch(out, !IsNull(value));
  if (const auto* flag = std::get_if<bool>(&value)) *out += *flag ? '\1' : '\0';
  if (const auto* number = std::get_if<int64_t>(&value)) AppendAvroLong(*out, *number);
  if (const auto* real = std::get_if<float>(&value)) AppendAvroFixed(*out, *real);
  if (const auto* real = std::get_if<double>(&value)) AppendAvroFixed(*out, *real);
  if (const auto* decimal = std::get_if<arrow::Decimal128>(&value)) {
    *out += FixedDecimal(*decimal, DecimalWidth(type.precision));
  }
  const auto* text = std::get_if<std::string>(&value);
  if (!text) return;
  const bool fixed = type.kind == IcebergKind::kFixed || type.kind == IcebergKind::kUuid;
  if (fixed) *out += *text;
  if (!fixed) AppendAvroString(*out, *text);
}

using PartitionTypes = std::vector<IcebergType>;

PartitionTypes TypesOf(const IcebergPartitionSpec& spec, const IcebergSchema& schema) {
  PartitionTypes types;
  for (const auto& field : spec.fields) types.push_back(PartitionTypeOf(field, schema));
  return types;
}

void AppendEntry(std::string* out, const IcebergEntry& entry, const PartitionTypes& types) {
  const IcebergDataFile& file = entry.file;
  AppendAvroLong(*out, entry.status);
  AppendOptional(out, entry.snapshot_id);
  AppendOptional(out, entry.sequence_number);
  AppendOptional(out, entry.file_sequence_number);
  AppendAvroLong(*out, static_cast<int>(file.content));
  AppendAvroString(*out, file.path);
  AppendAvroString(*out, file.format);
  for (size_t i = 0; i < types.size(); ++i) AppendPartitionValue(out, file.partition[i], types[i]);
  AppendAvroLong(*out, file.rows);
  AppendAvroLong(*out, file.bytes);
  AppendMap(out, file.column_sizes);
  AppendMap(out, file.value_counts);
  AppendMap(out, file.null_counts);
  AppendMap(out, file.nan_counts);
  AppendMap(out, file.lower_bounds);
  AppendMap(out, file.upper_bounds);
  AppendBranch(out, false);  // key_metadata
  AppendList(out, file.split_offsets);
  AppendList(out, file.equality_ids);
  AppendBranch(out, false);  // sort_order_id
}

template <typename Value>
std::map<int, Value> MapIn(const AvroDatum& file, int field_id) {
  std::map<int, Value> values;
  const AvroDatum* found = file.Field(field_id);
  if (!found || !found->list()) return values;
  for (const AvroDatum& item : *found->list()) {
    const auto* pair = item.list();
    if (!pair || pair->size() != 2) continue;
    const auto* key = std::get_if<int64_t>(&(*pair)[0].value);
    const auto* value = std::get_if<Value>(&(*pair)[1].value);
    if (key && value) values[static_cast<int>(*key)] = *value;
  }
  return values;
}

template <typename Value>
std::vector<Value> ListIn(const AvroDatum& file, int field_id) {
  std::vector<Value> values;
  const AvroDatum* found = file.Field(field_id);
  if (!found || !found->list()) return values;
  for (const AvroDatum& item : *found->list()) {
    const auto* value = std::get_if<int64_t>(&item.value);
    if (value) values.push_back(static_cast<Value>(*value));
  }
  return values;
}

Result<IcebergValue> PartitionValueOf(const AvroDatum& datum, const IcebergType& type) {
  if (const auto* flag = std::get_if<bool>(&datum.value)) return IcebergValue(*flag);
  if (const auto* number = std::get_if<int64_t>(&datum.value)) return IcebergValue(*number);
  if (const auto* real = std::get_if<float>(&datum.value)) {
    if (type.kind == IcebergKind::kDouble) return IcebergValue(double{*real});
    return IcebergValue(*real);
  }
  if (const auto* real = std::get_if<double>(&datum.value)) return IcebergValue(*real);
  const auto* text = std::get_if<std::string>(&datum.value);
  if (!text) return IcebergValue();
  return FromBytes(*text, type);
}

Result<IcebergDataFile> DataFileOf(const AvroDatum& datum, const IcebergPartitionSpec& spec,
                                   const PartitionTypes& types) {
  IcebergDataFile file;
  const int64_t content = datum.IntOr(134, 0);
  if (content < 0 || content > 2) return ExternalError("content {} is not known", content);
  file.content = static_cast<IcebergContent>(content);
  file.path = datum.TextOr(100, "");
  file.format = datum.TextOr(101, "");
  file.rows = datum.IntOr(103, 0);
  file.bytes = datum.IntOr(104, 0);
  file.column_sizes = MapIn<int64_t>(datum, 108);
  file.value_counts = MapIn<int64_t>(datum, 109);
  file.null_counts = MapIn<int64_t>(datum, 110);
  file.nan_counts = MapIn<int64_t>(datum, 137);
  file.lower_bounds = MapIn<std::string>(datum, 125);
  file.upper_bounds = MapIn<std::string>(datum, 128);
  file.split_offsets = ListIn<int64_t>(datum, 132);
  file.equality_ids = ListIn<int>(datum, 135);
  const AvroDatum* partition = datum.Field(102);
  for (size_t i = 0; i < types.size(); ++i) {
    const AvroDatum* value = partition ? partition->Field(spec.fields[i].field_id) : nullptr;
    file.partition.emplace_back();
    if (!value) continue;
    MILL_ASSIGN(file.partition.back(), PartitionValueOf(*value, types[i]));
  }
  return file;
}

std::optional<int64_t> OptionalInt(const AvroDatum& datum, int field_id) {
  const AvroDatum* field = datum.Field(field_id);
  const auto* number = field ? std::get_if<int64_t>(&field->value) : nullptr;
  return number ? std::optional(*number) : std::nullopt;
}

// What an entry does not say is what the manifest list says of its manifest.
void Inherit(const IcebergManifest& manifest, IcebergEntry* entry) {
  if (!entry->snapshot_id) entry->snapshot_id = manifest.added_snapshot_id;
  const bool added = entry->status == IcebergEntry::kAdded;
  const int64_t sequence = added ? manifest.sequence_number : manifest.min_sequence_number;
  if (!entry->sequence_number) entry->sequence_number = sequence;
  if (!entry->file_sequence_number) entry->file_sequence_number = sequence;
}

void AddToSummary(const IcebergValue& value, const IcebergType& type,
                  IcebergPartitionSummary* summary, IcebergValue* least, IcebergValue* greatest) {
  if (IsNull(value)) {
    summary->contains_null = true;
    return;
  }
  const auto* narrow = std::get_if<float>(&value);
  const auto* wide = std::get_if<double>(&value);
  if ((narrow && *narrow != *narrow) || (wide && *wide != *wide)) {
    summary->contains_nan = true;
    return;
  }
  if (IsNull(*least) || value < *least) *least = value;
  if (IsNull(*greatest) || *greatest < value) *greatest = value;
  summary->lower = ToBytes(*least, type);
  summary->upper = ToBytes(*greatest, type);
}

std::vector<IcebergPartitionSummary> SummariesOf(const std::vector<IcebergEntry>& entries,
                                                 const PartitionTypes& types) {
  std::vector<IcebergPartitionSummary> summaries;
  for (size_t i = 0; i < types.size(); ++i) {
    IcebergPartitionSummary summary;
    IcebergValue least, greatest;
    summary.contains_nan = false;
    for (const IcebergEntry& entry : entries) {
      AddToSummary(entry.file.partition[i], types[i], &summary, &least, &greatest);
    }
    summaries.push_back(std::move(summary));
  }
  return summaries;
}

void Count(const IcebergEntry& entry, IcebergManifest* manifest) {
  const bool added = entry.status == IcebergEntry::kAdded;
  const bool existing = entry.status == IcebergEntry::kExisting;
  int64_t& files = added ? manifest->added_files
                         : existing ? manifest->existing_files : manifest->deleted_files;
  int64_t& rows = added ? manifest->added_rows
                        : existing ? manifest->existing_rows : manifest->deleted_rows;
  ++files;
  rows += entry.file.rows;
}

void AppendText(std::string* out, const std::optional<std::string>& text) {
  AppendBranch(out, text.has_value());
  if (text) AppendAvroString(*out, *text);
}

void AppendSummaries(std::string* out, const std::vector<IcebergPartitionSummary>& summaries) {
  AppendBranch(out, !summaries.empty());
  if (summaries.empty()) return;
  AppendAvroLong(*out, std::ssize(summaries));
  for (const auto& summary : summaries) {
    *out += summary.contains_null ? '\1' : '\0';
    AppendBranch(out, summary.contains_nan.has_value());
    if (summary.contains_nan) *out += *summary.contains_nan ? '\1' : '\0';
    AppendText(out, summary.lower);
    AppendText(out, summary.upper);
  }
  AppendAvroLong(*out, 0);
}

void AppendManifest(std::string* out, const IcebergManifest& manifest) {
  AppendAvroString(*out, manifest.path);
  for (const int64_t number :
       {manifest.length, int64_t{manifest.spec_id}, int64_t{manifest.deletes ? 1 : 0},
        manifest.sequence_number, manifest.min_sequence_number, manifest.added_snapshot_id,
        manifest.added_files, manifest.existing_files, manifest.deleted_files,
        manifest.added_rows, manifest.existing_rows, manifest.deleted_rows}) {
    AppendAvroLong(*out, number);
  }
  AppendSummaries(out, manifest.partitions);
}

std::vector<IcebergPartitionSummary> SummariesIn(const AvroDatum& datum) {
  std::vector<IcebergPartitionSummary> summaries;
  const AvroDatum* found = datum.Field(507);
  if (!found || !found->list()) return summaries;
  const auto flag = [](const AvroDatum& item, int id) -> std::optional<bool> {
    const AvroDatum* field = item.Field(id);
    const auto* value = field ? std::get_if<bool>(&field->value) : nullptr;
    return value ? std::optional(*value) : std::nullopt;
  };
  const auto text = [](const AvroDatum& item, int id) -> std::optional<std::string> {
    if (!item.Field(id)) return std::nullopt;
    return item.TextOr(id, "");
  };
  for (const AvroDatum& item : *found->list()) {
    summaries.push_back({flag(item, 509).value_or(true), flag(item, 518), text(item, 510),
                         text(item, 511)});
  }
  return summaries;
}

IcebergManifest ManifestOf(const AvroDatum& datum) {
  IcebergManifest manifest;
  manifest.path = datum.TextOr(500, "");
  manifest.length = datum.IntOr(501, 0);
  manifest.spec_id = static_cast<int>(datum.IntOr(502, 0));
  manifest.deletes = datum.IntOr(517, 0) == 1;
  manifest.sequence_number = datum.IntOr(515, 0);
  manifest.min_sequence_number = datum.IntOr(516, 0);
  manifest.added_snapshot_id = datum.IntOr(503, -1);
  manifest.added_files = datum.IntOr(504, 0);
  manifest.existing_files = datum.IntOr(505, 0);
  manifest.deleted_files = datum.IntOr(506, 0);
  manifest.added_rows = datum.IntOr(512, 0);
  manifest.existing_rows = datum.IntOr(513, 0);
  manifest.deleted_rows = datum.IntOr(514, 0);
  manifest.partitions = SummariesIn(datum);
  return manifest;
}

}  // namespace

Result<IcebergManifest> WriteManifest(IcebergFiles* files, const std::string& location,
                                      const IcebergSchema& schema,
                                      const IcebergPartitionSpec& spec, bool deletes,
                                      const std::vector<IcebergEntry>& entries) {
  const PartitionTypes types = TypesOf(spec, schema);
  IcebergManifest manifest;
  AvroRecordsWriter writer(ManifestAvroSchema(spec, schema),
                        {{"schema", ToJson(schema).ToText()},
                         {"schema-id", fmt::format("{}", schema.id)},
                         {"partition-spec", ToJson(spec).Find("fields")->ToText()},
                         {"partition-spec-id", fmt::format("{}", spec.id)},
                         {"format-version", "2"},
                         {"content", deletes ? "deletes" : "data"}});
  std::optional<int64_t> least;
  for (const IcebergEntry& entry : entries) {
    std::string record;
    AppendEntry(&record, entry, types);
    MILL_RETURN(writer.Add(record));
    Count(entry, &manifest);
    const bool alive = entry.status != IcebergEntry::kDeleted;
    if (alive && entry.sequence_number) {
      least = std::min(least.value_or(*entry.sequence_number), *entry.sequence_number);
    }
  }
  MILL_ASSIGN(const std::string bytes, writer.Finish());
  MILL_RETURN(files->Write(location, bytes));
  manifest.path = location;
  manifest.length = std::ssize(bytes);
  manifest.spec_id = spec.id;
  manifest.deletes = deletes;
  manifest.min_sequence_number = least.value_or(-1);  // -1: that of the commit
  manifest.partitions = SummariesOf(entries, types);
  return manifest;
}

Result<std::vector<IcebergEntry>> ReadManifest(IcebergFiles* files, const IcebergManifest& manifest,
                                               const IcebergPartitionSpec& spec,
                                               const IcebergSchema& schema) {
  const PartitionTypes types = TypesOf(spec, schema);
  std::vector<IcebergEntry> entries;
  MILL_RETURN(ReadAvroFile(files, manifest.path, [&](const AvroDatum& datum) -> Status {
    IcebergEntry entry;
    const int64_t status = datum.IntOr(0, 0);
    if (status < 0 || status > 2) return ExternalError("status {} is not known", status);
    entry.status = static_cast<IcebergEntry::Status>(status);
    entry.snapshot_id = OptionalInt(datum, 1);
    entry.sequence_number = OptionalInt(datum, 3);
    entry.file_sequence_number = OptionalInt(datum, 4);
    const AvroDatum* file = datum.Field(2);
    if (!file) return ExternalError("an entry has no data file");
    MILL_ASSIGN(entry.file, DataFileOf(*file, spec, types));
    Inherit(manifest, &entry);
    entries.push_back(std::move(entry));
    return Status::OK();
  }));
  return entries;
}

Status WriteManifestList(IcebergFiles* files, const std::string& location,
                         const IcebergSnapshot& snapshot,
                         const std::vector<IcebergManifest>& manifests) {
  const bool first = snapshot.parent == IcebergSnapshot::kNone;
  AvroRecordsWriter writer(
      ManifestListAvroSchema(),
      {{"snapshot-id", fmt::format("{}", snapshot.id)},
       {"parent-snapshot-id", first ? "null" : fmt::format("{}", snapshot.parent)},
       {"sequence-number", fmt::format("{}", snapshot.sequence_number)},
       {"format-version", "2"}});
  for (const IcebergManifest& manifest : manifests) {
    std::string record;
    AppendManifest(&record, manifest);
    MILL_RETURN(writer.Add(record));
  }
  MILL_ASSIGN(const std::string bytes, writer.Finish());
  return files->Write(location, bytes);
}

Result<std::vector<IcebergManifest>> ReadManifestList(IcebergFiles* files,
                                                      const std::string& location) {
  std::vector<IcebergManifest> manifests;
  MILL_RETURN(ReadAvroFile(files, location, [&](const AvroDatum& datum) {
    manifests.push_back(ManifestOf(datum));
    return Status::OK();
  }));
  return manifests;
}

}  // namespace millrace
