// State: the waiting rows, in the batches that brought them, and per key its open sessions with the
// places of their rows. A batch is given up when its last row has left. A row is saved with the
// watermark under which it came: taken in once more in the same order, rows form the same sessions.
#include "operators/session_assign.h"

#include <arrow/api.h>
#include <arrow/util/bit_util.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "operators/aggregate_set.h"
#include "operators/numbered_rows.h"
#include "state/key_table.h"
#include "state/timers.h"

namespace millrace {
namespace {

struct RowPlace {
  int64_t batch;  // the number of its first row
  int32_t row;
};

struct WaitingSession {
  Timestamp start = 0;
  Timestamp last = 0;
  std::vector<RowPlace> rows;
};

using Sessions = std::vector<WaitingSession>;

// When the first of a key's sessions ends, for the timers.
struct FirstEnds {
  const Sessions* sessions;
  int64_t gap;
  Timestamp operator()(uint32_t slot) const {
    Timestamp end = kMaxTimestamp;
    for (const WaitingSession& each : sessions[slot]) end = std::min(end, each.last + gap - 1);
    return end;
  }
  void Prefetch(uint32_t slot) const { __builtin_prefetch(&sessions[slot]); }
};

class SessionAssign : public Operator {
 public:
  explicit SessionAssign(SessionAssignSpec spec)
      : spec_(std::move(spec)), gap_(spec_.window.size), timers_(gap_ / 32) {
    const auto& fields = spec_.output->fields();
    arrow::FieldVector kept(fields.begin(), fields.end() - 3);
    kept.push_back(StateField("$time", arrow::timestamp(arrow::TimeUnit::MILLI),
                              "the row's time as the window sees it"));
    kept.push_back(StateField("$watermark", arrow::int64(),
                              "the watermark in ms under which the row came"));
    kept_ = arrow::schema(kept);
    kept.push_back(NumberedRows::Field());
    table_ = {"waiting", "rows of the open sessions", arrow::schema(std::move(kept)),
              spec_.window.partition, {kept_->num_fields()}};
  }

  Status Open(const OperatorContext& context) override {
    MILL_RETURN(Operator::Open(context));
    return KeyTable::Make(*kept_, spec_.window.partition).Value(&keys_);
  }

  Result<Progress> OnBatch(int, const Batch& rows, Output&) override {
    arrival_ = std::max(arrival_, rows.arrival);
    MILL_RETURN(Assign(WithTimes(rows)));
    return Progress::kDone;
  }

  Result<Progress> OnWatermark(TimeDomain domain, Timestamp time, Output& out) override {
    if (domain != spec_.window.domain) return Progress::kDone;
    watermark_ = std::max(watermark_, time);
    return OnMore(out);
  }
  Result<Progress> OnEnd(Output& out) override {
    watermark_ = kMaxTimestamp;
    return OnMore(out);
  }
  Result<Progress> OnMore(Output& out) override {
    while (true) {
      if (out.Full()) return Progress::kMore;
      MILL_ASSIGN(const bool more, EmitChunk(out));
      if (!more) return Progress::kDone;
    }
  }

  Status Save(StateWriter& writer) override {
    MILL_RETURN(clock_.Write(writer, context_, {watermark_}));
    int64_t count = 0;
    for (const auto& [first, batch] : batches_) count += batch.left;
    MILL_ASSIGN(const int64_t from,
                numbers_.BeginSave(writer, table_, kept_->num_fields(), count));
    for (auto batch = batches_.lower_bound(from); batch != batches_.end(); ++batch) {
      MILL_RETURN(SaveBatch(batch->first, batch->second, writer));
    }
    return Status::OK();
  }

  Status Load(const StateReader& reader) override {
    MILL_ASSIGN(const auto clocks, clock_.Read(reader));
    for (const auto& clock : clocks) watermark_ = std::max(watermark_, clock[2]);
    MILL_ASSIGN(const arrow::RecordBatchVector saved, reader.Read(table_));
    if (saved.empty()) return Status::OK();
    MILL_ASSIGN(const auto all, arrow::ConcatenateRecordBatches(saved));
    const auto* numbers = all->columns().back()->data()->GetValues<int64_t>(1);
    std::vector<int32_t> order(static_cast<size_t>(all->num_rows()));
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(),
              [&](int32_t a, int32_t b) { return numbers[a] < numbers[b]; });
    MILL_ASSIGN(const auto rows, all->RemoveColumn(kept_->num_fields()));
    for (size_t begin = 0; begin < order.size(); begin += kMaxResultRows) {
      const size_t end = std::min(order.size(), begin + kMaxResultRows);
      const std::vector<int32_t> portion(order.begin() + static_cast<int64_t>(begin),
                                         order.begin() + static_cast<int64_t>(end));
      MILL_ASSIGN(const Batch batch, (Batch{rows, nullptr, nullptr, 0}.Take(portion)));
      MILL_RETURN(Assign(batch));
    }
    return Status::OK();
  }

