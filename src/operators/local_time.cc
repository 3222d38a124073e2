#include "operators/local_time.h"

#include <arrow/api.h>

#include <algorithm>

namespace millrace {
namespace {

constexpr int64_t kSecond = 1000;
// Zones change their offset at multiples of this, by at most kLongestShift.
constexpr int64_t kStep = 15 * 60 * kSecond;
constexpr int64_t kLongestShift = 3 * 60 * 60 * kSecond;

int64_t FloorSeconds(Timestamp ms) { return ms / kSecond - (ms % kSecond < 0 ? 1 : 0); }

bool IsReal(Timestamp time) { return time != kMinTimestamp && time != kMaxTimestamp; }

std::shared_ptr<arrow::Array> TimesLike(const arrow::Array& array, std::vector<Timestamp> times) {
  const auto length = static_cast<int64_t>(times.size());
  return arrow::MakeArray(arrow::ArrayData::Make(
      array.type(), length, {array.null_bitmap(), arrow::Buffer::FromVector(std::move(times))},
      array.null_count()));
}

// Hands on what the inner operator emits, with window_time and arrival in UTC again.
class UtcOutput : public Output {
 public:
  UtcOutput(LocalClock* clock, Timestamp arrival, Output* out)
      : clock_(clock), arrival_(arrival), out_(out) {}
  Status Emit(Batch batch) override {
    const int last = batch.rows->num_columns() - 1;
    const auto& local = *batch.rows->column(last);
    const auto* values = local.data()->GetValues<Timestamp>(1);
    std::vector<Timestamp> times;
    times.reserve(static_cast<size_t>(local.length()));
    for (int64_t i = 0; i < local.length(); ++i) times.push_back(clock_->ToUtc(values[i]));
    MILL_ASSIGN(batch.rows, batch.rows->SetColumn(last, batch.rows->schema()->field(last),
                                                  TimesLike(local, std::move(times))));
    batch.arrival = arrival_;
    return out_->Emit(std::move(batch));
  }
  bool Full() const override { return out_->Full(); }

 private:
  LocalClock* clock_;
  Timestamp arrival_;
  Output* out_;
};

class InLocalTime : public Operator {
 public:
  InLocalTime(LocalTimeSpec spec, std::unique_ptr<Operator> inner)
      : spec_(std::move(spec)), inner_(std::move(inner)) {}

  Status Open(const OperatorContext& context) override {
    MILL_RETURN(Operator::Open(context));
    MILL_ASSIGN(LocalClock clock, LocalClock::Make(spec_.zone));
    clock_ = std::make_unique<LocalClock>(std::move(clock));
    return inner_->Open(context);
  }

  Result<Progress> OnBatch(int input, const Batch& rows, Output& out) override {
    arrival_ = std::max(arrival_, rows.arrival);
    Batch local = rows;
    local.arrival = clock_->ToLocal(rows.arrival);
    if (rows.arrival_watermarks) {
      auto watermarks = std::make_shared<std::vector<Timestamp>>(*rows.arrival_watermarks);
      for (Timestamp& time : *watermarks) time = clock_->WatermarkToLocal(time);
      local.arrival_watermarks = std::move(watermarks);
    }
    if (spec_.time_column >= 0) {
      MILL_ASSIGN(local.rows, WithLocalTimes(*rows.rows));
    }
    return Counted([&](Output& utc) { return inner_->OnBatch(input, local, utc); }, out);
  }
  Result<Progress> OnWatermark(TimeDomain domain, Timestamp time, Output& out) override {
    if (domain == TimeDomain::kProcessing && time != kMaxTimestamp) {
      arrival_ = std::max(arrival_, time);
    }
    const Timestamp local = clock_->WatermarkToLocal(time);
    return Counted([&](Output& utc) { return inner_->OnWatermark(domain, local, utc); }, out);
  }
  Status OnBarrier(int64_t epoch, Output& out) override {
    UtcOutput utc(clock_.get(), arrival_, &out);
    return inner_->OnBarrier(epoch, utc);
  }
  Result<Progress> OnEnd(Output& out) override {
    return Counted([&](Output& utc) { return inner_->OnEnd(utc); }, out);
  }
  Result<Progress> OnMore(Output& out) override {
    return Counted([&](Output& utc) { return inner_->OnMore(utc); }, out);
  }
  Status Save(StateWriter& writer) override { return inner_->Save(writer); }
  Status Load(const StateReader& reader) override { return inner_->Load(reader); }
  std::string Describe() const override { return inner_->Describe() + " in " + spec_.zone; }
  std::vector<StateBound> States() const override { return inner_->States(); }

 private:
  template <typename Call>
  Result<Progress> Counted(const Call& call, Output& out) {
    UtcOutput utc(clock_.get(), arrival_, &out);
    auto progress = call(utc);
    counts_ = inner_->counts();
    return progress;
  }

  Result<std::shared_ptr<arrow::RecordBatch>> WithLocalTimes(const arrow::RecordBatch& rows) {
    const auto& column = *rows.column(spec_.time_column);
    const auto* values = column.data()->GetValues<Timestamp>(1);
    arrow::TimestampBuilder builder(column.type(), arrow::default_memory_pool());
    MILL_RETURN(builder.Reserve(column.length()));
    for (int64_t i = 0; i < column.length(); ++i) {
      MILL_RETURN(column.IsNull(i) ? builder.AppendNull()
                                   : builder.Append(clock_->ToLocal(values[i])));
    }
    MILL_ASSIGN(auto local, builder.Finish());
    return rows.AddColumn(rows.num_columns(), "$local", local);
  }

  LocalTimeSpec spec_;
  std::unique_ptr<Operator> inner_;
  std::unique_ptr<LocalClock> clock_;
  Timestamp arrival_ = 0;  // the latest, UTC
};

}  // namespace

Result<LocalClock> LocalClock::Make(const std::string& zone) {
  MILL_ASSIGN(TimeZone made, TimeZone::Make(zone));
  return LocalClock(std::move(made));
}

Timestamp LocalClock::ToLocal(Timestamp utc) {
  return IsReal(utc) ? utc + zone_.OffsetAt(FloorSeconds(utc)) * kSecond : utc;
}

Timestamp LocalClock::WatermarkToLocal(Timestamp watermark) {
  if (!IsReal(watermark)) return watermark;
  const Timestamp next = watermark + 1;
  Timestamp least = ToLocal(next);
  for (Timestamp step = next - next % kStep + kStep; step <= next + kLongestShift; step += kStep) {
    least = std::min(least, ToLocal(step));
  }
  return least - 1;
}

Timestamp LocalClock::ToUtc(Timestamp local) {
  if (!IsReal(local)) return local;
  const Timestamp utc = zone_.LocalToUtc(FloorSeconds(local)) * kSecond +
                        (local - FloorSeconds(local) * kSecond);
  // The same local time again, after the clocks were set back?
  for (Timestamp shift = 2 * kStep; shift <= kLongestShift; shift += 2 * kStep) {
    if (ToLocal(utc + shift) == local) return utc + shift;
  }
  return utc;
}

std::unique_ptr<Operator> MakeInLocalTime(LocalTimeSpec spec, std::unique_ptr<Operator> inner) {
  return std::make_unique<InLocalTime>(std::move(spec), std::move(inner));
}

}  // namespace millrace
