// State: the waiting rows (kept_rows.h), and per key its open sessions with the numbers of their
// rows. A row is saved with the watermark under which it came: taken in once more in the order of
// arrival, the rows of a key form the same sessions.
//
// On disk (state/spilled_table.h) are all rows of a key together. Those that are loaded are known
// by new numbers in memory, and keep the ones that tell their order.
#include "operators/session_assign.h"

#include <arrow/api.h>
#include <arrow/util/bit_util.h>

#include <algorithm>
#include <numeric>

#include "data/take_rows.h"
#include "operators/aggregate_set.h"
#include "operators/kept_rows.h"
#include "operators/numbered_rows.h"
#include "operators/spill.h"
#include "operators/waiting_sessions.h"
#include "state/key_table.h"
#include "state/timers.h"

namespace millrace {
namespace {

class SessionAssign : public Operator, private SlotOwner {
 public:
  explicit SessionAssign(SessionAssignSpec spec)
      : spec_(std::move(spec)),
        gap_(spec_.window.size),
        timers_(gap_ / 32),
        declared_(spec_.output->num_fields() - 3) {
    arrow::FieldVector fields = spec_.output->fields();
    fields.resize(static_cast<size_t>(declared_));
    fields.push_back(StateField("$time", arrow::timestamp(arrow::TimeUnit::MILLI),
                                "the row's time as the window sees it"));
    fields.push_back(StateField("$watermark", arrow::int64(),
                                "the watermark in ms under which the row came"));
    fields.push_back(NumberedRows::Field());
    table_ = {"waiting", "rows of the open sessions", arrow::schema(std::move(fields)),
              spec_.window.partition, {declared_ + kNumber}};
  }

  Status Open(const OperatorContext& context) override {
    MILL_RETURN(Operator::Open(context));
    MILL_ASSIGN(keys_, KeyTable::Make(*table_.schema, spec_.window.partition));
    SpillOptions options;
    options.keys = spec_.window.partition;
    options.clocks = 1;
    options.ends_all = true;
    return MakeSpilled(context, table_, options, keys_.get(), this).Value(&spilled_);
  }

  Result<Progress> OnBatch(int, const Batch& rows, Output&) override {
    arrival_ = std::max(arrival_, rows.arrival);
    MILL_RETURN(Assign(rows));
    if (spilled_) MILL_RETURN(spilled_->Trim());
    MILL_RETURN(kept_.Compact());
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
    MILL_RETURN(clock_.Write(writer, context_, {watermark_, numbers_.next()}));
    if (spilled_) return spilled_->Save(writer);
    MILL_ASSIGN(const int64_t from,
                numbers_.BeginSave(writer, table_, declared_ + kNumber, kept_.size()));
    return kept_.ForEach(from, [&](std::shared_ptr<arrow::RecordBatch> rows) {
      return writer.Write(table_, std::move(rows));
    });
  }

  Status Load(const StateReader& reader) override {
    MILL_ASSIGN(const auto clocks, clock_.Read(reader));
    for (const auto& clock : clocks) {
      watermark_ = std::max(watermark_, clock[2]);
      if (spilled_) numbers_.SkipTo(clock[3]);
    }
    if (spilled_) return spilled_->Load(reader);
    MILL_ASSIGN(const arrow::RecordBatchVector saved, reader.Read(table_));
    if (saved.empty()) return Status::OK();
    MILL_ASSIGN(const auto all, arrow::ConcatenateRecordBatches(saved));
    const int64_t* numbers = Numbers(*all, kNumber);
    std::vector<int32_t> order(static_cast<size_t>(all->num_rows()));
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(),
              [&](int32_t a, int32_t b) { return numbers[a] < numbers[b]; });
    return LoadInOrder(all, order);
  }

  std::string Describe() const override { return "SessionAssign(" + spec_.window.ToString() + ")"; }
  std::vector<StateBound> States() const override {
    return {{table_.name, table_.doc, "watermark + " + DurationText(spec_.window.size),
             CanSpill(table_, table_.key_columns)}};
  }

 private:
  // Columns behind the declared ones.
  static constexpr int kTime = 0, kWatermark = 1, kNumber = 2;

