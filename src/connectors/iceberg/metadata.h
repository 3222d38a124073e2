// A table's metadata: the JSON document of the Iceberg table spec (version 2; version 1 is read),
// as values. The document itself is kept and changed by updates in the form of the REST catalog's
// protocol, so a commit is the same list of updates for every catalog.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "connectors/iceberg/json_tree.h"
#include "connectors/iceberg/transforms.h"
#include "connectors/iceberg/types.h"

namespace millrace {

struct IcebergPartitionField {
  int source_id = 0;
  int field_id = 0;
  std::string name;
  IcebergTransform transform;
};

struct IcebergPartitionSpec {
  int id = 0;
  std::vector<IcebergPartitionField> fields;
};

struct IcebergSnapshot {
  static constexpr int64_t kNone = -1;
  int64_t id = kNone;
  int64_t parent = kNone;
  int64_t sequence_number = 0;
  int64_t timestamp = 0;  // ms since 1970
  std::string manifest_list;
  std::map<std::string, std::string> summary;
  int schema_id = -1;  // -1: not told
};

struct IcebergMetadata {
  JsonTree json;  // the document
  int format_version = 2;
  std::string uuid, location;
  int64_t last_sequence_number = 0;
  int64_t last_updated = 0;  // ms
  int last_column_id = 0;
  std::vector<IcebergSchema> schemas;
  int current_schema_id = 0;
  std::vector<IcebergPartitionSpec> specs;
  int default_spec_id = 0;
  std::map<std::string, std::string> properties;
  std::vector<IcebergSnapshot> snapshots;
  std::map<std::string, int64_t> refs;  // branches and tags
  int64_t current_snapshot_id = IcebergSnapshot::kNone;
  std::vector<std::pair<int64_t, int64_t>> snapshot_log;  // time in ms, snapshot

  static Result<IcebergMetadata> Parse(JsonTree json);

  const IcebergSchema& schema() const;
  const IcebergPartitionSpec& spec() const;
  // Null if there is none of that id.
  const IcebergSnapshot* FindSnapshot(int64_t id) const;
  const IcebergSchema* FindSchema(int id) const;
  const IcebergPartitionSpec* FindSpec(int id) const;
  // Of the branch main; null if the table has none yet.
  const IcebergSnapshot* current() const { return FindSnapshot(current_snapshot_id); }
  std::string Property(const std::string& key, const std::string& fallback) const;
};

JsonTree ToJson(const IcebergPartitionSpec& spec);

// A new table's document. `schema` has the id 0.
JsonTree NewIcebergMetadata(const std::string& uuid, const std::string& location,
                            const IcebergSchema& schema, const IcebergPartitionSpec& spec,
                            const JsonTree::Object& properties, int64_t now);

// Whether `requirements` (assert-ref-snapshot-id, assert-table-uuid ...) hold for the table.
bool HoldsRequirements(const IcebergMetadata& table, const JsonTree::Array& requirements);
// The document after `updates` (add-snapshot, set-snapshot-ref, add-schema ...) at `now`, in ms.
// `location` is the file that holds it so far: it goes to the metadata log.
Result<JsonTree> UpdatedMetadata(const IcebergMetadata& table, const JsonTree::Array& updates,
                                 const std::string& location, int64_t now);

}  // namespace millrace
