// What AvroWriter does with each column: write_plan.cc makes the steps, writer.cc walks them.
#pragma once

#include <arrow/type.h>
#include <arrow/type_traits.h>

#include <vector>

#include "base/status.h"
#include "formats/avro/schema.h"

namespace millrace {

struct AvroWriteStep {
  enum class Op : uint8_t {
    kNull, kBool, kInteger, kIntegerToFloat, kIntegerToDouble, kFloat, kFloatToDouble, kDouble,
    kTime, kBytes, kFixed, kEnum, kDecimal, kRecord, kArray, kMap, kEntries,
  };
  Op op = Op::kNull;
  int null_branch = -1;    // of a union with null
  int branch = -1;         // of a union: that of the value
  int64_t multiply = 1, divide = 1;    // kTime: into the field's unit
  int digits = 0;                      // kDecimal: to add
  const AvroType* type = nullptr;      // of the value
  std::vector<AvroWriteStep> children;
  std::vector<int> columns;            // kRecord: that of each field; -1: none, always NULL
};

// The step that writes `columns` as the record `type`, matched by name. `place` is "" for a table's
// own columns, else it names the column for errors.
Status ResolveAvroWrite(const AvroType& type, const arrow::FieldVector& columns,
                        const std::string& place, AvroWriteStep* step);

}  // namespace millrace
