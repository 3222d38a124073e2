#include "runtime/chain.h"

#include <algorithm>
#include <utility>

namespace millrace {

Chain::Chain(std::vector<std::unique_ptr<Operator>> operators, std::unique_ptr<ChainEnd> end,
             int64_t batch_rows)
    : end_(std::move(end)), batch_rows_(batch_rows) {
  for (auto& op : operators) {
    auto slot = std::make_unique<Slot>();
    slot->chain = this;
    slot->index = slots_.size();
    slot->op = std::move(op);
    slots_.push_back(std::move(slot));
  }
}

void Chain::CountSplits(size_t count) {
  for (auto& slot : slots_) {
    slot->stats.late_of_split = std::vector<std::atomic<int64_t>>(count);
    slot->late_told.assign(count, 0);
  }
}

Status Chain::Open(const OperatorContext& context) {
  for (auto& slot : slots_) MILL_RETURN(Annotate(slot->op->Open(context), slot->op->Describe()));
  return Status::OK();
}

Status Chain::Load(int i, const StateReader& state) {
  Operator& op = *slots_[static_cast<size_t>(i)]->op;
  return Annotate(op.Load(state), op.Describe());
}

void Chain::CountOn(int i, const OperatorCounters& counted,
                    const std::vector<SplitName>& splits) {
  Slot& slot = *slots_[static_cast<size_t>(i)];
  Count(slot.stats.rows_in, counted.rows_in);
  Count(slot.stats.rows_out, counted.rows_out);
  Count(slot.stats.late, counted.late);
  Count(slot.stats.filtered, counted.filtered);
  slot.late_before = counted.late;
  slot.filtered_before = counted.filtered;
  for (size_t split = 0; split < splits.size(); ++split) {
    const auto found = counted.late_from.find(splits[split].Text());
    if (found != counted.late_from.end()) Count(slot.stats.late_of_split[split], found->second);
  }
}

OperatorCounters Chain::CountersOf(size_t i, const std::vector<SplitName>& splits) const {
  const OperatorStats& stats = slots_[i]->stats;
  OperatorCounters counters{stats.rows_in, stats.rows_out, stats.late, stats.filtered};
  for (size_t split = 0; split < splits.size(); ++split) {
    const int64_t late = stats.late_of_split[split];
    if (late > 0) counters.late_from[splits[split].Text()] += late;
  }
  return counters;
}

Status Chain::Slot::Emit(Batch batch) {
  Count(stats.rows_out, batch.num_rows());
  return chain->DeliverBatch(index + 1, 0, std::move(batch));
}

// Cuts into pieces of about equal size: a short rest would cost as much as a full batch.
Status Chain::DeliverBatch(size_t index, int input, Batch batch) {
  const int64_t rows = batch.num_rows();
  if (rows == 0) return Status::OK();
  if (rows <= batch_rows_) return Deliver(index, input, std::move(batch));
  const int64_t pieces = (rows + batch_rows_ - 1) / batch_rows_;
  for (int64_t i = 0; i < pieces; ++i) {
    const int64_t begin = rows * i / pieces;
    MILL_RETURN(Deliver(index, input, batch.Slice(begin, rows * (i + 1) / pieces - begin)));
  }
  return Status::OK();
}

Status Chain::Deliver(size_t index, int input, Message message) {
  if (index == slots_.size()) return DeliverToEnd(std::move(message));
  Slot& slot = *slots_[index];
  if (!slot.busy()) return Handle(slot, input, std::move(message));
  slot.waiting.emplace_back(input, std::move(message));
  return Status::OK();
}

Status Chain::DeliverToEnd(Message message) {
  const auto* barrier = std::get_if<Barrier>(&message);
  if (!barrier || !observer_) return end_->Accept(std::move(message));
  const int64_t epoch = barrier->epoch;
  MILL_RETURN(end_->Accept(std::move(message)));
  return observer_->BarrierLeft(epoch);
}

Status Chain::Handle(Slot& slot, int input, Message message) {
  MILL_ASSIGN(Progress progress, Call(slot, input, message));
  if (std::holds_alternative<Batch>(message)) return Conclude(slot, progress, std::nullopt);
  return Conclude(slot, progress, std::move(message));
}

Result<Progress> Chain::Call(Slot& slot, int input, const Message& message) {
  if (const auto* batch = std::get_if<Batch>(&message)) {
    Count(slot.stats.rows_in, batch->num_rows());
    return slot.op->OnBatch(input, *batch, slot);
  }
  if (const auto* watermark = std::get_if<Watermark>(&message)) {
    if (watermark->domain == TimeDomain::kEvent) {
      slot.stats.watermark.store(watermark->time, std::memory_order_relaxed);
    }
    return slot.op->OnWatermark(watermark->domain, watermark->time, slot);
  }
  if (const auto* barrier = std::get_if<Barrier>(&message)) {
    MILL_RETURN(slot.op->OnBarrier(barrier->epoch, slot));
    if (observer_) MILL_RETURN(observer_->BarrierPassed(slot.index, *slot.op, barrier->epoch));
  }
  if (std::holds_alternative<End>(message)) return slot.op->OnEnd(slot);
  return Progress::kDone;
}

Status Chain::Conclude(Slot& slot, Progress progress, std::optional<Message> forward) {
  TellCounts(slot);
  const bool was_busy = slot.busy();
  slot.more = progress == Progress::kMore;
  if (slot.more) slot.forward = std::move(forward);
  UpdateBacklog(slot, was_busy);
  if (slot.more || !forward) return Status::OK();
  return Deliver(slot.index + 1, 0, std::move(*forward));
}

void Chain::TellCounts(Slot& slot) {
  const OperatorCounts& counts = slot.op->counts();
  OperatorStats& stats = slot.stats;
  stats.filtered.store(slot.filtered_before + counts.filtered, std::memory_order_relaxed);
  const int64_t late = slot.late_before + counts.late;
  if (late == stats.late.load(std::memory_order_relaxed)) return;
  stats.late.store(late, std::memory_order_relaxed);
  for (size_t split = 0; split < counts.late_of_split.size(); ++split) {
    Count(stats.late_of_split[split],
          counts.late_of_split[split] - std::exchange(slot.late_told[split],
                                                      counts.late_of_split[split]));
  }
}

void Chain::UpdateBacklog(const Slot& slot, bool was_busy) {
  backlog_ += static_cast<int>(slot.busy()) - static_cast<int>(was_busy);
}

Status Chain::Resume() {
  while (backlog_ > 0 && !end_->Full()) MILL_RETURN(ResumeOne());
  return Status::OK();
}

Status Chain::ResumeOne() {
  const auto found = std::find_if(slots_.rbegin(), slots_.rend(),
                                  [](const auto& slot) { return slot->busy(); });
  Slot& slot = **found;
  if (slot.more) {
    MILL_ASSIGN(Progress progress, slot.op->OnMore(slot));
    std::optional<Message> forward = std::exchange(slot.forward, std::nullopt);
    return Conclude(slot, progress, std::move(forward));
  }
  Delivery next = std::move(slot.waiting.front());
  slot.waiting.pop_front();
  UpdateBacklog(slot, true);
  return Handle(slot, next.input, std::move(next.message));
}

bool Chain::FullBehind(size_t index) const {
  if (end_->Full()) return true;
  return std::any_of(slots_.begin() + static_cast<std::ptrdiff_t>(index) + 1, slots_.end(),
                     [](const auto& slot) { return slot->busy(); });
}

}  // namespace millrace
