#include "formats/parquet_statistics.h"

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <parquet/statistics.h>

#include <cmath>
#include <optional>
#include <utility>

#include "formats/parquet_types.h"

namespace millrace {
namespace {

using Bounds = std::optional<std::pair<ColumnValue, ColumnValue>>;

template <typename Type>
auto BoundsOf(const parquet::Statistics& statistics) {
  const auto& typed = static_cast<const parquet::TypedStatistics<Type>&>(statistics);
  return std::pair(typed.min(), typed.max());
}

Bounds IntegerBounds(const parquet::Statistics& statistics) {
  if (statistics.physical_type() == parquet::Type::INT32) {
    const auto [least, greatest] = BoundsOf<parquet::Int32Type>(statistics);
    return std::pair(ColumnValue(int64_t{least}), ColumnValue(int64_t{greatest}));
  }
  if (statistics.physical_type() != parquet::Type::INT64) return {};
  const auto [least, greatest] = BoundsOf<parquet::Int64Type>(statistics);
  return std::pair(ColumnValue(least), ColumnValue(greatest));
}

// Converted as the values are, which keeps their order.
Bounds TimestampBounds(const parquet::Statistics& statistics,
                       const std::shared_ptr<arrow::DataType>& stored, const SqlType& type) {
  if (statistics.physical_type() != parquet::Type::INT64) return {};  // INT96 has no order
  const auto [least, greatest] = BoundsOf<parquet::Int64Type>(statistics);
  auto values = arrow::Buffer::FromVector(std::vector<int64_t>{least, greatest});
  const auto made =
      ConvertTo(arrow::MakeArray(arrow::ArrayData::Make(stored, 2, {nullptr, std::move(values)})),
                type);
  if (!made.ok()) return {};
  const int64_t* converted = (*made)->data()->GetValues<int64_t>(1);
  return std::pair(ColumnValue(converted[0]), ColumnValue(converted[1]));
}

template <typename Type>
Bounds FloatBounds(const parquet::Statistics& statistics) {
  const auto [least, greatest] = BoundsOf<Type>(statistics);
  if (std::isnan(least) || std::isnan(greatest)) return {};
  return std::pair(ColumnValue(double{least}), ColumnValue(double{greatest}));
}

Bounds TextBounds(const parquet::Statistics& statistics) {
  const auto [least, greatest] = BoundsOf<parquet::ByteArrayType>(statistics);
  return std::pair(ColumnValue(std::string(std::string_view(least))),
                   ColumnValue(std::string(std::string_view(greatest))));
}

Bounds BoundsOf(const parquet::Statistics& statistics,
                const std::shared_ptr<arrow::DataType>& stored, const SqlType& type) {
  const arrow::Type::type id = stored->id();
  if (type.IsInteger()) {
    return arrow::is_signed_integer(id) ? IntegerBounds(statistics) : Bounds();
  }
  if (type.kind == TypeKind::kDate && id == arrow::Type::DATE32) return IntegerBounds(statistics);
  if (type.IsTimestamp() && id == arrow::Type::TIMESTAMP) {
    return TimestampBounds(statistics, stored, type);
  }
  if (type.IsApproximate() && statistics.physical_type() == parquet::Type::FLOAT) {
    return FloatBounds<parquet::FloatType>(statistics);
  }
  if (type.IsApproximate() && statistics.physical_type() == parquet::Type::DOUBLE) {
    return FloatBounds<parquet::DoubleType>(statistics);
  }
  const bool text = id == arrow::Type::STRING || id == arrow::Type::LARGE_STRING;
  return text && type.kind == TypeKind::kVarchar ? TextBounds(statistics) : Bounds();
}

}  // namespace

ColumnFacts FactsOfGroup(const parquet::RowGroupMetaData& group,
                         const parquet::arrow::SchemaField& field, const SqlType& type) {
  ColumnFacts facts;
  facts.rows = group.num_rows();
  if (!field.is_leaf()) return facts;
  const auto chunk = group.ColumnChunk(field.column_index);
  const auto statistics = chunk->is_stats_set() ? chunk->statistics() : nullptr;
  if (!statistics) return facts;
  if (statistics->HasNullCount()) facts.nulls = statistics->null_count();
  if (!statistics->HasMinMax()) return facts;
  std::shared_ptr<arrow::DataType> stored = field.field->type();
  if (stored->id() == arrow::Type::DICTIONARY) {
    stored = static_cast<const arrow::DictionaryType&>(*stored).value_type();
  }
  if (const Bounds bounds = BoundsOf(*statistics, stored, type)) {
    facts.bounded = true;
    facts.least = bounds->first;
    facts.greatest = bounds->second;
  }
  return facts;
}

}  // namespace millrace
