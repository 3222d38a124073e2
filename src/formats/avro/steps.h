// What AvroReader does with each part of a record: resolve.cc makes the steps, reader.cc walks them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/type.h"
#include "formats/avro/schema.h"

namespace millrace {

struct AvroStep {
  enum class Op : uint8_t {
    kSkip,                                 // nobody wants it
    kNull, kBool,
    kInt8, kInt16, kInt32, kInt64,         // from int and long
    kIntToFloat, kIntToDouble,
    kFloat, kFloatToDouble, kDouble,
    kText, kBytes, kFixed, kEnum,
    kTime, kTimestamp, kDecimal,
    kRecord, kArray, kMap, kEntries,       // kEntries: an array of {key, value} into a MAP
    kNullable,                             // a union of null and children[0]
    kUnion,                                // children by branch
    kRefuse,                               // a branch that the column cannot take
  };

  Op op = Op::kSkip;
  bool not_null = false;             // the column (or item) is NOT NULL
  bool is_fixed = false;             // kDecimal: of a fixed, not of bytes
  int8_t null_branch = 0;            // kNullable: 0 or 1
  int digits = 0;                    // kTime, kTimestamp: digits to add, or to cut if below 0
  int precision = 0;                 // kDecimal: of the column
  int64_t width = 1;                 // columns at the leaves
  const AvroType* writer = nullptr;
  std::vector<AvroStep> children;    // kRecord: one for each field of the writer
  std::vector<int> targets;          // kRecord: the column of each; -1: none
};

// The step that reads `writer` into `type`. `place` names the column for errors.
Result<AvroStep> ResolveAvro(const AvroType& writer, const SqlType& type,
                             const std::string& place);
// The step of a record into columns named so.
Result<AvroStep> ResolveAvroRecord(const AvroType& writer, const std::vector<RowField>& columns,
                                   const std::string& place);

}  // namespace millrace
