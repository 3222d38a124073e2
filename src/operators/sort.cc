#include "operators/sort.h"

#include <arrow/api.h>
#include <arrow/compare.h>
#include <arrow/compute/api.h>

#include <algorithm>
#include <numeric>

#include "operators/aggregate_set.h"
#include "operators/numbered_rows.h"

namespace millrace {
namespace {

class Sort : public Operator {
 public:
  explicit Sort(SortSpec spec) : spec_(std::move(spec)) {
    window_.time_column = spec_.time_column;
    arrow::FieldVector fields = spec_.output->fields();
    fields.push_back(NumberedRows::Field());
    number_ = spec_.output->num_fields();
    table_ = {"waiting", "rows whose time has not come", arrow::schema(std::move(fields)), {},
              {number_}};
  }

  Result<Progress> OnBatch(int, const Batch& rows, Output&) override {
    arrival_ = std::max(arrival_, rows.arrival);
    if (spec_.time_column < 0) {
      MILL_RETURN(Keep(rows));
      return Progress::kDone;
    }
    MILL_ASSIGN(Batch kept, DropLate(rows));
    if (kept.num_rows() == 0) return Progress::kDone;
    const RowTimes times(window_, watermark_, kept);
    for (size_t i = 0; i < static_cast<size_t>(kept.num_rows()); ++i) {
      earliest_ = std::min(earliest_, times[i]);
    }
    waiting_.push_back(WithNumbers(*kept.rows));
    return Progress::kDone;
  }

  Result<Progress> OnWatermark(TimeDomain domain, Timestamp time, Output& out) override {
    if (spec_.time_column < 0 || domain != spec_.domain) return Progress::kDone;
    watermark_ = std::max(watermark_, time);
    if (earliest_ > watermark_) return Progress::kDone;
    MILL_RETURN(SortWaiting());
    return OnMore(out);
  }

  Result<Progress> OnEnd(Output& out) override {
    watermark_ = kMaxTimestamp;
    MILL_RETURN(SortWaiting());
    return OnMore(out);
  }

  Result<Progress> OnMore(Output& out) override {
    const int64_t count = ready_ ? ready_->num_rows() : 0;
    while (emitted_ < count) {
      if (out.Full()) return Progress::kMore;
      const int64_t length =
          std::min(count - emitted_, static_cast<int64_t>(kMaxResultRows));
      MILL_ASSIGN(auto rows, ready_->Slice(emitted_, length)->RemoveColumn(number_));
      MILL_RETURN(out.Emit({std::move(rows), nullptr, nullptr, arrival_}));
      emitted_ += length;
    }
    ready_ = nullptr;
    emitted_ = 0;
    return Progress::kDone;
  }

  Status Save(StateWriter& writer) override {
    int64_t count = 0;
    for (const auto& rows : waiting_) count += rows->num_rows();
    MILL_ASSIGN(const int64_t from, numbers_.BeginSave(writer, table_, number_, count));
    for (const auto& rows : waiting_) {
      std::vector<int32_t> written;
      const int64_t* numbers = Numbers(*rows);
      for (int64_t i = 0; i < rows->num_rows(); ++i) {
        if (numbers[i] >= from) written.push_back(static_cast<int32_t>(i));
      }
      if (written.empty()) continue;
      MILL_ASSIGN(Batch kept, (Batch{rows, nullptr, nullptr, 0}.Take(written)));
      MILL_RETURN(writer.Write(table_, kept.rows));
    }
    return Status::OK();
  }

  Status Load(const StateReader& reader) override {
    MILL_ASSIGN(auto saved, reader.Read(table_));
    if (saved.empty()) return Status::OK();
    MILL_ASSIGN(auto all, arrow::ConcatenateRecordBatches(saved));
    MILL_ASSIGN(all, SortedBy(all, {number_, false}));
    MILL_ASSIGN(all, all->RemoveColumn(number_));
    waiting_ = {WithNumbers(*all)};
    if (spec_.time_column >= 0) earliest_ = kMinTimestamp;  // look at once
    return Status::OK();
  }

  std::string Describe() const override {
    return spec_.time_column < 0 ? "Sort" : "TemporalSort";
  }
  std::vector<StateBound> States() const override {
    return {{table_.name, table_.doc,
             spec_.time_column < 0 ? "" : "rows ahead of the watermark"}};
  }

 private:
  // The rows, which are kept from now on, with their numbers behind them.
  std::shared_ptr<arrow::RecordBatch> WithNumbers(const arrow::RecordBatch& rows) {
    std::vector<int64_t> numbers(static_cast<size_t>(rows.num_rows()));
    std::iota(numbers.begin(), numbers.end(), numbers_.Take(rows.num_rows()));
    arrow::ArrayVector columns = rows.columns();
    columns.push_back(arrow::MakeArray(arrow::ArrayData::Make(
        arrow::int64(), rows.num_rows(),
        {nullptr, arrow::Buffer::FromVector(std::move(numbers))}, 0)));
    return arrow::RecordBatch::Make(table_.schema, rows.num_rows(), std::move(columns));
  }
  const int64_t* Numbers(const arrow::RecordBatch& rows) const {
    return rows.column(number_)->data()->GetValues<int64_t>(1);
  }

