// Column-wise evaluation. Where SQL promises that a part is not evaluated (CASE branches, the right side
// of AND and OR), the part runs over just the rows that want it, and its values are put back into place:
//
//   rows      a b c d        chosen by branch 0: a d   -> values  A D
//   branch    0 1 1 0        chosen by branch 1: b c   -> values  B C
//   pieces    [A D] [B C]    taken at 0 2 3 1          -> A B C D
#include <arrow/array/concatenate.h>
#include <arrow/array/util.h>
#include <arrow/compute/api.h>
#include <arrow/util/bit_util.h>

#include <numeric>

#include "functions/expression.h"
#include "functions/registry.h"

namespace millrace {
namespace {

using Rows = std::vector<int32_t>;

Result<arrow::Datum> TakeRows(const arrow::Datum& values, const Rows& indices) {
  static const arrow::compute::TakeOptions kUnchecked(/*boundscheck=*/false);
  const auto count = static_cast<int64_t>(indices.size());
  const arrow::Int32Array index_array(count, arrow::Buffer::Wrap(indices));
  return arrow::compute::Take(values, arrow::Datum(index_array.data()), kUnchecked);
}

// The rows at `indices`; only columns that `expression` reads are copied.
Result<std::shared_ptr<arrow::RecordBatch>> Subset(const Expression& expression,
                                                   const arrow::RecordBatch& rows,
                                                   const Rows& indices) {
  std::vector<bool> read(static_cast<size_t>(rows.num_columns()));
  CollectColumns(expression, read);
  const auto count = static_cast<int64_t>(indices.size());
  const auto unread = arrow::NullArray(count).data();
  arrow::ArrayDataVector columns;
  for (int i = 0; i < rows.num_columns(); ++i) {
    if (!read[static_cast<size_t>(i)]) {
      columns.push_back(unread);
      continue;
    }
    MILL_ASSIGN(arrow::Datum taken, TakeRows(arrow::Datum(rows.column_data(i)), indices));
    columns.push_back(taken.array());
  }
  return arrow::RecordBatch::Make(rows.schema(), count, std::move(columns));
}

// A value for some rows of a batch.
struct Piece {
  arrow::Datum value;
  bool full = false;  // an array over all rows of the batch, not just the chosen ones
};

// `expression` for the rows at `indices`, or for all where that is cheaper and safe.
Result<Piece> EvaluateChosen(const Expression& expression, const arrow::RecordBatch& rows,
                             const Rows& indices, const EvalContext& context) {
  const bool all = static_cast<int64_t>(indices.size()) == rows.num_rows();
  const bool simple = expression.args.empty();
  const bool most = static_cast<int64_t>(indices.size()) * 2 > rows.num_rows();
  if (all || simple || (most && NeverFails(expression))) {
    MILL_ASSIGN(arrow::Datum value, Evaluate(expression, rows, context));
    return Piece{value, value.is_array()};
  }
  MILL_ASSIGN(auto subset, Subset(expression, rows, indices));
  MILL_ASSIGN(arrow::Datum value, Evaluate(expression, *subset, context));
  return Piece{value, false};
}

// Puts pieces together: row i has the value of piece choice[i].
Result<arrow::Datum> Scatter(const std::vector<Piece>& pieces, const std::vector<int32_t>& choice) {
  arrow::ArrayVector arrays;
  std::vector<int32_t> next;  // where in the concatenation the piece's next value stands
  int64_t total = 0;
  for (const Piece& piece : pieces) {
    next.push_back(static_cast<int32_t>(total));
    if (piece.value.is_scalar()) {
      MILL_ASSIGN(auto array, arrow::MakeArrayFromScalar(*piece.value.scalar(), 1));
      arrays.push_back(std::move(array));
    } else {
      arrays.push_back(piece.value.make_array());
    }
    total += arrays.back()->length();
  }
  Rows indices(choice.size());
  for (size_t i = 0; i < choice.size(); ++i) {
    const auto at = static_cast<size_t>(choice[i]);
    if (pieces[at].full) {
      indices[i] = next[at] + static_cast<int32_t>(i);
    } else {
      indices[i] = pieces[at].value.is_scalar() ? next[at] : next[at]++;
    }
  }
  MILL_ASSIGN(auto all, arrow::Concatenate(arrays));
  return TakeRows(arrow::Datum(all), indices);
}

bool IsTrueAt(const arrow::ArrayData& bools, int64_t row) {
  return bools.IsValid(row) &&
         arrow::bit_util::GetBit(bools.buffers[1]->data(), bools.offset + row);
}

bool IsTrue(const arrow::Scalar& value) {
  return value.is_valid && static_cast<const arrow::BooleanScalar&>(value).value;
}

// Moves the rows of `remaining` whose condition holds to `chosen`.
void Split(const Piece& condition, Rows* remaining, Rows* chosen) {
  if (condition.value.is_scalar()) {
    if (IsTrue(*condition.value.scalar())) chosen->swap(*remaining);
    return;
  }
  const arrow::ArrayData& bools = *condition.value.array();
  size_t kept = 0;
  for (size_t i = 0; i < remaining->size(); ++i) {
    const int32_t row = (*remaining)[i];
    if (IsTrueAt(bools, condition.full ? row : static_cast<int64_t>(i))) {
      chosen->push_back(row);
    } else {
      (*remaining)[kept++] = row;
    }
  }
  remaining->resize(kept);
}

Rows AllRows(const arrow::RecordBatch& rows) {
  Rows all(static_cast<size_t>(rows.num_rows()));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

class CaseEvaluation {
 public:
  CaseEvaluation(const Expression& expression, const arrow::RecordBatch& rows,
                 const EvalContext& context)
      : expression_(expression), rows_(rows), context_(context), remaining_(AllRows(rows)),
        choice_(remaining_.size()) {}

  Result<arrow::Datum> Run() {
    const auto& args = expression_.args;
    for (size_t i = 0; i + 1 < args.size() && !remaining_.empty(); i += 2) {
      MILL_ASSIGN(Piece condition, EvaluateChosen(*args[i], rows_, remaining_, context_));
      Rows chosen;
      Split(condition, &remaining_, &chosen);
      MILL_RETURN(AddBranch(*args[i + 1], chosen));
    }
    MILL_RETURN(AddBranch(*args.back(), remaining_));
    if (pieces_.size() == 1) return pieces_[0].value;  // one branch for all rows
    return Scatter(pieces_, choice_);
  }

 private:
  Status AddBranch(const Expression& branch, const Rows& chosen) {
    if (chosen.empty()) return Status::OK();
    MILL_ASSIGN(Piece piece, EvaluateChosen(branch, rows_, chosen, context_));
    const auto number = static_cast<int32_t>(pieces_.size());
    for (int32_t row : chosen) choice_[static_cast<size_t>(row)] = number;
    pieces_.push_back(std::move(piece));
    return Status::OK();
  }

  const Expression& expression_;
  const arrow::RecordBatch& rows_;
  const EvalContext& context_;
  Rows remaining_;
  std::vector<int32_t> choice_;
  std::vector<Piece> pieces_;
};

Result<arrow::Datum> EvaluateCase(const Expression& expression, const arrow::RecordBatch& rows,
                                  const EvalContext& context) {
  if (rows.num_rows() == 0) {
    MILL_ASSIGN(auto empty, arrow::MakeEmptyArray(expression.type.ToArrow()));
    return arrow::Datum(std::move(empty));
  }
  return CaseEvaluation(expression, rows, context).Run();
}

Result<arrow::Datum> CallFunction(const Expression& call, std::vector<arrow::Datum> values,
                                  int64_t rows, const EvalContext& context) {
  std::vector<SqlType> types;
  types.reserve(call.args.size());
  for (const ExpressionPtr& arg : call.args) types.push_back(arg->type);
  auto result = call.function->eval(Call{values, types, call.type, rows, context});
  if (!result.ok()) return Annotate(result.status(), call.ToString());
  return result;
}

// AND, OR with a right side that can fail: it runs where the left does not decide.
Result<arrow::Datum> EvaluateShortCircuit(const Expression& call, const arrow::RecordBatch& rows,
                                          const EvalContext& context) {
  const bool decisive = call.function->name == "OR";
  MILL_ASSIGN(auto left, EvaluateArray(*call.args[0], rows, context));
  const auto& bools = static_cast<const arrow::BooleanArray&>(*left);
  Rows open;
  std::vector<int32_t> choice(static_cast<size_t>(rows.num_rows()));
  for (int64_t i = 0; i < rows.num_rows(); ++i) {
    if (bools.IsValid(i) && bools.Value(i) == decisive) continue;
    choice[static_cast<size_t>(i)] = 1;
    open.push_back(static_cast<int32_t>(i));
  }
  if (open.empty()) return arrow::Datum(left);
  MILL_ASSIGN(Piece right, EvaluateChosen(*call.args[1], rows, open, context));
  arrow::Datum spread = right.value;
  if (!right.full && right.value.is_array()) {
    MILL_ASSIGN(spread, Scatter({Piece{arrow::Datum(decisive), false}, right}, choice));
  }
  return CallFunction(call, {arrow::Datum(left), spread}, rows.num_rows(), context);
}

Result<arrow::Datum> EvaluateCall(const Expression& call, const arrow::RecordBatch& rows,
                                  const EvalContext& context) {
  const std::string& name = call.function->name;
  if ((name == "AND" || name == "OR") && !NeverFails(*call.args[1])) {
    return EvaluateShortCircuit(call, rows, context);
  }
  std::vector<arrow::Datum> values;
  values.reserve(call.args.size());
  for (const ExpressionPtr& arg : call.args) {
    MILL_ASSIGN(arrow::Datum value, Evaluate(*arg, rows, context));
    values.push_back(std::move(value));
  }
  return CallFunction(call, std::move(values), rows.num_rows(), context);
}

Result<arrow::Datum> EvaluateField(const Expression& field, const arrow::RecordBatch& rows,
                                   const EvalContext& context) {
  MILL_ASSIGN(arrow::Datum row, Evaluate(*field.args[0], rows, context));
  if (row.is_array()) {
    const arrow::StructArray structs(row.array());
    MILL_ASSIGN(auto member, structs.GetFlattenedField(field.column));
    return arrow::Datum(std::move(member));
  }
  const auto& scalar = static_cast<const arrow::StructScalar&>(*row.scalar());
  if (!scalar.is_valid) return arrow::Datum(arrow::MakeNullScalar(field.type.ToArrow()));
  return arrow::Datum(scalar.value[static_cast<size_t>(field.column)]);
}

}  // namespace

Result<arrow::Datum> Evaluate(const Expression& expression, const arrow::RecordBatch& rows,
                              const EvalContext& context) {
  switch (expression.kind) {
    case Expression::Kind::kColumn: return arrow::Datum(rows.column_data(expression.column));
    case Expression::Kind::kLiteral: return arrow::Datum(expression.literal);
    case Expression::Kind::kCall: return EvaluateCall(expression, rows, context);
    case Expression::Kind::kCase: return EvaluateCase(expression, rows, context);
    case Expression::Kind::kField: return EvaluateField(expression, rows, context);
    case Expression::Kind::kCast: break;
  }
  MILL_ASSIGN(arrow::Datum value, Evaluate(*expression.args[0], rows, context));
  return CastDatum(value, expression.args[0]->type, expression.type, context, expression.try_cast);
}

Result<std::shared_ptr<arrow::Array>> EvaluateArray(const Expression& expression,
                                                    const arrow::RecordBatch& rows,
                                                    const EvalContext& context) {
  MILL_ASSIGN(arrow::Datum value, Evaluate(expression, rows, context));
  if (value.is_array()) return value.make_array();
  return arrow::MakeArrayFromScalar(*value.scalar(), rows.num_rows());
}

Result<std::shared_ptr<arrow::Scalar>> EvaluateConstant(const Expression& expression) {
  static const auto kNoRows = arrow::RecordBatch::Make(arrow::schema({}), 1, arrow::ArrayDataVector());
  MILL_ASSIGN(arrow::Datum value, Evaluate(expression, *kNoRows, EvalContext()));
  if (value.is_scalar()) return value.scalar();
  return value.make_array()->GetScalar(0);
}

}  // namespace millrace