  std::string Describe() const override { return "SessionAssign(" + spec_.window.ToString() + ")"; }
  std::vector<StateBound> States() const override {
    return {{table_.name, table_.doc, "watermark + " + DurationText(spec_.window.size)}};
  }

 private:
  struct Waiting {
    std::shared_ptr<arrow::RecordBatch> rows;
    std::vector<bool> here;  // by row: it waits
    int64_t left = 0;        // rows that do
  };

  // Writes the rows of a batch that wait, of which the first has number `first`.
  Status SaveBatch(int64_t first, const Waiting& batch, StateWriter& writer) const {
    std::vector<int32_t> rows;
    std::vector<int64_t> numbers;
    for (size_t i = 0; i < batch.here.size(); ++i) {
      if (!batch.here[i]) continue;
      rows.push_back(static_cast<int32_t>(i));
      numbers.push_back(first + static_cast<int64_t>(i));
    }
    MILL_ASSIGN(Batch kept, (Batch{batch.rows, nullptr, nullptr, 0}.Take(rows)));
    arrow::ArrayVector columns = kept.rows->columns();
    const int64_t count = kept.num_rows();
    columns.push_back(arrow::MakeArray(arrow::ArrayData::Make(
        arrow::int64(), count, {nullptr, arrow::Buffer::FromVector(std::move(numbers))}, 0)));
    return writer.Write(table_,
                        arrow::RecordBatch::Make(table_.schema, count, std::move(columns)));
  }

  // The declared columns, and behind them the rows' times (NULL: none) and watermarks; what else
  // stands there was put there for this operator.
  Batch WithTimes(const Batch& rows) const {
    const RowTimes times(spec_.window, watermark_, rows);
    const RowWatermarks watermarks(spec_.window.domain, watermark_, rows);
    const auto count = static_cast<size_t>(rows.num_rows());
    std::vector<Timestamp> values(count), before(count);
    auto valid = arrow::Buffer::FromVector(std::vector<uint8_t>((count + 7) / 8, 0));
    int64_t nulls = 0;
    for (size_t i = 0; i < count; ++i) {
      const bool known = !times.IsNull(i);
      values[i] = known ? times[i] : 0;
      before[i] = watermarks[i];
      nulls += known ? 0 : 1;
      arrow::bit_util::SetBitTo(valid->mutable_data(), static_cast<int64_t>(i), known);
    }
    arrow::ArrayVector columns = rows.rows->columns();
    columns.resize(static_cast<size_t>(kept_->num_fields()) - kAdded);
    columns.push_back(arrow::MakeArray(arrow::ArrayData::Make(
        arrow::timestamp(arrow::TimeUnit::MILLI), rows.num_rows(),
        {std::move(valid), arrow::Buffer::FromVector(std::move(values))}, nulls)));
    columns.push_back(arrow::MakeArray(
        arrow::ArrayData::Make(arrow::int64(), rows.num_rows(),
                               {nullptr, arrow::Buffer::FromVector(std::move(before))}, 0)));
    Batch kept = rows;
    kept.rows = arrow::RecordBatch::Make(kept_, rows.num_rows(), std::move(columns));
    return kept;
  }

  // `rows` of kept_.
  Status Assign(const Batch& rows) {
    inserted_.clear();
    MILL_RETURN(keys_->FindOrInsert(*rows.rows, spec_.window.partition, nullptr, slots_, inserted_));
    sessions_.resize(keys_->slot_count());
    timers_.Resize(keys_->slot_count());
    const int added = kept_->num_fields() - kAdded;
    const arrow::Array& times = *rows.rows->column(added);
    const auto* values = times.data()->GetValues<Timestamp>(1);
    const auto* watermarks = rows.rows->column(added + 1)->data()->GetValues<Timestamp>(1);
    const int64_t first = numbers_.Take(rows.num_rows());
    Waiting waiting{rows.rows, std::vector<bool>(slots_.size(), false), 0};
    Batch declared = rows;  // as late rows are shown
    MILL_ASSIGN(declared.rows, rows.rows->RemoveColumn(added + 1));
    MILL_ASSIGN(declared.rows, declared.rows->RemoveColumn(added));
    for (size_t i = 0; i < slots_.size(); ++i) {
      const auto row = static_cast<int64_t>(i);
      const RowPlace place{first, static_cast<int32_t>(i)};
      const bool known = !times.IsNull(row);
      if (known && Put(slots_[i], values[i], watermarks[i], place)) {
        ++waiting.left;
        waiting.here[i] = true;
      } else {
        DropAsLate(declared, row, known ? values[i] : kMinTimestamp, watermarks[i]);
      }
    }
    for (uint32_t row : inserted_) {
      if (sessions_[slots_[row]].empty()) keys_->Erase(slots_[row]);
    }
    if (waiting.left > 0) batches_[first] = std::move(waiting);
    return Status::OK();
  }