  // Keeps what `rows` adds, and drops of all that waits what it takes back.
  Status Keep(const Batch& rows) {
    waiting_.push_back(WithNumbers(*rows.rows));
    if (!rows.kinds) return Status::OK();
    MILL_ASSIGN(auto all, arrow::ConcatenateRecordBatches(waiting_));
    const int64_t known = all->num_rows() - rows.num_rows();
    std::vector<bool> gone(static_cast<size_t>(all->num_rows()), false);
    for (int64_t i = 0; i < rows.num_rows(); ++i) {
      if (Adds(rows.kind(i))) continue;
      const int64_t taken = known + i;
      gone[static_cast<size_t>(taken)] = true;
      int64_t row = taken - 1;  // the last one that is equal
      while (row >= 0 && (gone[static_cast<size_t>(row)] || !SameRow(*all, row, taken))) --row;
      if (row >= 0) gone[static_cast<size_t>(row)] = true;
    }
    std::vector<int32_t> left;
    for (size_t i = 0; i < gone.size(); ++i) {
      if (!gone[i]) left.push_back(static_cast<int32_t>(i));
      if (gone[i]) numbers_.Forget(Numbers(*all)[i]);
    }
    MILL_ASSIGN(Batch kept, (Batch{all, nullptr, nullptr, 0}.Take(left)));
    waiting_ = {kept.rows};
    return Status::OK();
  }

  bool SameRow(const arrow::RecordBatch& rows, int64_t a, int64_t b) const {
    for (int c = 0; c < number_; ++c) {
      const auto& column = rows.column(c);
      if (!arrow::ArrayRangeEquals(*column, *column, a, a + 1, b,
                                   arrow::EqualOptions::Defaults().nans_equal(true))) {
        return false;
      }
    }
    return true;
  }

  Result<Batch> DropLate(const Batch& rows) {
    const RowTimes times(window_, watermark_, rows);
    const RowWatermarks watermarks(spec_.domain, watermark_, rows);
    std::vector<int32_t> kept;
    for (size_t i = 0; i < static_cast<size_t>(rows.num_rows()); ++i) {
      if (times.IsNull(i) || times[i] <= watermarks[i]) {
        const Timestamp time = times.IsNull(i) ? kMinTimestamp : times[i];
        DropAsLate(rows, static_cast<int64_t>(i), time, watermarks[i]);
      } else {
        kept.push_back(static_cast<int32_t>(i));
      }
    }
    if (static_cast<int64_t>(kept.size()) == rows.num_rows()) return rows;
    return rows.Take(kept);
  }

  // Sorts all that waits; what is due becomes ready_, the rest waits on, sorted.
  Status SortWaiting() {
    if (waiting_.empty()) return Status::OK();
    MILL_ASSIGN(auto all, arrow::ConcatenateRecordBatches(waiting_));
    MILL_ASSIGN(auto sorted, Sorted(all));
    int64_t due = sorted->num_rows();
    earliest_ = kMaxTimestamp;
    if (spec_.time_column >= 0 && watermark_ != kMaxTimestamp) {
      const Batch batch{sorted, nullptr, nullptr, 0};
      const RowTimes times(window_, watermark_, batch);
      due = 0;
      while (due < sorted->num_rows() && times[static_cast<size_t>(due)] <= watermark_) ++due;
      if (due < sorted->num_rows()) earliest_ = times[static_cast<size_t>(due)];
    }
    ready_ = sorted->Slice(0, due);
    for (int64_t i = 0; i < due; ++i) numbers_.Forget(Numbers(*sorted)[i]);
    waiting_.clear();
    if (due < sorted->num_rows()) waiting_.push_back(sorted->Slice(due));
    return Status::OK();
  }

  // Sorts by the last key first: each sort keeps the order of what is equal.
  Result<std::shared_ptr<arrow::RecordBatch>> Sorted(std::shared_ptr<arrow::RecordBatch> rows) {
    for (auto key = spec_.keys.rbegin(); key != spec_.keys.rend(); ++key) {
      MILL_ASSIGN(rows, SortedBy(rows, *key));
    }
    return rows;
  }

  static Result<std::shared_ptr<arrow::RecordBatch>> SortedBy(
      const std::shared_ptr<arrow::RecordBatch>& rows, const SortSpec::Key& key) {
    const auto order = key.descending ? arrow::compute::SortOrder::Descending
                                      : arrow::compute::SortOrder::Ascending;
    const auto nulls = key.descending ? arrow::compute::NullPlacement::AtEnd
                                      : arrow::compute::NullPlacement::AtStart;
    const arrow::compute::ArraySortOptions options(order, nulls);
    MILL_ASSIGN(auto indices, arrow::compute::CallFunction("array_sort_indices",
                                                           {rows->column(key.column)}, &options));
    MILL_ASSIGN(auto taken, arrow::compute::Take(rows, indices));
    return taken.record_batch();
  }

  SortSpec spec_;
  WindowSpec window_;  // for the rows' times
  Timestamp watermark_ = kMinTimestamp;
  Timestamp earliest_ = kMaxTimestamp;  // of what waits
  Timestamp arrival_ = 0;
  int number_;        // the column of the rows' numbers
  StateTable table_;  // of the rows that wait, with their numbers
  NumberedRows numbers_;
  arrow::RecordBatchVector waiting_;
  std::shared_ptr<arrow::RecordBatch> ready_;  // due, being emitted
  int64_t emitted_ = 0;
};

}  // namespace

std::unique_ptr<Operator> MakeSort(SortSpec spec) { return std::make_unique<Sort>(std::move(spec)); }

}  // namespace millrace
