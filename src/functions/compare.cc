#include "functions/compare.h"

#include <arrow/array.h>
#include <arrow/compare.h>

#include <cstring>

#include "functions/vectorized.h"

namespace millrace {
namespace {

struct Equal {
  template <typename T>
  bool operator()(const T& a, const T& b) const { return a == b; }
};
struct NotEqual {
  template <typename T>
  bool operator()(const T& a, const T& b) const { return a != b; }
};
struct Less {
  template <typename T>
  bool operator()(const T& a, const T& b) const { return a < b; }
};
struct LessEqual {
  template <typename T>
  bool operator()(const T& a, const T& b) const { return a <= b; }
};

// Text: lengths decide most inequalities before any byte is read.
struct TextEqual {
  bool operator()(std::string_view a, std::string_view b) const {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
  }
};
struct TextNotEqual {
  bool operator()(std::string_view a, std::string_view b) const { return !TextEqual()(a, b); }
};

template <typename Op>
Result<arrow::Datum> CompareNumbers(const Call& call) {
  return WithNumberType(call.arg_types[0].kind, [&](auto number) -> Result<arrow::Datum> {
    return TestValues<decltype(number)>(call, Op());
  });
}

template <typename Op, typename TextOp>
Result<arrow::Datum> CompareScalars(const Call& call) {
  const SqlType& type = call.arg_types[0];
  if (type.IsString() || type.IsBinary()) {
    return RunPerRow<bool(std::string_view, std::string_view)>(call, TextOp());
  }
  if (type.kind == TypeKind::kDecimal) return RunPerRow<bool(Int128, Int128)>(call, Op());
  if (type.kind == TypeKind::kBoolean) return RunPerRow<bool(bool, bool)>(call, Op());
  return CompareNumbers<Op>(call);
}

// Arrays, maps and rows have equality only.
Result<arrow::Datum> CompareNested(const Call& call, bool equal) {
  MILL_ASSIGN(Operands operands, MakeOperands(call.args, call.rows));
  MILL_ASSIGN(Validity validity, Validity::Of(operands));
  MILL_ASSIGN(auto writer, Writer<bool>::Make(operands.rows));
  const auto left = arrow::MakeArray(operands.items[0].data);
  const auto right = arrow::MakeArray(operands.items[1].data);
  for (int64_t row = 0; row < operands.rows; ++row) {
    if (!validity.IsValid(row)) continue;
    const int64_t at = operands.items[0].At(row);
    const bool same = left->RangeEquals(*right, at, at + 1, operands.items[1].At(row));
    writer.Set(row, same == equal);
  }
  MILL_ASSIGN(auto buffers, writer.Finish());
  buffers[0] = validity.buffer();
  return AsDatum(arrow::ArrayData::Make(arrow::boolean(), operands.rows, std::move(buffers),
                                        validity.null_count()),
                 operands.scalar);
}

Result<arrow::Datum> CompareSwapped(const Call& call, Comparison comparison) {
  const std::vector<arrow::Datum> args = {call.args[1], call.args[0]};
  return Compare(comparison, Call{args, call.arg_types, call.type, call.rows, call.context});
}

bool IsConvertible(const SqlType& type) {
  return type.IsNumeric() || type.IsTimestamp() || type.kind == TypeKind::kDate ||
         type.kind == TypeKind::kTime || type.kind == TypeKind::kBoolean;
}

}  // namespace

Result<arrow::Datum> Compare(Comparison comparison, const Call& call) {
  if (!call.arg_types[0].children.empty()) {
    return CompareNested(call, comparison == Comparison::kEqual);
  }
  switch (comparison) {
    case Comparison::kEqual: return CompareScalars<Equal, TextEqual>(call);
    case Comparison::kNotEqual: return CompareScalars<NotEqual, TextNotEqual>(call);
    case Comparison::kLess: return CompareScalars<Less, Less>(call);
    case Comparison::kLessEqual: return CompareScalars<LessEqual, LessEqual>(call);
    case Comparison::kGreater: return CompareSwapped(call, Comparison::kLess);
    case Comparison::kGreaterEqual: return CompareSwapped(call, Comparison::kLessEqual);
  }
  return Status::UnknownError("comparison");
}

Result<arrow::Datum> Compare(Comparison comparison, const arrow::Datum& a, const arrow::Datum& b,
                             const SqlType& type, const Call& call) {
  const std::vector<arrow::Datum> args = {a, b};
  const std::vector<SqlType> types = {type, type};
  const SqlType boolean = SqlType::Boolean();
  return Compare(comparison, Call{args, types, boolean, call.rows, call.context});
}

Result<SqlType> ComparisonType(const std::vector<SqlType>& types) {
  std::vector<SqlType> wanted;
  bool has_text = false, has_other = false;
  for (const SqlType& type : types) {
    has_text = has_text || type.IsString();
    has_other = has_other || IsConvertible(type);
  }
  for (const SqlType& type : types) {
    if (has_text && has_other && type.IsString()) continue;
    // Text is compared whatever its declared length is.
    SqlType plain = type.IsString() ? SqlType::String() : type;
    plain.nullable = type.nullable;
    wanted.push_back(std::move(plain));
  }
  MILL_ASSIGN(SqlType common, CommonType(wanted));
  return common.kind == TypeKind::kNull ? SqlType::Int() : common;
}

}  // namespace millrace
