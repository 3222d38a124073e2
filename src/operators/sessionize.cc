// State per key: the open session. It is dropped when the watermark has passed its end (last +
// gap): no row could join it then but a late one. So that results do not depend on when that
// happens, a session is over for each row whose watermark has passed its end, dropped or not.
#include "operators/sessionize.h"

#include <arrow/array.h>
#include <arrow/buffer.h>

#include <algorithm>

#include "data/key_hash.h"
#include "operators/aggregate_set.h"
#include "operators/expiry.h"
#include "operators/saved_state.h"
#include "operators/spill.h"
#include "state/key_table.h"
#include "state/timers.h"

namespace millrace {
namespace {

struct OpenSession {
  Timestamp start = 0;  // time of the row that opened it
  Timestamp last = 0;
  int64_t events = 0;  // 0: none is open
  int64_t id = 0;
  int64_t same_start = 0;  // sessions of the key that opened at this start before
};

// When sessions end by now, for the timers.
struct LastTimes {
  const OpenSession* sessions;
  int64_t gap;
  Timestamp operator()(uint32_t slot) const { return sessions[slot].last + gap; }
  void Prefetch(uint32_t slot) const { __builtin_prefetch(&sessions[slot]); }
};

// Never negative, never changing: it goes into tables.
int64_t SessionId(uint64_t key_hash, Timestamp start, int64_t same_start) {
  uint64_t x = key_hash ^ (static_cast<uint64_t>(start) * 0x9E3779B97F4A7C15u);
  x += static_cast<uint64_t>(same_start) * 0xD6E8FEB86659FD93u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return static_cast<int64_t>((x ^ (x >> 31)) >> 1);
}

// The four columns, row by row.
struct SessionColumns {
  std::vector<int64_t> id, start, position, duration;

  void Reserve(size_t rows) {
    for (auto* column : {&id, &start, &position, &duration}) column->reserve(rows);
  }
  void Add(const OpenSession& session) {
    id.push_back(session.id);
    start.push_back(session.start);
    position.push_back(session.events);
    duration.push_back(session.last - session.start);
  }
};

class Sessionize : public Operator, private SlotOwner {
 public:
  explicit Sessionize(SessionizeSpec spec)
      : spec_(std::move(spec)),
        timers_(spec_.gap / 32),
        expiry_(spec_.ttl),
        saved_(Layout()),
        clock_("clock", "The operator's time, by instance.",
               {{"watermark", "In ms; sessions that ended before it are forgotten."},
                {"now", "The latest processing time heard of, in ms; 0 without a TTL."}}) {
    window_.time_column = spec_.time_column;
  }

  Status Open(const OperatorContext& context) override {
    MILL_RETURN(Operator::Open(context));
    MILL_ASSIGN(keys_, KeyTable::Make(*spec_.output, spec_.keys));
    // Sessions that have ended are worth nothing: on disk they need no timers.
    SpillOptions options;
    options.drop = {{OwnPlace(saved_, kLast), spec_.gap, false}};
    if (expiry_.enabled()) options.drop.push_back({OwnPlace(saved_, kWritten), spec_.ttl, true});
    return MakeSpilled(context, saved_, options, keys_.get(), this).Value(&spilled_);
  }
  Result<Progress> OnBatch(int input, const Batch& rows, Output& out) override;
  Result<Progress> OnWatermark(TimeDomain domain, Timestamp time, Output& out) override;
  Status Save(StateWriter& writer) override;
  Status Load(const StateReader& reader) override;
  std::string Describe() const override;
  std::vector<StateBound> States() const override;

 private:
  static constexpr int kLast = 1, kWritten = 5;  // own columns