  const int64_t* Numbers(const arrow::RecordBatch& rows, int column) const {
    return rows.column(declared_ + column)->data()->GetValues<int64_t>(1);
  }
  static std::shared_ptr<arrow::Array> NumberArray(std::vector<int64_t> numbers) {
    const auto count = static_cast<int64_t>(numbers.size());
    return arrow::MakeArray(arrow::ArrayData::Make(
        arrow::int64(), count, {nullptr, arrow::Buffer::FromVector(std::move(numbers))}, 0));
  }
  // The rows, with numbers of this operator's own.
  Result<std::shared_ptr<arrow::RecordBatch>> Renumbered(
      const std::shared_ptr<arrow::RecordBatch>& rows, int64_t first) const {
    std::vector<int64_t> numbers(static_cast<size_t>(rows->num_rows()));
    std::iota(numbers.begin(), numbers.end(), first);
    return rows->SetColumn(declared_ + kNumber, table_.schema->field(declared_ + kNumber),
                           NumberArray(std::move(numbers)));
  }

  // ---- what comes ----

  // The declared columns, and behind them the rows' times (NULL: none), watermarks and numbers;
  // what else stands there was put there for this operator.
  std::shared_ptr<arrow::RecordBatch> WithTimes(const Batch& rows, int64_t first) const {
    const RowTimes times(spec_.window, watermark_, rows);
    const RowWatermarks watermarks(spec_.window.domain, watermark_, rows);
    const auto count = static_cast<size_t>(rows.num_rows());
    std::vector<int64_t> values(count), before(count), numbers(count);
    std::iota(numbers.begin(), numbers.end(), first);
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
    columns.resize(static_cast<size_t>(declared_));
    columns.push_back(arrow::MakeArray(arrow::ArrayData::Make(
        arrow::timestamp(arrow::TimeUnit::MILLI), rows.num_rows(),
        {std::move(valid), arrow::Buffer::FromVector(std::move(values))}, nulls)));
    columns.push_back(NumberArray(std::move(before)));
    columns.push_back(NumberArray(std::move(numbers)));
    return arrow::RecordBatch::Make(table_.schema, rows.num_rows(), std::move(columns));
  }

  // Sets slots_ to the rows' keys, and inserted_ to those that are new.
  Status FindKeys(const arrow::RecordBatch& rows) {
    inserted_.clear();
    MILL_RETURN(keys_->FindOrInsert(rows, spec_.window.partition, nullptr, slots_, inserted_));
    for (uint32_t& row : inserted_) row = slots_[row];
    Grow();
    return Status::OK();
  }
  void Grow() {
    sessions_.resize(keys_->slot_count());
    newest_.resize(keys_->slot_count());
    timers_.Resize(keys_->slot_count());
  }

  Status Assign(const Batch& batch) {
    MILL_RETURN(FindKeys(*batch.rows));
    if (spilled_) MILL_RETURN(spilled_->Fetch(inserted_));
    const int64_t first = numbers_.Take(batch.num_rows());  // what is loaded has lower ones
    const auto rows = WithTimes(batch, first);
    Batch declared = batch;  // as late rows are shown
    std::vector<int> places(static_cast<size_t>(declared_));
    std::iota(places.begin(), places.end(), 0);
    MILL_ASSIGN(declared.rows, rows->SelectColumns(places));
    const arrow::Array& times = *rows->column(declared_ + kTime);
    std::vector<bool> kept(slots_.size(), false);
    int64_t count = 0;
    for (size_t i = 0; i < slots_.size(); ++i) {
      const auto row = static_cast<int64_t>(i);
      const TimedRow timed{first + row, Numbers(*rows, kTime)[i], Numbers(*rows, kWatermark)[i]};
      const bool known = !times.IsNull(row);
      kept[i] = known && Put(slots_[i], timed, false);
      count += kept[i] ? 1 : 0;
      if (kept[i]) continue;
      DropAsLate(declared, row, known ? timed.time : kMinTimestamp, timed.watermark);
    }
    for (uint32_t slot : inserted_) {
      if (sessions_[slot].empty()) keys_->Erase(slot);
    }
    kept_.Add(first, rows, std::move(kept), count);
    return Status::OK();
  }

