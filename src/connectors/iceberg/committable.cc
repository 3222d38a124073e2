// IcebergCommittable as text: JSON, bytes in hexadecimal.
#include <charconv>

#include "connectors/iceberg/commit.h"

namespace millrace {
namespace {

std::string ToHex(const std::string& bytes) {
  std::string text;
  for (const char c : bytes) text += fmt::format("{:02x}", static_cast<uint8_t>(c));
  return text;
}

std::string FromHex(std::string_view text) {
  std::string bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    unsigned value = 0;
    std::from_chars(text.data() + i, text.data() + i + 2, value, 16);
    bytes += static_cast<char>(value);
  }
  return bytes;
}

JsonTree ToJson(const IcebergPartitionSummary& summary) {
  JsonTree json;
  json.Set("null", summary.contains_null);
  if (summary.contains_nan) json.Set("nan", *summary.contains_nan);
  if (summary.lower) json.Set("lower", ToHex(*summary.lower));
  if (summary.upper) json.Set("upper", ToHex(*summary.upper));
  return json;
}

IcebergPartitionSummary SummaryOf(const JsonTree& json) {
  IcebergPartitionSummary summary;
  summary.contains_null = json.BoolOr("null", true);
  if (json.Find("nan")) summary.contains_nan = json.BoolOr("nan", true);
  if (json.Find("lower")) summary.lower = FromHex(json.TextOr("lower", ""));
  if (json.Find("upper")) summary.upper = FromHex(json.TextOr("upper", ""));
  return summary;
}

JsonTree ToJson(const IcebergManifest& manifest) {
  JsonTree json;
  json.Set("path", manifest.path);
  json.Set("length", manifest.length);
  json.Set("spec", manifest.spec_id);
  json.Set("deletes", manifest.deletes);
  json.Set("files", manifest.added_files);
  json.Set("rows", manifest.added_rows);
  JsonTree::Array partitions;
  for (const auto& summary : manifest.partitions) partitions.push_back(ToJson(summary));
  json.Set("partitions", std::move(partitions));
  return json;
}

Result<IcebergManifest> ManifestOf(const JsonTree& json) {
  IcebergManifest manifest;
  MILL_ASSIGN(manifest.path, json.Text("path"));
  MILL_ASSIGN(manifest.length, json.Int("length"));
  MILL_ASSIGN(const int64_t spec, json.Int("spec"));
  manifest.spec_id = static_cast<int>(spec);
  manifest.deletes = json.BoolOr("deletes", false);
  MILL_ASSIGN(manifest.added_files, json.Int("files"));
  MILL_ASSIGN(manifest.added_rows, json.Int("rows"));
  manifest.min_sequence_number = -1;
  for (const JsonTree& each : json.ListOrEmpty("partitions")) {
    manifest.partitions.push_back(SummaryOf(each));
  }
  return manifest;
}

Result<IcebergLayer> LayerOf(const JsonTree& json) {
  IcebergLayer layer;
  MILL_ASSIGN(layer.snapshot_id, json.Int("snapshot"));
  for (const JsonTree& each : json.ListOrEmpty("manifests")) {
    MILL_ASSIGN(auto manifest, ManifestOf(each));
    layer.manifests.push_back(std::move(manifest));
  }
  const JsonTree* added = json.Find("added");
  if (!added || !added->object()) return layer;
  for (const auto& [key, value] : *added->object()) layer.added[key] = value.integer().value_or(0);
  return layer;
}

}  // namespace

std::string IcebergCommittable::ToPayload() const {
  JsonTree::Array list;
  for (const IcebergLayer& layer : layers) {
    JsonTree::Array manifests;
    for (const IcebergManifest& manifest : layer.manifests) manifests.push_back(ToJson(manifest));
    JsonTree::Object added;
    for (const auto& [key, value] : layer.added) added.emplace_back(key, value);
    JsonTree json;
    json.Set("snapshot", layer.snapshot_id);
    json.Set("manifests", std::move(manifests));
    json.Set("added", std::move(added));
    list.push_back(std::move(json));
  }
  JsonTree json;
  json.Set("table", table_uuid);
  json.Set("job", job);
  json.Set("writer", writer);
  json.Set("epoch", epoch);
  json.Set("layers", std::move(list));
  return json.ToText();
}

Result<IcebergCommittable> IcebergCommittable::FromPayload(std::string_view payload) {
  MILL_ASSIGN(const JsonTree json, JsonTree::Parse(payload));
  IcebergCommittable made;
  MILL_ASSIGN(made.table_uuid, json.Text("table"));
  MILL_ASSIGN(made.job, json.Text("job"));
  MILL_ASSIGN(made.writer, json.Text("writer"));
  MILL_ASSIGN(made.epoch, json.Int("epoch"));
  for (const JsonTree& each : json.ListOrEmpty("layers")) {
    MILL_ASSIGN(auto layer, LayerOf(each));
    made.layers.push_back(std::move(layer));
  }
  return made;
}

}  // namespace millrace
