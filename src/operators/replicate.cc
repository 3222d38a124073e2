#include "operators/replicate.h"

#include <arrow/array.h>
#include <arrow/compare.h>
#include <arrow/record_batch.h>

#include <algorithm>

namespace millrace {
namespace {

class Replicate : public Operator {
 public:
  explicit Replicate(ReplicateSpec spec) : spec_(std::move(spec)) {}

  Result<Progress> OnBatch(int, const Batch& rows, Output& out) override {
    rows_ = rows;
    numbers_ = rows.rows->columns().back();
    MILL_ASSIGN(rows_.rows, rows.rows->RemoveColumn(rows.rows->num_columns() - 1));
    next_ = 0;
    left_ = 0;
    return OnMore(out);
  }

  Result<Progress> OnMore(Output& out) override {
    while (next_ < rows_.num_rows() || left_ > 0) {
      if (out.Full()) return Progress::kMore;
      MILL_RETURN(EmitChunk(out));
    }
    rows_ = Batch();
    return Progress::kDone;
  }

  std::string Describe() const override { return "Replicate"; }

 private:
  static constexpr size_t kMaxRows = 8192;

  Status EmitChunk(Output& out) {
    std::vector<int32_t> from;
    auto kinds = std::make_shared<std::vector<RowKind>>();
    while (from.size() < kMaxRows && (left_ > 0 || next_ < rows_.num_rows())) {
      if (left_ == 0) TakeRow();
      const int64_t copies = std::min<int64_t>(left_, static_cast<int64_t>(kMaxRows - from.size()));
      from.insert(from.end(), static_cast<size_t>(copies), row_);
      kinds->insert(kinds->end(), static_cast<size_t>(copies), kind_);
      left_ -= copies;
    }
    if (from.empty()) return Status::OK();
    MILL_ASSIGN(Batch copies, rows_.Take(from));
    copies.kinds = std::move(kinds);
    MILL_ASSIGN(copies.rows, copies.rows->ReplaceSchema(spec_.output));
    return out.Emit(std::move(copies));
  }

  int64_t Number(int64_t row) const {
    if (numbers_->IsNull(row)) return 0;
    return std::max<int64_t>(0, numbers_->data()->GetValues<int64_t>(1)[row]);
  }

  // Sets what is to be emitted of the next row, or of a row and what replaces it.
  void TakeRow() {
    row_ = static_cast<int32_t>(next_);
    int64_t change = Adds(rows_.kind(next_)) ? Number(next_) : -Number(next_);
    if (ReplacedByNext()) change += Number(++next_);
    ++next_;
    kind_ = change > 0 ? RowKind::kInsert : RowKind::kDelete;
    left_ = std::abs(change);
  }

  bool ReplacedByNext() const {
    if (next_ + 1 >= rows_.num_rows() || rows_.kind(next_) != RowKind::kUpdateBefore ||
        rows_.kind(next_ + 1) != RowKind::kUpdateAfter) {
      return false;
    }
    return std::all_of(rows_.rows->columns().begin(), rows_.rows->columns().end(),
                       [this](const auto& column) {
                         return arrow::ArrayRangeEquals(
                             *column, *column, next_, next_ + 1, next_ + 1,
                             arrow::EqualOptions::Defaults().nans_equal(true));
                       });
  }

  ReplicateSpec spec_;
  Batch rows_;  // being emitted
  std::shared_ptr<arrow::Array> numbers_;
  int64_t next_ = 0;  // the row to look at next
  // What is still to be emitted of the one before.
  int32_t row_ = 0;
  RowKind kind_ = RowKind::kInsert;
  int64_t left_ = 0;
};

}  // namespace

std::unique_ptr<Operator> MakeReplicate(ReplicateSpec spec) {
  return std::make_unique<Replicate>(std::move(spec));
}

}  // namespace millrace
