#include "connectors/iceberg/pruning.h"

#include <algorithm>

namespace millrace {
namespace {

using Kind = ColumnCondition::Kind;

// Values of a partition field in some files: NULL, or between two bounds.
struct Range {
  bool has_null = true;
  IcebergValue least, greatest;  // NULL: not known, or no values
  bool has_values = true;
};

bool IsWithin(const IcebergValue& value, const Range& range) {
  if (value.index() != range.least.index()) return true;
  return !(value < range.least) && !(range.greatest < value);
}

// A condition on the source column as one on the transformed values. Transforms that keep the order
// keep <= and >=, not < and >; equal values are equal when transformed.
bool MayMeet(const ColumnCondition& test, const IcebergColumn& column,
             const IcebergTransform& transform, const Range& range) {
  if (transform.kind == IcebergTransform::Kind::kVoid ||
      transform.kind == IcebergTransform::Kind::kUnknown) {
    return true;
  }
  if (test.kind == Kind::kIsNull) return range.has_null;
  if (!range.has_values) return false;  // NULL meets none of the others
  if (test.kind == Kind::kIsNotNull || IsNull(range.least) || IsNull(range.greatest)) return true;
  // A timestamp of fewer digits stands for several values, which may be in several buckets.
  const SqlType& sql = column.column.type;
  if (sql.IsTimestamp() && !transform.KeepsOrder()) return true;
  if (sql.IsTimestamp() && transform.kind == IcebergTransform::Kind::kIdentity) return true;
  std::vector<IcebergValue> values;
  for (const ColumnValue& each : test.values) {
    const auto value = FromColumnValue(each, column.field.type, sql);
    if (!value) return true;
    values.push_back(transform.Apply(*value, column.field.type));
  }
  const bool comparable = values.front().index() == range.least.index();
  switch (test.kind) {
    case Kind::kEqual:
    case Kind::kIn:
      return std::any_of(values.begin(), values.end(),
                         [&](const IcebergValue& value) { return IsWithin(value, range); });
    case Kind::kLess:
    case Kind::kLessEqual:
      return !transform.KeepsOrder() || !comparable || !(values.front() < range.least);
    case Kind::kGreater:
    case Kind::kGreaterEqual:
      return !transform.KeepsOrder() || !comparable || !(range.greatest < values.front());
    default: return true;
  }
}

Range RangeOf(const IcebergPartitionSummary& summary, const IcebergType& type) {
  Range range;
  range.has_null = summary.contains_null;
  range.has_values = summary.lower.has_value() || !summary.contains_null ||
                     summary.contains_nan.value_or(true);
  if (!summary.lower || !summary.upper || summary.contains_nan.value_or(false)) return range;
  auto least = FromBytes(*summary.lower, type);
  auto greatest = FromBytes(*summary.upper, type);
  if (!least.ok() || !greatest.ok()) return range;
  range.least = std::move(*least);
  range.greatest = std::move(*greatest);
  return range;
}

}  // namespace

ColumnFacts FactsOf(const IcebergDataFile& file, const IcebergColumn& column) {
  ColumnFacts facts;
  facts.rows = file.rows;
  const int id = column.field.id;
  if (const auto nulls = file.null_counts.find(id); nulls != file.null_counts.end()) {
    facts.nulls = nulls->second;
  }
  const auto lower = file.lower_bounds.find(id), upper = file.upper_bounds.find(id);
  if (lower == file.lower_bounds.end() || upper == file.upper_bounds.end()) return facts;
  const IcebergType& type = column.field.type;
  const auto least = FromBytes(lower->second, type), greatest = FromBytes(upper->second, type);
  if (!least.ok() || !greatest.ok()) return facts;
  const auto from = ToColumnValue(*least, type, column.column.type);
  const auto to = ToColumnValue(*greatest, type, column.column.type);
  if (!from || !to) return facts;
  facts.bounded = true;
  facts.least = *from;
  facts.greatest = *to;
  return facts;
}

bool IcebergPruner::MayPass(const IcebergManifest& manifest,
                            const IcebergPartitionSpec& spec) const {
  if (time_ || manifest.partitions.size() != spec.fields.size()) return true;
  for (size_t i = 0; i < spec.fields.size(); ++i) {
    for (const auto& [test, column] : conditions_) {
      if (spec.fields[i].source_id != column.field.id) continue;
      const auto& transform = spec.fields[i].transform;
      const Range range = RangeOf(manifest.partitions[i], transform.ResultOf(column.field.type));
      if (!MayMeet(test, column, transform, range)) return false;
    }
  }
  return true;
}

bool IcebergPruner::MayPass(const IcebergDataFile& file, const IcebergPartitionSpec& spec,
                            std::optional<int64_t>* latest) const {
  bool wanted = true;
  for (const auto& [test, column] : conditions_) {
    wanted = wanted && millrace::MayPass(test, FactsOf(file, column));
    for (size_t i = 0; i < spec.fields.size() && i < file.partition.size(); ++i) {
      if (spec.fields[i].source_id != column.field.id) continue;
      const IcebergValue& value = file.partition[i];
      const Range range{IsNull(value), value, value, !IsNull(value)};
      wanted = wanted && MayMeet(test, column, spec.fields[i].transform, range);
    }
  }
  if (wanted || !time_) return wanted;
  const ColumnFacts times = FactsOf(file, *time_);
  // Rows without a time are dead letters, so they must be read.
  if (!times.bounded || times.nulls != 0) return true;
  const int64_t time = std::get<int64_t>(times.greatest);
  *latest = std::max(latest->value_or(time), time);
  return false;
}

}  // namespace millrace
