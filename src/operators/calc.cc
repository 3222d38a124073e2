#include "operators/calc.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>

#include <algorithm>

#include "functions/registry.h"
#include "operators/aggregate_set.h"
#include "operators/saved_state.h"

namespace millrace {
namespace {

using arrow::compute::FilterOptions;

constexpr std::string_view kWatermark = "CURRENT_WATERMARK";

// The expression with a column in place of the watermark: `column` where it is a TIMESTAMP, the next one
// where it is a TIMESTAMP_LTZ.
ExpressionPtr ReadWatermark(const ExpressionPtr& expression, int column) {
  if (!AsksForWatermark(*expression)) return expression;
  if (expression->function != nullptr && expression->function->name == kWatermark) {
    const bool instant = expression->type.kind == TypeKind::kTimestampLtz;
    return MakeColumn(column + (instant ? 1 : 0), "$watermark", expression->type);
  }
  auto copy = std::make_shared<Expression>(*expression);
  for (ExpressionPtr& arg : copy->args) arg = ReadWatermark(arg, column);
  return copy;
}

class Calc : public Operator {
 public:
  explicit Calc(CalcSpec spec) : spec_(std::move(spec)) {
    if (spec_.condition) keeps_watermark_ = AsksForWatermark(*spec_.condition);
    for (const auto& expression : spec_.expressions) {
      keeps_watermark_ = keeps_watermark_ || AsksForWatermark(*expression);
    }
  }

  Result<Progress> OnBatch(int, const Batch& rows, Output& out) override {
    const EvalContext context{rows.arrival, watermark_, spec_.time_zone};
    Batch batch = rows;
    if (keeps_watermark_) {
      MILL_ASSIGN(batch, WithWatermarks(rows));
    }
    if (spec_.condition) {
      MILL_ASSIGN(batch, Select(batch, context));
      if (batch.num_rows() == 0) return Progress::kDone;
    }
    if (spec_.project) {
      MILL_ASSIGN(batch, Project(batch, context));
    } else if (keeps_watermark_) {
      for (int i = 0; i < 2; ++i) {
        MILL_ASSIGN(batch.rows, batch.rows->RemoveColumn(batch.rows->num_columns() - 1));
      }
    }
    MILL_RETURN(out.Emit(std::move(batch)));
    return Progress::kDone;
  }

  Result<Progress> OnWatermark(TimeDomain domain, Timestamp time, Output&) override {
    if (domain == TimeDomain::kEvent) watermark_ = time;
    return Progress::kDone;
  }

  Status Save(StateWriter& writer) override {
    return keeps_watermark_ ? clock_.Write(writer, context_, {watermark_}) : Status::OK();
  }
  // Another number of instances: the watermark is at least the least of theirs.
  Status Load(const StateReader& reader) override {
    if (!keeps_watermark_) return Status::OK();
    MILL_ASSIGN(const auto clocks, clock_.Read(reader));
    Timestamp least = kMaxTimestamp;
    for (const auto& numbers : clocks) {
      least = std::min(least, numbers[2]);
      if (numbers[0] == context_.instance && numbers[1] == context_.parallelism) {
        watermark_ = numbers[2];
        return Status::OK();
      }
    }
    if (!clocks.empty()) watermark_ = least;
    return Status::OK();
  }

  std::string Describe() const override {
    std::string text = "Calc(";
    if (spec_.condition) text += "where " + spec_.condition->ToClause();
    if (spec_.condition && spec_.project) text += "; ";
    for (size_t i = 0; i < spec_.expressions.size(); ++i) {
      text += (i == 0 ? "" : ", ") + spec_.expressions[i]->ToString();
    }
    return text + ")";
  }

 private:
  // The rows with the watermark under which each came as two more columns, a TIMESTAMP and a TIMESTAMP_LTZ,
  // which the expressions read from the first batch on in place of the function.
  Result<Batch> WithWatermarks(const Batch& rows) {
    const int column = rows.rows->num_columns();
    if (!reads_columns_) {
      if (spec_.condition) spec_.condition = ReadWatermark(spec_.condition, column);
      for (ExpressionPtr& each : spec_.expressions) each = ReadWatermark(each, column);
      reads_columns_ = true;
    }
    const RowWatermarks watermarks(TimeDomain::kEvent, watermark_, rows);
    arrow::Int64Builder builder;
    MILL_RETURN(builder.Reserve(rows.num_rows()));
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      const Timestamp watermark = watermarks[static_cast<size_t>(row)];
      watermark == kMinTimestamp ? builder.UnsafeAppendNull() : builder.UnsafeAppend(watermark);
    }
    MILL_ASSIGN(const auto numbers, builder.Finish());
    std::shared_ptr<arrow::RecordBatch> all = rows.rows;
    for (const SqlType& type : {SqlType::Timestamp(3), SqlType::TimestampLtz(3)}) {
      MILL_ASSIGN(const auto times, numbers->View(type.ToArrow()));
      MILL_ASSIGN(all, all->AddColumn(all->num_columns(), "$watermark", times));
    }
    return rows.With(std::move(all));
  }