  // Adds the row to the sessions that it meets, or opens one. `again`: it is known not to be late;
  // without those that came before it, which are still to be loaded, it may look so. False: it is.
  bool Put(uint32_t slot, const TimedRow& row, bool again) {
    Sessions& sessions = sessions_[slot];
    if (!JoinSessions(sessions, gap_, row)) {
      if (!again && row.time + gap_ - 1 <= row.watermark) return false;
      sessions.push_back({row.time, row.time, {row.number}});
    }
    timers_.Set(slot, FirstEnds{sessions_.data(), gap_}(slot));
    return true;
  }

  // ---- what is due ----

  // Emits the rows of some sessions that are due; false: there are none.
  Result<bool> EmitChunk(Output& out) {
    std::vector<int64_t> rows;
    std::vector<Window> windows;
    const FirstEnds ends{sessions_.data(), gap_};
    uint32_t slot;
    while (rows.size() < kMaxResultRows && timers_.PopDue(watermark_, ends, &slot)) {
      Sessions& sessions = sessions_[slot];
      const auto closed = [&](const WaitingSession& session) {
        return session.last + gap_ - 1 <= watermark_;
      };
      for (const WaitingSession& session : sessions) {
        if (!closed(session)) continue;
        rows.insert(rows.end(), session.rows.begin(), session.rows.end());
        windows.resize(rows.size(), {session.start, session.last + gap_});
      }
      std::erase_if(sessions, closed);
      keys_->Touch(slot);
      if (sessions.empty()) {
        keys_->Erase(slot);
      } else {
        timers_.Set(slot, ends(slot));
      }
    }
    if (rows.empty()) return LoadDue();
    for (size_t begin = 0; begin < rows.size(); begin += kMaxResultRows) {
      const size_t count = std::min(kMaxResultRows, rows.size() - begin);
      const auto first = windows.begin() + static_cast<int64_t>(begin);
      MILL_RETURN(EmitRows(std::span(rows).subspan(begin, count),
                           {first, first + static_cast<int64_t>(count)}, out));
    }
    return true;
  }

  // Nothing is due of what is in memory. True if something may be after this.
  Result<bool> LoadDue() {
    if (spilled_) MILL_RETURN(spilled_->Trim());
    MILL_RETURN(kept_.Compact());
    if (!spilled_) return false;
    return spilled_->LoadDue(watermark_);
  }

  Status EmitRows(std::span<const int64_t> rows, const std::vector<Window>& windows, Output& out) {
    MILL_ASSIGN(const auto taken, kept_.Take(rows));
    for (const int64_t row : rows) {
      kept_.Forget(row);
      numbers_.Forget(row);
    }
    arrow::ArrayVector columns = taken->columns();
    columns.resize(static_cast<size_t>(declared_));
    MILL_ASSIGN(Batch results, WindowResults(spec_.output, std::move(columns), windows));
    results.arrival = arrival_;
    return out.Emit(std::move(results));
  }

  // ---- what was saved ----

  Status LoadInOrder(const std::shared_ptr<arrow::RecordBatch>& all,
                     const std::vector<int32_t>& order) {
    for (size_t begin = 0; begin < order.size(); begin += kMaxResultRows) {
      const size_t end = std::min(order.size(), begin + kMaxResultRows);
      const std::vector<int32_t> portion(order.begin() + static_cast<int64_t>(begin),
                                         order.begin() + static_cast<int64_t>(end));
      MILL_ASSIGN(auto rows, TakeRows(all, portion));
      MILL_ASSIGN(rows, Renumbered(rows, numbers_.next()));
      MILL_RETURN(FindKeys(*rows));
      MILL_RETURN(LoadSlots(*rows, slots_));
    }
    return Status::OK();
  }

