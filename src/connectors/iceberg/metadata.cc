#include "connectors/iceberg/metadata.h"

#include <algorithm>
#include <charconv>

namespace millrace {
namespace {

Result<IcebergPartitionField> ParseSpecField(const JsonTree& json, int position) {
  IcebergPartitionField field;
  MILL_ASSIGN(const int64_t source, json.Int("source-id"));
  MILL_ASSIGN(const int64_t id, json.IntOr("field-id", 1000 + position));
  MILL_ASSIGN(field.name, json.Text("name"));
  MILL_ASSIGN(const std::string transform, json.Text("transform"));
  field.source_id = static_cast<int>(source);
  field.field_id = static_cast<int>(id);
  field.transform = IcebergTransform::Parse(transform);
  return field;
}

Result<IcebergPartitionSpec> ParseSpec(const JsonTree::Array& fields, int64_t id) {
  IcebergPartitionSpec spec;
  spec.id = static_cast<int>(id);
  for (const JsonTree& each : fields) {
    MILL_ASSIGN(auto field, ParseSpecField(each, static_cast<int>(spec.fields.size())));
    spec.fields.push_back(std::move(field));
  }
  return spec;
}

std::map<std::string, std::string> TextsOf(const JsonTree* object) {
  std::map<std::string, std::string> texts;
  if (!object || !object->object()) return texts;
  for (const auto& [key, value] : *object->object()) {
    if (value.text()) texts[key] = *value.text();
  }
  return texts;
}

Result<IcebergSnapshot> ParseSnapshot(const JsonTree& json) {
  IcebergSnapshot snapshot;
  MILL_ASSIGN(snapshot.id, json.Int("snapshot-id"));
  MILL_ASSIGN(snapshot.parent, json.IntOr("parent-snapshot-id", IcebergSnapshot::kNone));
  MILL_ASSIGN(snapshot.sequence_number, json.IntOr("sequence-number", 0));
  MILL_ASSIGN(snapshot.timestamp, json.Int("timestamp-ms"));
  MILL_ASSIGN(snapshot.manifest_list, json.Text("manifest-list"));
  MILL_ASSIGN(const int64_t schema, json.IntOr("schema-id", -1));
  snapshot.schema_id = static_cast<int>(schema);
  snapshot.summary = TextsOf(json.Find("summary"));
  return snapshot;
}

Status ParseSchemas(const JsonTree& json, IcebergMetadata* table) {
  for (const JsonTree& each : json.ListOrEmpty("schemas")) {
    MILL_ASSIGN(auto schema, ParseIcebergSchema(each));
    table->schemas.push_back(std::move(schema));
  }
  if (table->schemas.empty() && json.Find("schema")) {  // of version 1
    MILL_ASSIGN(auto schema, ParseIcebergSchema(*json.Find("schema")));
    table->schemas.push_back(std::move(schema));
  }
  MILL_ASSIGN(const int64_t current, json.IntOr("current-schema-id", 0));
  table->current_schema_id = static_cast<int>(current);
  if (table->FindSchema(table->current_schema_id)) return Status::OK();
  return ExternalError("there is no schema {}", current);
}

Status ParseSpecs(const JsonTree& json, IcebergMetadata* table) {
  for (const JsonTree& each : json.ListOrEmpty("partition-specs")) {
    MILL_ASSIGN(const int64_t id, each.Int("spec-id"));
    MILL_ASSIGN(auto spec, ParseSpec(each.ListOrEmpty("fields"), id));
    table->specs.push_back(std::move(spec));
  }
  if (table->specs.empty()) {  // of version 1
    MILL_ASSIGN(auto spec, ParseSpec(json.ListOrEmpty("partition-spec"), 0));
    table->specs.push_back(std::move(spec));
  }
  MILL_ASSIGN(const int64_t chosen, json.IntOr("default-spec-id", 0));
  table->default_spec_id = static_cast<int>(chosen);
  if (table->FindSpec(table->default_spec_id)) return Status::OK();
  return ExternalError("there is no partition spec {}", chosen);
}

Status ParseSnapshots(const JsonTree& json, IcebergMetadata* table) {
  for (const JsonTree& each : json.ListOrEmpty("snapshots")) {
    MILL_ASSIGN(auto snapshot, ParseSnapshot(each));
    table->snapshots.push_back(std::move(snapshot));
  }
  for (const JsonTree& each : json.ListOrEmpty("snapshot-log")) {
    MILL_ASSIGN(const int64_t time, each.Int("timestamp-ms"));
    MILL_ASSIGN(const int64_t id, each.Int("snapshot-id"));
    table->snapshot_log.emplace_back(time, id);
  }
  MILL_ASSIGN(table->current_snapshot_id,
              json.IntOr("current-snapshot-id", IcebergSnapshot::kNone));
  const JsonTree* refs = json.Find("refs");
  if (!refs || !refs->object()) return Status::OK();
  for (const auto& [name, ref] : *refs->object()) {
    MILL_ASSIGN(table->refs[name], ref.Int("snapshot-id"));
  }
  return Status::OK();
}

Status ParseInto(const JsonTree& json, IcebergMetadata* table) {
  MILL_ASSIGN(const int64_t version, json.Int("format-version"));
  if (version < 1 || version > 2) {
    return ExternalError("format version {} is not supported, only 1 and 2", version);
  }
  table->format_version = static_cast<int>(version);
  table->uuid = json.TextOr("table-uuid", "");
  MILL_ASSIGN(table->location, json.Text("location"));
  while (table->location.size() > 1 && table->location.back() == '/') table->location.pop_back();
  MILL_ASSIGN(table->last_sequence_number, json.IntOr("last-sequence-number", 0));
  MILL_ASSIGN(table->last_updated, json.IntOr("last-updated-ms", 0));
  MILL_ASSIGN(const int64_t column, json.IntOr("last-column-id", 0));
  table->last_column_id = static_cast<int>(column);
  table->properties = TextsOf(json.Find("properties"));
  MILL_RETURN(ParseSchemas(json, table));
  MILL_RETURN(ParseSpecs(json, table));
  return ParseSnapshots(json, table);
}

int64_t RefOf(const IcebergMetadata& table, const std::string& ref) {
  const auto found = table.refs.find(ref);
  if (found != table.refs.end()) return found->second;
  return ref == "main" ? table.current_snapshot_id : IcebergSnapshot::kNone;
}

bool Holds(const IcebergMetadata& table, const JsonTree& requirement) {
  const std::string type = requirement.TextOr("type", "");
  const auto number = [&](const char* key) {
    return requirement.IntOr(key, IcebergSnapshot::kNone).ValueOr(IcebergSnapshot::kNone);
  };
  if (type == "assert-table-uuid") return requirement.TextOr("uuid", "") == table.uuid;
  if (type == "assert-ref-snapshot-id") {
    return RefOf(table, requirement.TextOr("ref", "main")) == number("snapshot-id");
  }
  if (type == "assert-current-schema-id") {
    return table.current_schema_id == number("current-schema-id");
  }
  if (type == "assert-last-assigned-field-id") {
    return table.last_column_id == number("last-assigned-field-id");
  }
  if (type == "assert-default-spec-id") return table.default_spec_id == number("default-spec-id");
  return false;
}

JsonTree* ListIn(JsonTree* json, const char* key) {
  if (!json->Find(key) || !json->Find(key)->array()) json->Set(key, JsonTree::Array());
  return json->Find(key);
}

void LogSnapshot(JsonTree* json, int64_t id, int64_t now) {
  JsonTree entry;
  entry.Set("timestamp-ms", now);
  entry.Set("snapshot-id", id);
  ListIn(json, "snapshot-log")->mutable_array()->push_back(std::move(entry));
}

Status SetRef(const JsonTree& update, JsonTree* json, int64_t now) {
  MILL_ASSIGN(const std::string name, update.Text("ref-name"));
  MILL_ASSIGN(const int64_t id, update.Int("snapshot-id"));
  JsonTree ref;
  ref.Set("snapshot-id", id);
  ref.Set("type", update.TextOr("type", "branch"));
  if (!json->Find("refs")) json->Set("refs", JsonTree(JsonTree::Object()));
  JsonTree* refs = json->Find("refs");
  if (JsonTree* old = refs->Find(name)) {  // keeps how long it and its snapshots are to live
    old->Set("snapshot-id", id);
  } else {
    refs->Set(name, std::move(ref));
  }
  if (name != "main") return Status::OK();
  json->Set("current-snapshot-id", id);
  LogSnapshot(json, id, now);
  return Status::OK();
}

// From the log go all entries up to the last one whose snapshot is gone: what remains has no gaps.
void RemoveSnapshots(const JsonTree& update, JsonTree* json) {
  const auto removed = [&](const JsonTree& entry) {
    const auto id = entry.Int("snapshot-id");
    const auto& ids = update.ListOrEmpty("snapshot-ids");
    return id.ok() && std::any_of(ids.begin(), ids.end(),
                                  [&](const JsonTree& each) { return each.integer() == *id; });
  };
  std::erase_if(*ListIn(json, "snapshots")->mutable_array(), removed);
  auto& log = *ListIn(json, "snapshot-log")->mutable_array();
  const auto last = std::find_if(log.rbegin(), log.rend(), removed);
  log.erase(log.begin(), last.base());
}

Status AddSnapshot(const JsonTree& update, JsonTree* json) {
  const JsonTree* snapshot = update.Find("snapshot");
  if (!snapshot) return ExternalError("an update has no snapshot");
  MILL_ASSIGN(const int64_t sequence, snapshot->Int("sequence-number"));
  ListIn(json, "snapshots")->mutable_array()->push_back(*snapshot);
  json->Set("last-sequence-number", sequence);
  return Status::OK();
}

Status AddSchema(const JsonTree& update, JsonTree* json) {
  const JsonTree* schema = update.Find("schema");
  if (!schema) return ExternalError("an update has no schema");
  ListIn(json, "schemas")->mutable_array()->push_back(*schema);
  MILL_ASSIGN(const int64_t last, update.Int("last-column-id"));
  json->Set("last-column-id", last);
  return Status::OK();
}

Status SetCurrentSchema(const JsonTree& update, JsonTree* json) {
  MILL_ASSIGN(int64_t id, update.Int("schema-id"));
  if (id == -1) {  // the one that was just added
    MILL_ASSIGN(id, ListIn(json, "schemas")->array()->back().Int("schema-id"));
  }
  json->Set("current-schema-id", id);
  return Status::OK();
}

void SetProperties(const JsonTree& update, JsonTree* json) {
  if (!json->Find("properties")) json->Set("properties", JsonTree(JsonTree::Object()));
  const JsonTree* changes = update.Find("updates");
  if (!changes || !changes->object()) return;
  for (const auto& [key, value] : *changes->object()) json->Find("properties")->Set(key, value);
}

Status ApplyUpdate(const JsonTree& update, JsonTree* json, int64_t now) {
  const std::string action = update.TextOr("action", "");
  if (action == "add-snapshot") return AddSnapshot(update, json);
  if (action == "set-snapshot-ref") return SetRef(update, json, now);
  if (action == "add-schema") return AddSchema(update, json);
  if (action == "set-current-schema") return SetCurrentSchema(update, json);
  if (action == "remove-snapshots") RemoveSnapshots(update, json);
  if (action == "set-properties") SetProperties(update, json);
  return Status::OK();
}

// Remembers the document that is replaced, of the newest only.
void LogMetadata(const IcebergMetadata& table, const std::string& location, JsonTree* json) {
  const std::string text = table.Property("write.metadata.previous-versions-max", "100");
  size_t most = 100;
  std::from_chars(text.data(), text.data() + text.size(), most);
  most = std::max<size_t>(most, 1);
  JsonTree entry;
  entry.Set("timestamp-ms", table.last_updated);
  entry.Set("metadata-file", location);
  auto& log = *ListIn(json, "metadata-log")->mutable_array();
  log.push_back(std::move(entry));
  if (log.size() > most) log.erase(log.begin(), log.end() - static_cast<std::ptrdiff_t>(most));
}

}  // namespace

Result<IcebergMetadata> IcebergMetadata::Parse(JsonTree json) {
  IcebergMetadata table;
  MILL_RETURN(ParseInto(json, &table));
  table.json = std::move(json);
  return table;
}

const IcebergSchema& IcebergMetadata::schema() const { return *FindSchema(current_schema_id); }
const IcebergPartitionSpec& IcebergMetadata::spec() const { return *FindSpec(default_spec_id); }

const IcebergSnapshot* IcebergMetadata::FindSnapshot(int64_t id) const {
  const auto found = std::find_if(snapshots.begin(), snapshots.end(),
                                  [&](const auto& snapshot) { return snapshot.id == id; });
  return found == snapshots.end() ? nullptr : &*found;
}

const IcebergSchema* IcebergMetadata::FindSchema(int id) const {
  const auto found = std::find_if(schemas.begin(), schemas.end(),
                                  [&](const auto& schema_) { return schema_.id == id; });
  return found == schemas.end() ? nullptr : &*found;
}

const IcebergPartitionSpec* IcebergMetadata::FindSpec(int id) const {
  const auto found =
      std::find_if(specs.begin(), specs.end(), [&](const auto& spec_) { return spec_.id == id; });
  return found == specs.end() ? nullptr : &*found;
}

std::string IcebergMetadata::Property(const std::string& key, const std::string& fallback) const {
  const auto found = properties.find(key);
  return found == properties.end() ? fallback : found->second;
}

JsonTree ToJson(const IcebergPartitionSpec& spec) {
  JsonTree::Array fields;
  for (const IcebergPartitionField& each : spec.fields) {
    JsonTree field;
    field.Set("source-id", each.source_id);
    field.Set("field-id", each.field_id);
    field.Set("name", each.name);
    field.Set("transform", each.transform.ToString());
    fields.push_back(std::move(field));
  }
  JsonTree json;
  json.Set("spec-id", spec.id);
  json.Set("fields", std::move(fields));
  return json;
}

namespace {

int LargestId(const std::vector<IcebergField>& fields) {
  int largest = 0;
  for (const IcebergField& field : fields) {
    largest = std::max({largest, field.id, LargestId(field.type.fields)});
  }
  return largest;
}

}  // namespace

JsonTree NewIcebergMetadata(const std::string& uuid, const std::string& location,
                            const IcebergSchema& schema, const IcebergPartitionSpec& spec,
                            const JsonTree::Object& properties, int64_t now) {
  int last_partition = 999;
  for (const auto& field : spec.fields) last_partition = std::max(last_partition, field.field_id);
  JsonTree order;
  order.Set("order-id", 0);
  order.Set("fields", JsonTree::Array());
  JsonTree json;
  json.Set("format-version", 2);
  json.Set("table-uuid", uuid);
  json.Set("location", location);
  json.Set("last-sequence-number", 0);
  json.Set("last-updated-ms", now);
  json.Set("last-column-id", LargestId(schema.fields));
  json.Set("current-schema-id", schema.id);
  json.Set("schemas", JsonTree::Array{ToJson(schema)});
  json.Set("default-spec-id", spec.id);
  json.Set("partition-specs", JsonTree::Array{ToJson(spec)});
  json.Set("last-partition-id", last_partition);
  json.Set("default-sort-order-id", 0);
  json.Set("sort-orders", JsonTree::Array{std::move(order)});
  json.Set("properties", properties);
  json.Set("current-snapshot-id", -1);
  json.Set("refs", JsonTree::Object());
  json.Set("snapshots", JsonTree::Array());
  json.Set("snapshot-log", JsonTree::Array());
  json.Set("metadata-log", JsonTree::Array());
  return json;
}

bool HoldsRequirements(const IcebergMetadata& table, const JsonTree::Array& requirements) {
  return std::all_of(requirements.begin(), requirements.end(),
                     [&](const JsonTree& each) { return Holds(table, each); });
}

Result<JsonTree> UpdatedMetadata(const IcebergMetadata& table, const JsonTree::Array& updates,
                                 const std::string& location, int64_t now) {
  JsonTree json = table.json;
  LogMetadata(table, location, &json);
  for (const JsonTree& update : updates) MILL_RETURN(ApplyUpdate(update, &json, now));
  json.Set("last-updated-ms", now);
  return json;
}

}  // namespace millrace
