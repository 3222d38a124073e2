// Expression: a typed, bound scalar expression, evaluated column-wise over a batch. Plain data that
// prints; its functions come from the registry.
#pragma once

#include <arrow/compute/api.h>
#include <arrow/record_batch.h>

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/batch.h"
#include "data/type.h"

namespace millrace {

struct ScalarFunction;
struct Expression;
using ExpressionPtr = std::shared_ptr<const Expression>;

// What a function may know beside its arguments.
struct EvalContext {
  Timestamp processing_time = 0;   // ms: what PROCTIME(), NOW() ... answer for this batch
  Timestamp watermark = kMinTimestamp;  // event time: CURRENT_WATERMARK
  std::string time_zone = "UTC";   // table.local-time-zone
};

struct Expression {
  enum class Kind {
    kColumn,   // input column `column`
    kLiteral,  // `literal`
    kCall,     // function(args)
    kCase,     // args: [when, then]* else: branches are evaluated only where they are chosen
    kCast,     // args[0] to `type`; try_cast: NULL instead of an error
    kField,    // member number `column` of the row args[0]; NULL if the row is
  };
  Kind kind = Kind::kLiteral;
  SqlType type;
  int column = -1;
  std::string name;                        // kColumn, kField: for printing
  std::shared_ptr<arrow::Scalar> literal;  // of type.ToArrow()
  const ScalarFunction* function = nullptr;
  std::vector<ExpressionPtr> args;
  bool try_cast = false;

  // SQL-like text, for EXPLAIN and error messages.
  std::string ToString() const;
  // The same where nothing stands around it: without the parentheses around the whole.
  std::string ToClause() const;
};

ExpressionPtr MakeColumn(int column, std::string name, SqlType type);
ExpressionPtr MakeLiteral(std::shared_ptr<arrow::Scalar> value, SqlType type);
// `expression` as `type`; itself if it is that type already.
ExpressionPtr MakeCast(ExpressionPtr expression, SqlType type, bool try_cast = false);
// CASE over [when, then]* else; without an else it is NULL. Branches are cast to their common type.
Result<ExpressionPtr> MakeCase(std::vector<ExpressionPtr> args);
// The member `name` (exact case) of a row.
Result<ExpressionPtr> MakeField(ExpressionPtr row, const std::string& name);

// The value of `expression` for each row: an array of rows.num_rows(), or a scalar where it is the
// same for all rows. Type: expression.type.ToArrow().
Result<arrow::Datum> Evaluate(const Expression& expression, const arrow::RecordBatch& rows,
                              const EvalContext& context);
// As above, always an array.
Result<std::shared_ptr<arrow::Array>> EvaluateArray(const Expression& expression,
                                                    const arrow::RecordBatch& rows,
                                                    const EvalContext& context);
// True if the value depends on no column and on no context: it may be computed once.
bool IsConstant(const Expression& expression);
// True if no row can make it fail: it may be evaluated where its value is not wanted.
bool NeverFails(const Expression& expression);
// The constant's value.
Result<std::shared_ptr<arrow::Scalar>> EvaluateConstant(const Expression& expression);
// Adds the input columns that `expression` reads to `columns` (true = read).
void CollectColumns(const Expression& expression, std::vector<bool>& columns);
// The expression with each input column c replaced by `replacement[c]`.
ExpressionPtr ReplaceColumns(const ExpressionPtr& expression,
                             const std::vector<ExpressionPtr>& replacement);

// The common type of `types` as for CASE, COALESCE, UNION, IN; an error names the two that clash.
Result<SqlType> CommonType(const std::vector<SqlType>& types);
// True if a value of type `from` may stand where `to` is wanted without a CAST being written.
bool ImplicitlyCastable(const SqlType& from, const SqlType& to);
// True if CAST(from AS to) exists at all.
bool Castable(const SqlType& from, const SqlType& to);
// Converts an array or scalar between SQL types with Flink's results; an error names the value.
// try_cast: NULL for what cannot be converted.
Result<arrow::Datum> CastDatum(const arrow::Datum& value, const SqlType& from, const SqlType& to,
                               const EvalContext& context, bool try_cast);

}  // namespace millrace
