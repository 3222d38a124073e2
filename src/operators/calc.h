// Calc: WHERE and SELECT in one pass: drops the rows for which a condition is not TRUE, then computes
// the output columns from those that stay.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "functions/expression.h"
#include "operators/operator.h"

namespace millrace {

struct CalcSpec {
  ExpressionPtr condition;                 // null: all rows
  std::vector<ExpressionPtr> expressions;  // empty with `project` false: the input's columns
  bool project = false;
  std::shared_ptr<arrow::Schema> output;
  std::string time_zone = "UTC";
};

std::unique_ptr<Operator> MakeCalc(CalcSpec spec);

// True if it calls CURRENT_WATERMARK, which answers the watermark under which the row came: the source
// must tell it for each row (Ingestion::watermark_of_each).
bool AsksForWatermark(const Expression& expression);

// LIMIT: passes on the first rows; sets `reached` when no more are wanted.
std::unique_ptr<Operator> MakeLimit(int64_t limit, int64_t offset,
                                    std::shared_ptr<std::atomic<bool>> reached);

}  // namespace millrace
