#include "operators/aggregate_set.h"

#include <arrow/buffer.h>

#include <algorithm>

namespace millrace {
namespace {

// Copies `slots`, without those rows where the condition is not TRUE.
void ApplyFilter(const arrow::Array& condition, std::span<const uint32_t> slots,
                 std::vector<uint32_t>& filtered) {
  const auto& flags = static_cast<const arrow::BooleanArray&>(condition);
  filtered.assign(slots.begin(), slots.end());
  for (size_t i = 0; i < slots.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    if (flags.IsNull(row) || !flags.Value(row)) filtered[i] = kNoSlot;
  }
}

template <typename Get>
std::shared_ptr<arrow::Array> TimeColumn(const std::shared_ptr<arrow::DataType>& type,
                                         const std::vector<Window>& windows, Get get) {
  std::vector<Timestamp> values;
  values.reserve(windows.size());
  for (const Window& window : windows) values.push_back(get(window));
  const auto count = static_cast<int64_t>(values.size());
  return arrow::MakeArray(arrow::ArrayData::Make(
      type, count, {nullptr, arrow::Buffer::FromVector(std::move(values))}, 0));
}

}  // namespace

AggregateSet::AggregateSet(std::vector<AggregateCall> calls, bool retract)
    : calls_(std::move(calls)), shares_(calls_.size(), false) {
  if (!retract) FindSharing();
  for (size_t c = 0; c < calls_.size(); ++c) {
    accumulators_.push_back(shares_[c] ? nullptr : MakeAccumulators(calls_[c], retract));
  }
  for (const Sharing& sharing : sharing_) {
    for (size_t i = 0; i < sharing.calls.size(); ++i) {
      accumulators_[sharing.calls[i]] = sharing.set->Call(i);
    }
  }
}

void AggregateSet::FindSharing() {
  for (size_t c = 0; c < calls_.size(); ++c) {
    if (shares_[c]) continue;
    Sharing sharing;
    std::vector<const AggregateCall*> calls;
    for (size_t other = c; other < calls_.size(); ++other) {
      if (calls.size() == SharedDistinct::kMaxCalls || shares_[other]) continue;
      if (!CanShareDistinct(calls_[c], calls_[other])) continue;
      sharing.calls.push_back(other);
      calls.push_back(&calls_[other]);
    }
    if (calls.size() < 2) continue;
    for (size_t call : sharing.calls) shares_[call] = true;
    sharing.set = MakeSharedDistinct(calls);
    sharing_.push_back(std::move(sharing));
  }
}

void AggregateSet::Resize(size_t slots) {
  if (slots <= slots_) return;
  slots_ = slots;
  for (auto& accumulators : accumulators_) accumulators->Resize(slots);
}

void AggregateSet::Reset(uint32_t slot) {
  for (auto& accumulators : accumulators_) accumulators->Reset(slot);
}

Status AggregateSet::Update(std::span<const uint32_t> slots, const Batch& rows) {
  const RowKind* kinds = rows.kinds ? rows.kinds->data() : nullptr;
  for (const Sharing& sharing : sharing_) MILL_RETURN(UpdateShared(sharing, slots, rows));
  for (size_t c = 0; c < calls_.size(); ++c) {
    if (shares_[c]) continue;
    const arrow::ArrayVector args = ArgumentsOf(calls_[c], rows);
    std::span<const uint32_t> taking_part = slots;
    if (calls_[c].filter >= 0) {
      ApplyFilter(*rows.rows->column(calls_[c].filter), slots, filtered_);
      taking_part = filtered_;
    }
    MILL_RETURN(accumulators_[c]->Update(taking_part, args, kinds));
  }
  return Status::OK();
}

Status AggregateSet::UpdateShared(const Sharing& sharing, std::span<const uint32_t> slots,
                                  const Batch& rows) {
  std::vector<const arrow::Array*> conditions;
  for (size_t call : sharing.calls) {
    const int filter = calls_[call].filter;
    conditions.push_back(filter < 0 ? nullptr : rows.rows->column(filter).get());
  }
  return sharing.set->Update(slots, ArgumentsOf(calls_[sharing.calls[0]], rows), conditions);
}

arrow::ArrayVector AggregateSet::ArgumentsOf(const AggregateCall& call, const Batch& rows) const {
  arrow::ArrayVector args;
  for (int arg : call.args) args.push_back(rows.rows->column(arg));
  return args;
}

void AggregateSet::Merge(uint32_t into, uint32_t from) {
  for (auto& accumulators : accumulators_) accumulators->Merge(into, from);
}

Status AggregateSet::Finish(std::span<const uint32_t> slots, arrow::ArrayVector& columns) const {
  for (const auto& accumulators : accumulators_) {
    MILL_ASSIGN(auto column, accumulators->Finish(slots));
    columns.push_back(std::move(column));
  }
  return Status::OK();
}

arrow::FieldVector AggregateSet::StateFields() const {
  arrow::FieldVector fields;
  for (size_t c = 0; c < calls_.size(); ++c) {
    const std::string& of = calls_[c].Label();
    for (const auto& field : accumulators_[c]->StateFields()) {
      fields.push_back(field->WithName(of + "." + field->name()));
    }
  }
  return fields;
}

Status AggregateSet::Save(std::span<const uint32_t> slots, SaveMode mode,
                          arrow::ArrayVector& columns) {
  for (auto& accumulators : accumulators_) MILL_RETURN(accumulators->Save(slots, mode, columns));
  return Status::OK();
}

Status AggregateSet::Load(std::span<const uint32_t> slots,
                          std::span<const std::shared_ptr<arrow::Array>> columns) {
  for (auto& accumulators : accumulators_) {
    const size_t count = accumulators->StateFields().size();
    MILL_RETURN(accumulators->Load(slots, columns.first(count)));
    columns = columns.subspan(count);
  }
  return Status::OK();
}

RowTimes::RowTimes(const WindowSpec& window, Timestamp watermark, const Batch& rows)
    : arrival_(watermark == kMaxTimestamp ? watermark : std::max(rows.arrival, watermark + 1)) {
  if (window.time_column < 0 || window.domain == TimeDomain::kProcessing) return;
  const auto& column = rows.rows->column(window.time_column);
  values_ = column->data()->GetValues<Timestamp>(1);
  if (column->null_count() > 0) column_ = column.get();
}

// Arrival watermarks are of event time.
RowWatermarks::RowWatermarks(TimeDomain domain, Timestamp watermark, const Batch& rows)
    : watermark_(watermark) {
  if (domain == TimeDomain::kEvent && rows.arrival_watermarks) {
    arrivals_ = rows.arrival_watermarks->data();
  }
}

Result<Batch> WindowResults(const std::shared_ptr<arrow::Schema>& schema,
                            arrow::ArrayVector columns, const std::vector<Window>& windows) {
  if (schema->num_fields() != static_cast<int>(columns.size()) + 3) {
    return Status::UnknownError("a windowed aggregate of ", columns.size(),
                                " columns has the output ", schema->ToString());
  }
  const int first = static_cast<int>(columns.size());
  columns.push_back(
      TimeColumn(schema->field(first)->type(), windows, [](const Window& w) { return w.start; }));
  columns.push_back(
      TimeColumn(schema->field(first + 1)->type(), windows, [](const Window& w) { return w.end; }));
  columns.push_back(TimeColumn(schema->field(first + 2)->type(), windows,
                               [](const Window& w) { return w.max_timestamp(); }));
  Batch batch;
  batch.rows =
      arrow::RecordBatch::Make(schema, static_cast<int64_t>(windows.size()), std::move(columns));
  return batch;
}

std::vector<std::shared_ptr<arrow::DataType>> LeadingTypes(const arrow::Schema& schema,
                                                           size_t count) {
  std::vector<std::shared_ptr<arrow::DataType>> types;
  for (size_t i = 0; i < count; ++i) types.push_back(schema.field(static_cast<int>(i))->type());
  return types;
}

}  // namespace millrace
