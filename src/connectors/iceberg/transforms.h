// Partition transforms: which partition a column's value belongs to. Names as in the table spec:
// identity, bucket[N], truncate[W], year, month, day, hour, void; the engine's tables may also
// write them as functions: bucket(16, id), days(ts).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "connectors/iceberg/types.h"
#include "connectors/iceberg/values.h"

namespace millrace {

struct IcebergTransform {
  enum class Kind { kIdentity, kBucket, kTruncate, kYear, kMonth, kDay, kHour, kVoid, kUnknown };
  Kind kind = Kind::kIdentity;
  int width = 0;     // of bucket and truncate
  std::string name;  // as the table names it, for kUnknown

  // "bucket[16]". One that is not known is kept by its name: its partitions cannot be pruned.
  static IcebergTransform Parse(const std::string& text);
  std::string ToString() const;
  // Fails if values of `source` cannot be transformed.
  Status Check(const IcebergType& source) const;
  // The type of what comes out.
  IcebergType ResultOf(const IcebergType& source) const;
  // NULL becomes NULL.
  IcebergValue Apply(const IcebergValue& value, const IcebergType& source) const;
  // True if a <= b means Apply(a) <= Apply(b).
  bool KeepsOrder() const {
    return kind != Kind::kBucket && kind != Kind::kVoid && kind != Kind::kUnknown;
  }
  // A partition's value as folder names have it: "2024-01-01", "null".
  std::string Text(const IcebergValue& value, const IcebergType& source) const;
};

// One element of the option 'partitioning': "bucket(16, user_id)", "day(ts)", "country": the
// transform and the column. An error quotes the element.
Result<std::pair<IcebergTransform, std::string>> ParsePartitioning(std::string_view text);
// The name that a partition field gets: "user_id_bucket", "ts_day", "country".
std::string PartitionFieldName(const IcebergTransform& transform, const std::string& column);

// Murmur3, x86, 32 bits, seed 0: the hash of bucket[N].
uint32_t Murmur3(std::string_view bytes);

}  // namespace millrace