  // Adds the row to the sessions that it meets, which become one, or opens one; false: it is late.
  bool Put(uint32_t slot, Timestamp time, Timestamp watermark, RowPlace place) {
    Sessions& sessions = sessions_[slot];
    WaitingSession joined{time, time, {}};
    bool met = false;
    const auto meets = [&](const WaitingSession& session) {
      return time >= session.start - gap_ && time <= session.last + gap_ &&
             session.last + gap_ - 1 > watermark;
    };
    for (WaitingSession& session : sessions) {
      if (!meets(session)) continue;
      met = true;
      joined.start = std::min(joined.start, session.start);
      joined.last = std::max(joined.last, session.last);
      joined.rows.insert(joined.rows.end(), session.rows.begin(), session.rows.end());
    }
    if (!met && time + gap_ - 1 <= watermark) return false;
    std::erase_if(sessions, meets);
    joined.rows.push_back(place);
    sessions.push_back(std::move(joined));
    timers_.Set(slot, FirstEnds{sessions_.data(), gap_}(slot));
    return true;
  }

  // Emits the rows of some sessions that are due; false: there are none.
  Result<bool> EmitChunk(Output& out) {
    std::map<int64_t, std::vector<std::pair<int32_t, Window>>> due;  // by batch
    size_t count = 0;
    const FirstEnds ends{sessions_.data(), gap_};
    uint32_t slot;
    while (count < kMaxResultRows && timers_.PopDue(watermark_, ends, &slot)) {
      Sessions& sessions = sessions_[slot];
      const auto closed = [&](const WaitingSession& session) {
        return session.last + gap_ - 1 <= watermark_;
      };
      for (const WaitingSession& session : sessions) {
        if (!closed(session)) continue;
        const Window window{session.start, session.last + gap_};
        for (const RowPlace& place : session.rows) due[place.batch].push_back({place.row, window});
        count += session.rows.size();
      }
      std::erase_if(sessions, closed);
      if (sessions.empty()) {
        keys_->Erase(slot);
      } else {
        timers_.Set(slot, ends(slot));
      }
    }
    for (auto& [number, rows] : due) MILL_RETURN(EmitRows(number, rows, out));
    return count > 0;
  }

  Status EmitRows(int64_t number, std::vector<std::pair<int32_t, Window>>& rows, Output& out) {
    std::sort(rows.begin(), rows.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<int32_t> indices;
    std::vector<Window> windows;
    for (const auto& [row, window] : rows) {
      indices.push_back(row);
      windows.push_back(window);
    }
    Waiting& waiting = batches_[number];
    MILL_ASSIGN(Batch taken, (Batch{waiting.rows, nullptr, nullptr, 0}.Take(indices)));
    waiting.left -= static_cast<int64_t>(indices.size());
    for (const int32_t row : indices) {
      waiting.here[static_cast<size_t>(row)] = false;
      numbers_.Forget(number + row);
    }
    if (waiting.left == 0) batches_.erase(number);
    arrow::ArrayVector columns = taken.rows->columns();
    columns.resize(columns.size() - kAdded);
    MILL_ASSIGN(Batch results, WindowResults(spec_.output, std::move(columns), windows));
    results.arrival = arrival_;
    return out.Emit(std::move(results));
  }

  static constexpr int kAdded = 2;  // columns

  SessionAssignSpec spec_;
  const int64_t gap_;
  // The rows that wait: the input's columns, the time and the watermark.
  std::shared_ptr<arrow::Schema> kept_;
  std::unique_ptr<KeyTable> keys_;
  std::vector<Sessions> sessions_;  // by slot
  Timers timers_;
  std::map<int64_t, Waiting> batches_;  // by the number of their first row
  StateTable table_;                    // of the rows that wait, with their numbers
  NumberedRows numbers_;
  const SavedNumbers clock_{"clock",
                            "The operator's time, by instance.",
                            {{"watermark", "In ms; what ends at or before it was emitted."}}};
  Timestamp watermark_ = kMinTimestamp;
  Timestamp arrival_ = 0;
  // Of the current batch.
  std::vector<uint32_t> slots_, inserted_;
};

}  // namespace

std::unique_ptr<Operator> MakeSessionAssign(SessionAssignSpec spec) {
  return std::make_unique<SessionAssign>(std::move(spec));
}

}  // namespace millrace
