#include "operators/window_assign.h"

#include <arrow/api.h>

#include "operators/local_time.h"

namespace millrace {
namespace {

// A timestamp[ms] array of `type` over `times`.
std::shared_ptr<arrow::Array> TimeArray(const std::shared_ptr<arrow::DataType>& type,
                                        std::vector<Timestamp> times) {
  const auto length = static_cast<int64_t>(times.size());
  auto data = arrow::ArrayData::Make(type, length, {nullptr, arrow::Buffer::FromVector(std::move(times))});
  return arrow::MakeArray(data);
}

class WindowAssign : public Operator {
 public:
  explicit WindowAssign(WindowAssignSpec spec) : spec_(std::move(spec)) {}

  Status Open(const OperatorContext& context) override {
    MILL_RETURN(Operator::Open(context));
    if (spec_.time_zone.empty()) return Status::OK();
    MILL_ASSIGN(LocalClock clock, LocalClock::Make(spec_.time_zone));
    clock_ = std::make_unique<LocalClock>(std::move(clock));
    return Status::OK();
  }

  Result<Progress> OnBatch(int, const Batch& rows, Output& out) override {
    const auto& times =
        static_cast<const arrow::TimestampArray&>(*rows.rows->column(spec_.window.time_column));
    std::vector<int32_t> indices;
    std::vector<Timestamp> starts, ends, last;
    std::vector<Window> windows;
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      if (spec_.window.domain == TimeDomain::kEvent && times.IsNull(row)) continue;
      const bool event = spec_.window.domain == TimeDomain::kEvent;
      windows.clear();
      const Timestamp time = event ? times.Value(row) : rows.arrival;
      AssignWindows(spec_.window, clock_ ? clock_->ToLocal(time) : time, windows);
      for (const Window& window : windows) {
        indices.push_back(static_cast<int32_t>(row));
        starts.push_back(window.start);
        ends.push_back(window.end);
        const Timestamp end = window.max_timestamp();
        last.push_back(clock_ ? clock_->ToUtc(end) : end);
      }
    }
    if (indices.empty()) return Progress::kDone;
    MILL_ASSIGN(Batch taken, rows.Take(indices));
    auto columns = taken.rows->columns();
    const auto& fields = spec_.output->fields();
    columns.push_back(TimeArray(fields[columns.size()]->type(), std::move(starts)));
    columns.push_back(TimeArray(fields[columns.size()]->type(), std::move(ends)));
    columns.push_back(TimeArray(fields[columns.size()]->type(), std::move(last)));
    const int64_t length = taken.num_rows();
    MILL_RETURN(out.Emit(taken.With(arrow::RecordBatch::Make(spec_.output, length, std::move(columns)))));
    return Progress::kDone;
  }

  std::string Describe() const override { return "WindowAssign(" + spec_.window.ToString() + ")"; }

 private:
  WindowAssignSpec spec_;
  std::unique_ptr<LocalClock> clock_;  // null: times are taken as they are
};

}  // namespace

std::unique_ptr<Operator> MakeWindowAssign(WindowAssignSpec spec) {
  return std::make_unique<WindowAssign>(std::move(spec));
}

}  // namespace millrace
