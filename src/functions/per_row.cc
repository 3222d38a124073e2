#include "functions/per_row.h"

#include <arrow/util/bitmap_ops.h>

namespace millrace {
namespace {

// The operand's validity as a bitmap that begins at bit 0.
Result<std::shared_ptr<arrow::Buffer>> AlignedBits(const arrow::ArrayData& data) {
  if (data.offset == 0) return data.buffers[0];
  return arrow::internal::CopyBitmap(arrow::default_memory_pool(), data.buffers[0]->data(),
                                     data.offset, data.length);
}

}  // namespace

Result<Operand> MakeOperand(const arrow::Datum& value) {
  if (value.is_array()) return Operand{value.array(), false};
  if (!value.is_scalar()) return Status::NotImplemented("neither array nor scalar");
  MILL_ASSIGN(auto array, arrow::MakeArrayFromScalar(*value.scalar(), 1));
  return Operand{array->data(), true};
}

Result<Operands> MakeOperands(const std::vector<arrow::Datum>& args, int64_t rows) {
  Operands operands;
  operands.scalar = true;
  for (const arrow::Datum& arg : args) {
    MILL_ASSIGN(Operand operand, MakeOperand(arg));
    operands.scalar = operands.scalar && operand.scalar;
    operands.items.push_back(std::move(operand));
  }
  operands.rows = operands.scalar ? 1 : rows;
  return operands;
}

Result<Validity> Validity::Of(const Operands& operands) {
  Validity validity;
  validity.rows_ = operands.rows;
  for (const Operand& operand : operands.items) {
    if (operand.data->GetNullCount() == 0) continue;
    if (operand.scalar || operand.data->type->id() == arrow::Type::NA) {
      MILL_ASSIGN(validity.bits_, arrow::AllocateEmptyBitmap(operands.rows));
      validity.nulls_ = operands.rows;
      return validity;
    }
    if (!validity.bits_) {
      MILL_ASSIGN(validity.bits_, AlignedBits(*operand.data));
      continue;
    }
    MILL_ASSIGN(validity.bits_,
                arrow::internal::BitmapAnd(arrow::default_memory_pool(), validity.bits_->data(), 0,
                                           operand.data->buffers[0]->data(), operand.data->offset,
                                           operands.rows, 0));
    validity.writable_ = true;
  }
  if (validity.bits_) {
    validity.nulls_ = operands.rows - arrow::internal::CountSetBits(validity.bits_->data(), 0,
                                                                    operands.rows);
  }
  return validity;
}

Status Validity::MakeWritable() {
  std::shared_ptr<arrow::Buffer> old = bits_;
  MILL_ASSIGN(bits_, arrow::AllocateBitmap(rows_));
  const auto bytes = static_cast<size_t>(arrow::bit_util::BytesForBits(rows_));
  if (old) {
    std::memcpy(bits_->mutable_data(), old->data(), bytes);
  } else {
    std::memset(bits_->mutable_data(), 0xFF, bytes);
  }
  writable_ = true;
  return Status::OK();
}

Status Validity::SetNull(int64_t row) {
  if (!writable_) MILL_RETURN(MakeWritable());
  arrow::bit_util::ClearBit(bits_->mutable_data(), row);
  ++nulls_;
  return Status::OK();
}

Result<arrow::Datum> AsDatum(std::shared_ptr<arrow::ArrayData> data, bool scalar) {
  if (!scalar) return arrow::Datum(std::move(data));
  MILL_ASSIGN(auto value, arrow::MakeArray(data)->GetScalar(0));
  return arrow::Datum(std::move(value));
}

}  // namespace millrace
