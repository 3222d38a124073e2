#include "operators/expand.h"

#include <arrow/api.h>

namespace millrace {
namespace {

class Expand : public Operator {
 public:
  explicit Expand(ExpandSpec spec) : spec_(std::move(spec)) {}

  Result<Progress> OnBatch(int, const Batch& rows, Output& out) override {
    const int64_t count = rows.num_rows();
    for (size_t set = 0; set < spec_.sets.size(); ++set) {
      arrow::ArrayVector columns = rows.rows->columns();
      for (size_t i = 0; i < spec_.columns.size(); ++i) {
        if (spec_.sets[set][i]) continue;
        auto& column = columns[static_cast<size_t>(spec_.columns[i])];
        MILL_ASSIGN(column, arrow::MakeArrayOfNull(column->type(), count));
      }
      MILL_ASSIGN(auto number, arrow::MakeArrayFromScalar(
                                   arrow::Int32Scalar(static_cast<int32_t>(set)), count));
      columns.push_back(std::move(number));
      MILL_RETURN(out.Emit(
          rows.With(arrow::RecordBatch::Make(spec_.output, count, std::move(columns)))));
    }
    return Progress::kDone;
  }

  std::string Describe() const override {
    return "Expand(sets=" + std::to_string(spec_.sets.size()) + ")";
  }

 private:
  ExpandSpec spec_;
};

}  // namespace

std::unique_ptr<Operator> MakeExpand(ExpandSpec spec) {
  return std::make_unique<Expand>(std::move(spec));
}

}  // namespace millrace