  SavedRows Layout() const;
  Status SaveSlots(std::span<const uint32_t> slots, SaveMode mode, StateWriter& writer) override;
  Status LoadSlots(const arrow::RecordBatch& rows, std::span<const uint32_t> slots) override;
  void ForgetSlots(std::span<const uint32_t> slots) override;
  void AdvanceWatermark(Timestamp watermark);
  void AdvanceNow(Timestamp now);
  void Grow();
  void Expire(Timestamp arrival);
  void Drop(uint32_t slot);
  Status FindKeys(const Batch& rows);
  std::vector<int32_t> Assign(const Batch& rows, SessionColumns& columns);
  bool AssignRow(uint32_t slot, uint64_t key_hash, Timestamp time, Timestamp watermark);
  bool Ends(const OpenSession& session, Timestamp time) const;
  void Start(uint32_t slot, uint64_t key_hash, Timestamp time);
  void DropUnusedKeys();
  Status EmitRows(const Batch& rows, const std::vector<int32_t>& kept, SessionColumns columns,
                  Output& out);

  SessionizeSpec spec_;
  WindowSpec window_;  // for the rows' times
  std::unique_ptr<KeyTable> keys_;
  std::unique_ptr<SpilledTable> spilled_;  // null: all is in memory
  std::vector<OpenSession> sessions_;  // by slot
  Timers timers_;
  Expiry expiry_;
  SavedRows saved_;
  SavedNumbers clock_;
  Timestamp watermark_ = kMinTimestamp;
  std::vector<uint32_t> slots_, inserted_;  // scratch
  std::vector<uint64_t> hashes_;
};

std::string Sessionize::Describe() const {
  return fmt::format("Sessionize(gap {} ms, keys={})", spec_.gap, spec_.keys.size());
}

Result<Progress> Sessionize::OnBatch(int /*input*/, const Batch& rows, Output& out) {
  if (rows.num_rows() == 0) return Progress::kDone;
  MILL_RETURN(FindKeys(rows));
  if (expiry_.enabled()) Expire(rows.arrival);
  SessionColumns columns;
  columns.Reserve(slots_.size());
  const std::vector<int32_t> kept = Assign(rows, columns);
  DropUnusedKeys();
  if (!kept.empty()) MILL_RETURN(EmitRows(rows, kept, std::move(columns), out));
  if (spilled_) MILL_RETURN(spilled_->Trim());
  return Progress::kDone;
}

Status Sessionize::FindKeys(const Batch& rows) {
  inserted_.clear();
  MILL_RETURN(keys_->FindOrInsert(*rows.rows, spec_.keys, nullptr, slots_, inserted_));
  for (uint32_t& row : inserted_) row = slots_[row];
  Grow();
  if (spilled_) MILL_RETURN(spilled_->Fetch(inserted_));
  return HashKeys(*rows.rows, spec_.keys, hashes_);
}

void Sessionize::Grow() {
  sessions_.resize(keys_->slot_count());
  timers_.Resize(keys_->slot_count());
  expiry_.Resize(keys_->slot_count());
}

// Empties the batch's sessions that have expired, though still there; all are written to now.
void Sessionize::Expire(Timestamp arrival) {
  AdvanceNow(arrival);
  for (uint32_t slot : slots_) {
    if (sessions_[slot].events > 0 && expiry_.Expired(slot)) {
      sessions_[slot] = OpenSession();
      timers_.Cancel(slot);
    }
    expiry_.Write(slot);
  }
}

// Gives each row its session; returns the rows that are not late.
std::vector<int32_t> Sessionize::Assign(const Batch& rows, SessionColumns& columns) {
  const RowTimes times(window_, watermark_, rows);
  const RowWatermarks watermarks(TimeDomain::kEvent, watermark_, rows);
  std::vector<int32_t> kept;
  kept.reserve(slots_.size());
  for (size_t i = 0; i < slots_.size(); ++i) {
    const Timestamp watermark = watermarks[i];
    if (!times.IsNull(i) && AssignRow(slots_[i], hashes_[i], times[i], watermark)) {
      columns.Add(sessions_[slots_[i]]);
      kept.push_back(static_cast<int32_t>(i));
      continue;
    }
    const Timestamp time = times.IsNull(i) ? kMinTimestamp : times[i];
    DropAsLate(rows, static_cast<int64_t>(i), time, watermark);
  }
  return kept;
}

// Adds the row to the key's open session or to a new one; false: it is late.
bool Sessionize::AssignRow(uint32_t slot, uint64_t key_hash, Timestamp time, Timestamp watermark) {
  OpenSession& session = sessions_[slot];
  const bool open = session.events > 0 && session.last + spec_.gap > watermark;
  if (open && time < session.start - spec_.gap) return false;
  if (!open) session = OpenSession();
  if (!open || Ends(session, time)) Start(slot, key_hash, time);
  session.last = std::max(session.last, time);
  ++session.events;
  return true;
}

bool Sessionize::Ends(const OpenSession& session, Timestamp time) const {
  return time - session.last > spec_.gap ||
         (spec_.max_events > 0 && session.events >= spec_.max_events) ||
         (spec_.max_duration > 0 && time - session.start > spec_.max_duration);
}

void Sessionize::Start(uint32_t slot, uint64_t key_hash, Timestamp time) {
  OpenSession& session = sessions_[slot];
  const bool again = session.events > 0 && session.start == time;
  const int64_t same_start = again ? session.same_start + 1 : 0;
  session = {time, time, 0, SessionId(key_hash, time, same_start), same_start};
  timers_.Set(slot, time + spec_.gap);
}

// A late row's key has no session.
void Sessionize::DropUnusedKeys() {
  for (uint32_t slot : inserted_) {
    if (sessions_[slot].events == 0) Drop(slot);
  }
}

void Sessionize::AdvanceWatermark(Timestamp watermark) {
  watermark_ = std::max(watermark_, watermark);
  if (spilled_) spilled_->SetDropLimit(0, watermark_);
}

void Sessionize::AdvanceNow(Timestamp now) {
  expiry_.Advance(now);
  if (spilled_ && expiry_.enabled()) spilled_->SetDropLimit(1, expiry_.now());
}

void Sessionize::Drop(uint32_t slot) {
  sessions_[slot] = OpenSession();
  timers_.Cancel(slot);
  expiry_.Forget(slot);
  keys_->Erase(slot);
}

Result<Progress> Sessionize::OnWatermark(TimeDomain domain, Timestamp time, Output&) {
  uint32_t slot;
  if (domain == TimeDomain::kProcessing) {
    if (!expiry_.enabled()) return Progress::kDone;
    AdvanceNow(time);
    while (expiry_.PopExpired(&slot)) Drop(slot);
    return Progress::kDone;
  }
  AdvanceWatermark(time);
  const LastTimes real_time{sessions_.data(), spec_.gap};
  while (timers_.PopDue(watermark_, real_time, &slot)) Drop(slot);
  return Progress::kDone;
}

Status Sessionize::EmitRows(const Batch& rows, const std::vector<int32_t>& kept,
                            SessionColumns columns, Output& out) {
  Batch results = rows;
  if (static_cast<int64_t>(kept.size()) < rows.num_rows()) {
    MILL_ASSIGN(results, rows.Take(kept));
  }
  arrow::ArrayVector arrays = results.rows->columns();
  const auto count = static_cast<int64_t>(kept.size());
  for (auto* values : {&columns.id, &columns.start, &columns.position, &columns.duration}) {
    const auto& type = spec_.output->field(static_cast<int>(arrays.size()))->type();
    arrays.push_back(arrow::MakeArray(arrow::ArrayData::Make(
        type, count, {nullptr, arrow::Buffer::FromVector(std::move(*values))}, 0)));
  }
  return out.Emit(results.With(arrow::RecordBatch::Make(spec_.output, count, std::move(arrays))));
}

SavedRows Sessionize::Layout() const {
  arrow::FieldVector fields;
  std::vector<int> places;
  for (int column : spec_.keys) {
    const auto& field = spec_.output->field(column);
    places.push_back(static_cast<int>(fields.size()));
    fields.push_back(StateField(field->name(), field->type(), "Column of PARTITION BY."));
  }
  const std::vector<OwnColumn> own = {
      {"start", "Time of the row that opened the session.", true},
      {"last", "Latest time of its rows.", true},
      {"events", "Number of its rows."},
      {"id", "The session's id."},
      {"same_start", "Sessions of the key that opened at this start before."},
      {"written", "Processing time in ms when a row last came; 0 without a TTL."}};
  return SavedRows("sessions", "The open session of a key.", fields, own, {}, places, places);
}

Status Sessionize::Save(StateWriter& writer) {
  MILL_RETURN(clock_.Write(writer, context_, {watermark_, expiry_.now()}));
  if (spilled_) return spilled_->Save(writer);
  MILL_ASSIGN(KeyChanges changes, keys_->TakeChanges(writer.mode()));
  MILL_RETURN(saved_.WriteErased(writer, changes));
  return SaveSlots(changes.slots, writer.mode(), writer);
}

Status Sessionize::SaveSlots(std::span<const uint32_t> all, SaveMode, StateWriter& writer) {
  return InPortions(all, [&](std::span<const uint32_t> slots) -> Status {
    std::vector<std::vector<int64_t>> own(6);
    for (uint32_t slot : slots) {
      const OpenSession& session = sessions_[slot];
      own[0].push_back(session.start);
      own[1].push_back(session.last);
      own[2].push_back(session.events);
      own[3].push_back(session.id);
      own[4].push_back(session.same_start);
      own[5].push_back(expiry_.written(slot));
    }
    MILL_ASSIGN(arrow::ArrayVector keys, keys_->KeyColumns(slots));
    return saved_.Write(writer, std::move(keys), std::move(own), {});
  });
}

Status Sessionize::Load(const StateReader& reader) {
  MILL_ASSIGN(const auto clocks, clock_.Read(reader));
  for (const auto& numbers : clocks) {
    AdvanceWatermark(numbers[2]);
    AdvanceNow(numbers[3]);
  }
  if (spilled_) return spilled_->Load(reader);
  const auto load = [this](const auto& rows, auto slots) { return LoadSlots(rows, slots); };
  return saved_.Load(reader, *keys_, SavedRows::RowsPerKey::kOne, load);
}

Status Sessionize::LoadSlots(const arrow::RecordBatch& rows, std::span<const uint32_t> slots) {
  Grow();
  for (size_t i = 0; i < slots.size(); ++i) {
    const uint32_t slot = slots[i];
    sessions_[slot] = {saved_.Own(rows, 0)[i], saved_.Own(rows, kLast)[i], saved_.Own(rows, 2)[i],
                       saved_.Own(rows, 3)[i], saved_.Own(rows, 4)[i]};
    timers_.Set(slot, sessions_[slot].last + spec_.gap);
    expiry_.Restore(slot, saved_.Own(rows, kWritten)[i]);
  }
  return Status::OK();
}

void Sessionize::ForgetSlots(std::span<const uint32_t> slots) {
  for (uint32_t slot : slots) {
    sessions_[slot] = OpenSession();
    timers_.Cancel(slot);
    expiry_.Forget(slot);
  }
}

std::vector<StateBound> Sessionize::States() const {
  std::string bound = "watermark + " + DurationText(spec_.gap);
  if (expiry_.enabled()) bound += ", " + expiry_.Bound();
  return {{"sessions", saved_.table().doc, bound, CanSpill(saved_)}};
}

}  // namespace

std::unique_ptr<Operator> MakeSessionize(SessionizeSpec spec) {
  return std::make_unique<Sessionize>(std::move(spec));
}

}  // namespace millrace