  Status SaveSlots(std::span<const uint32_t> keys, SaveMode, StateWriter& writer) override {
    std::vector<int64_t> rows;
    for (uint32_t key : keys) {
      for (const WaitingSession& session : sessions_[key]) {
        rows.insert(rows.end(), session.rows.begin(), session.rows.end());
      }
    }
    for (size_t begin = 0; begin < rows.size(); begin += kMaxResultRows) {
      const size_t count = std::min(kMaxResultRows, rows.size() - begin);
      MILL_ASSIGN(auto taken, kept_.Take(std::span(rows).subspan(begin, count)));
      MILL_RETURN(writer.Write(table_, std::move(taken)));
    }
    return Status::OK();
  }

  // Rows of a key may come in several calls, and not in order: then its sessions are formed anew.
  Status LoadSlots(const arrow::RecordBatch& rows, std::span<const uint32_t> keys) override {
    Grow();
    MILL_RETURN(kept_.Compact());
    const int64_t* numbers = Numbers(rows, kNumber);
    std::vector<uint32_t> order(keys.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
      return keys[a] != keys[b] ? keys[a] < keys[b] : numbers[a] < numbers[b];
    });
    const int64_t first = numbers_.Take(rows.num_rows());
    kept_.Add(first, rows.Slice(0), std::vector<bool>(keys.size(), true), rows.num_rows());
    for (size_t begin = 0; begin < order.size();) {
      const uint32_t key = keys[order[begin]];
      const bool in_order =
          sessions_[key].empty() || numbers[order[begin]] > newest_[key];
      std::vector<int64_t> others;
      for (; begin < order.size() && keys[order[begin]] == key; ++begin) {
        const uint32_t row = order[begin];
        newest_[key] = sessions_[key].empty() ? numbers[row]
                                              : std::max(newest_[key], numbers[row]);
        if (in_order) PutAgain(key, rows, row, first + row);
        if (!in_order) others.push_back(first + row);
      }
      numbers_.SkipTo(newest_[key] + 1);
      if (!in_order) MILL_RETURN(FormSessions(key, std::move(others)));
    }
    return Status::OK();
  }

  // Forms the key's sessions anew, of the rows that they have and these.
  Status FormSessions(uint32_t key, std::vector<int64_t> of_key) {
    for (const WaitingSession& session : sessions_[key]) {
      of_key.insert(of_key.end(), session.rows.begin(), session.rows.end());
    }
    sessions_[key].clear();
    MILL_ASSIGN(const auto all, kept_.Take(of_key));
    const int64_t* numbers = Numbers(*all, kNumber);
    std::vector<size_t> order(of_key.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return numbers[a] < numbers[b]; });
    for (const size_t i : order) PutAgain(key, *all, static_cast<int64_t>(i), of_key[i]);
    return Status::OK();
  }
  void PutAgain(uint32_t key, const arrow::RecordBatch& rows, int64_t row, int64_t number) {
    Put(key, {number, Numbers(rows, kTime)[row], Numbers(rows, kWatermark)[row]}, true);
  }

  void ForgetSlots(std::span<const uint32_t> keys) override {
    for (uint32_t key : keys) {
      for (const WaitingSession& session : sessions_[key]) {
        for (const int64_t row : session.rows) kept_.Forget(row);
      }
      sessions_[key] = Sessions();
      timers_.Cancel(key);
    }
  }
  std::optional<Timestamp> DueOf(uint32_t key, size_t) const override {
    return FirstEnds{sessions_.data(), gap_}(key);
  }

  SessionAssignSpec spec_;
  const int64_t gap_;
  std::unique_ptr<KeyTable> keys_;
  std::unique_ptr<SpilledTable> spilled_;  // null: all is in memory
  std::vector<Sessions> sessions_;  // by slot
  std::vector<int64_t> newest_;     // by slot: of the rows loaded, if there are sessions
  Timers timers_;
  KeptRows kept_;       // with the columns of table_
  const int declared_;  // columns of the input
  StateTable table_;    // of the rows that wait: the declared columns, time, watermark, number
  NumberedRows numbers_;
  const SavedNumbers clock_{
      "clock",
      "The operator's time, by instance.",
      {{"watermark", "In ms; what ends at or before it was emitted."},
       {"next_number", "All rows that wait have lower numbers."}}};
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
