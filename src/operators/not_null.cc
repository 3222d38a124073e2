#include "operators/not_null.h"

#include <arrow/api.h>

#include <algorithm>

namespace millrace {
namespace {

class NotNull : public Operator {
 public:
  explicit NotNull(NotNullSpec spec) : spec_(std::move(spec)) {}

  Result<Progress> OnBatch(int, const Batch& rows, Output& out) override {
    const auto has_null = [&](int column) { return rows.rows->column(column)->null_count() > 0; };
    const auto found = std::find_if(spec_.columns.begin(), spec_.columns.end(), has_null);
    if (found == spec_.columns.end()) {
      MILL_RETURN(out.Emit(rows));
      return Progress::kDone;
    }
    if (!spec_.drop) {
      return UserError(
          "column '{}' of table '{}' is NOT NULL, but a NULL is written into it. hint: SET "
          "'table.exec.sink.not-null-enforcer' = 'DROP' drops such rows",
          rows.rows->column_name(*found), spec_.table);
    }
    std::vector<int32_t> kept;
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      const bool null = std::any_of(spec_.columns.begin(), spec_.columns.end(), [&](int column) {
        return rows.rows->column(column)->IsNull(row);
      });
      if (!null) kept.push_back(static_cast<int32_t>(row));
    }
    counts_.filtered += rows.num_rows() - static_cast<int64_t>(kept.size());
    if (kept.empty()) return Progress::kDone;
    MILL_ASSIGN(Batch left, rows.Take(kept));
    MILL_RETURN(out.Emit(std::move(left)));
    return Progress::kDone;
  }

  std::string Describe() const override {
    return fmt::format("NotNull({}{})", spec_.table, spec_.drop ? ", drop" : "");
  }

 private:
  NotNullSpec spec_;
};

}  // namespace

std::unique_ptr<Operator> MakeNotNull(NotNullSpec spec) {
  return std::make_unique<NotNull>(std::move(spec));
}

}  // namespace millrace
