#include "operators/not_null.h"

#include <arrow/api.h>

#include <algorithm>

namespace millrace {
namespace {

bool IsNested(const SqlType& type) {
  return type.kind == TypeKind::kRow || type.kind == TypeKind::kArray || type.kind == TypeKind::kMap;
}

// As BreaksNotNull for any of the elements from `begin` to `end`.
bool AnyBreaks(const SqlType& type, const arrow::Array& elements, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    if (BreaksNotNull(type, elements, i, NestedNulls::kRowsAndCollections)) return true;
  }
  return false;
}

bool BreaksInside(const SqlType& type, const arrow::Array& array, int64_t row, NestedNulls nested) {
  if (type.kind == TypeKind::kRow) {
    const auto& rows = static_cast<const arrow::StructArray&>(array);
    for (int i = 0; i < rows.num_fields(); ++i) {
      const SqlType& member = *type.children[static_cast<size_t>(i)].type;
      if (BreaksNotNull(member, *rows.field(i), row, nested)) return true;
    }
    return false;
  }
  if (nested != NestedNulls::kRowsAndCollections) return false;
  if (type.kind == TypeKind::kArray) {
    const auto& lists = static_cast<const arrow::ListArray&>(array);
    return AnyBreaks(*type.children[0].type, *lists.values(), lists.value_offset(row),
                     lists.value_offset(row + 1));
  }
  const auto& maps = static_cast<const arrow::MapArray&>(array);
  const int64_t begin = maps.value_offset(row), end = maps.value_offset(row + 1);
  return AnyBreaks(*type.children[0].type, *maps.keys(), begin, end) ||
         AnyBreaks(*type.children[1].type, *maps.items(), begin, end);
}

class NotNull : public Operator {
 public:
  explicit NotNull(NotNullSpec spec) : spec_(std::move(spec)) {}

  Result<Progress> OnBatch(int, const Batch& rows, Output& out) override {
    std::vector<int32_t> kept;
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      const int column = FirstBroken(*rows.rows, row);
      if (column < 0) {
        kept.push_back(static_cast<int32_t>(row));
      } else if (!spec_.drop) {
        return UserError(
            "column '{}' of table '{}' is NOT NULL, but a NULL is written into it. hint: SET "
            "'table.exec.sink.not-null-enforcer' = 'DROP' drops such rows",
            rows.rows->column_name(column), spec_.table);
      }
    }
    if (std::ssize(kept) == rows.num_rows()) {
      MILL_RETURN(out.Emit(rows));
      return Progress::kDone;
    }
    counts_.filtered += rows.num_rows() - std::ssize(kept);
    if (kept.empty()) return Progress::kDone;
    MILL_ASSIGN(Batch left, rows.Take(kept));
    MILL_RETURN(out.Emit(std::move(left)));
    return Progress::kDone;
  }

  std::string Describe() const override {
    return fmt::format("NotNull({}{})", spec_.table, spec_.drop ? ", drop" : "");
  }

 private:
  // The column with a NULL that must not be; -1: none.
  int FirstBroken(const arrow::RecordBatch& rows, int64_t row) const {
    for (const auto& [column, type] : spec_.columns) {
      if (BreaksNotNull(type, *rows.column(column), row, spec_.nested)) return column;
    }
    return -1;
  }

  NotNullSpec spec_;
};

}  // namespace

bool BreaksNotNull(const SqlType& type, const arrow::Array& array, int64_t row, NestedNulls nested) {
  if (array.IsNull(row)) return !type.nullable;
  return nested != NestedNulls::kIgnore && IsNested(type) && BreaksInside(type, array, row, nested);
}

std::unique_ptr<Operator> MakeNotNull(NotNullSpec spec) {
  return std::make_unique<NotNull>(std::move(spec));
}

}  // namespace millrace
