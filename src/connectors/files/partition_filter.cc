#include "connectors/files/partition_filter.h"

#include <arrow/array.h>
#include <arrow/compute/cast.h>

#include <algorithm>
#include <optional>

#include "connectors/files/file_columns.h"
#include "connectors/files/partition_path.h"

namespace millrace {
namespace {

// The first value of `array` as conditions compare it; none for a type that they do not compare.
std::optional<ColumnValue> ValueOf(const arrow::Array& array, const SqlType& type) {
  const bool whole = type.IsInteger() || type.IsTimestamp() || type.kind == TypeKind::kDate;
  if (type.kind == TypeKind::kVarchar) {
    return ColumnValue(static_cast<const arrow::StringArray&>(array).GetString(0));
  }
  if (!whole && !type.IsApproximate()) return std::nullopt;
  std::shared_ptr<arrow::DataType> wide = arrow::int64();
  if (type.IsApproximate()) wide = arrow::float64();
  if (type.kind == TypeKind::kDate) wide = arrow::int32();
  auto cast = arrow::compute::Cast(array, wide);
  if (cast.ok() && type.kind == TypeKind::kDate) {
    cast = arrow::compute::Cast(**cast, wide = arrow::int64());
  }
  if (!cast.ok()) return std::nullopt;
  if (type.IsApproximate()) {
    return ColumnValue(static_cast<const arrow::DoubleArray&>(**cast).Value(0));
  }
  return ColumnValue(static_cast<const arrow::Int64Array&>(**cast).Value(0));
}

ColumnFacts FactsOf(const arrow::Array& array, const SqlType& type) {
  ColumnFacts facts;
  facts.rows = 1;
  facts.nulls = array.null_count();
  if (facts.nulls > 0) return facts;
  if (auto value = ValueOf(array, type)) {
    facts.bounded = true;
    facts.least = facts.greatest = std::move(*value);
  }
  return facts;
}

}  // namespace

PartitionFilter::PartitionFilter(const TableInfo& table)
    : default_name_(StringOption(table.options, "partition.default-name", kDefaultPartition)) {
  const auto& names = table.partitioned_by;
  for (const ColumnCondition& condition : table.conditions) {
    const bool named = std::find(names.begin(), names.end(), condition.column) != names.end();
    const int at = table.schema.Find(condition.column);
    if (named && at >= 0) {
      conditions_.emplace_back(condition, table.schema.columns[static_cast<size_t>(at)]);
    }
  }
}

bool PartitionFilter::MayPass(const std::string& path) const {
  return std::all_of(conditions_.begin(), conditions_.end(), [&](const auto& each) {
    const auto& [condition, column] = each;
    const auto value = PartitionOf(path, column, default_name_);
    return !value.ok() || millrace::MayPass(condition, FactsOf(**value, column.type));
  });
}

}  // namespace millrace
