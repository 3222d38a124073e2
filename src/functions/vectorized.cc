#include "functions/vectorized.h"

namespace millrace::vectorized {

Result<arrow::Datum> Finish(const SqlType& type, const Operands& operands,
                            std::shared_ptr<arrow::Buffer> values) {
  MILL_ASSIGN(Validity validity, Validity::Of(operands));
  return AsDatum(arrow::ArrayData::Make(type.ToArrow(), operands.rows,
                                        {validity.buffer(), std::move(values)},
                                        validity.null_count()),
                 operands.scalar);
}

}  // namespace millrace::vectorized