  // The rows for which the condition is TRUE.
  Result<Batch> Select(const Batch& rows, const EvalContext& context) {
    MILL_ASSIGN(auto condition, EvaluateArray(*spec_.condition, *rows.rows, context));
    const auto& chosen = static_cast<const arrow::BooleanArray&>(*condition);
    const int64_t count = chosen.true_count();
    counts_.filtered += rows.num_rows() - count;
    if (count == rows.num_rows()) return rows;
    if (count == 0) return Batch{};
    if (rows.kinds || rows.arrival_watermarks) return TakeChosen(rows, chosen, count);
    MILL_ASSIGN(auto filtered, arrow::compute::Filter(rows.rows, condition, FilterOptions::Defaults()));
    return rows.With(filtered.record_batch());
  }

  static Result<Batch> TakeChosen(const Batch& rows, const arrow::BooleanArray& chosen,
                                  int64_t count) {
    std::vector<int32_t> indices;
    indices.reserve(static_cast<size_t>(count));
    for (int64_t i = 0; i < chosen.length(); ++i) {
      if (chosen.IsValid(i) && chosen.Value(i)) indices.push_back(static_cast<int32_t>(i));
    }
    return rows.Take(indices);
  }

  Result<Batch> Project(const Batch& rows, const EvalContext& context) {
    std::vector<std::shared_ptr<arrow::Array>> columns;
    columns.reserve(spec_.expressions.size());
    for (const ExpressionPtr& expression : spec_.expressions) {
      MILL_ASSIGN(auto column, EvaluateArray(*expression, *rows.rows, context));
      columns.push_back(std::move(column));
    }
    return rows.With(arrow::RecordBatch::Make(spec_.output, rows.num_rows(), std::move(columns)));
  }

  CalcSpec spec_;
  bool keeps_watermark_ = false;  // some expression asks for it
  bool reads_columns_ = false;    // and has been told where it stands
  SavedNumbers clock_{"clock", "CURRENT_WATERMARK, by instance.", {{"watermark", "In ms."}}};
  Timestamp watermark_ = kMinTimestamp;
};

class Limit : public Operator {
 public:
  Limit(int64_t limit, int64_t offset, std::shared_ptr<std::atomic<bool>> reached)
      : limit_(limit), offset_(offset), reached_(std::move(reached)) {}

  Result<Progress> OnBatch(int, const Batch& rows, Output& out) override {
    const int64_t skip = std::min(offset_ - skipped_, rows.num_rows());
    skipped_ += skip;
    int64_t take = rows.num_rows() - skip;
    if (limit_ >= 0) take = std::min(take, limit_ - passed_);
    passed_ += take;
    if (take > 0) MILL_RETURN(out.Emit(rows.Slice(skip, take)));
    counts_.filtered += rows.num_rows() - take;
    if (limit_ >= 0 && passed_ >= limit_ && reached_) reached_->store(true);
    return Progress::kDone;
  }

  Status Save(StateWriter& writer) override {
    return counts_saved_.Write(writer, context_, {skipped_, passed_});
  }
  Status Load(const StateReader& reader) override {
    MILL_ASSIGN(const auto rows, counts_saved_.Read(reader));
    for (const auto& numbers : rows) {
      skipped_ += numbers[2];
      passed_ += numbers[3];
    }
    if (limit_ >= 0 && passed_ >= limit_ && reached_) reached_->store(true);
    return Status::OK();
  }

  std::string Describe() const override { return fmt::format("Limit({})", limit_); }
  std::vector<StateBound> States() const override {
    return {{"passed", "How far LIMIT and OFFSET have come.", "one row"}};
  }

 private:
  const SavedNumbers counts_saved_{"passed",
                                   "How far LIMIT and OFFSET have come.",
                                   {{"skipped", "Rows left out."}, {"passed", "Rows passed on."}}};
  const int64_t limit_, offset_;
  int64_t skipped_ = 0, passed_ = 0;
  std::shared_ptr<std::atomic<bool>> reached_;
};

}  // namespace

bool AsksForWatermark(const Expression& expression) {
  if (expression.function != nullptr && expression.function->name == kWatermark) return true;
  return std::any_of(expression.args.begin(), expression.args.end(),
                     [](const ExpressionPtr& arg) { return AsksForWatermark(*arg); });
}

std::unique_ptr<Operator> MakeCalc(CalcSpec spec) { return std::make_unique<Calc>(std::move(spec)); }

std::unique_ptr<Operator> MakeLimit(int64_t limit, int64_t offset,
                                    std::shared_ptr<std::atomic<bool>> reached) {
  return std::make_unique<Limit>(limit, offset, std::move(reached));
}

}  // namespace millrace
