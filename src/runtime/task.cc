#include "runtime/task.h"

#include <algorithm>
#include <utility>

#include "connectors/gathering_sink.h"

namespace millrace {
namespace {

void TellTime(Sink* sink, Timestamp time) {
  if (auto* gathering = dynamic_cast<GatheringSink*>(sink)) gathering->OnWatermark(time);
}

}  // namespace

Status SinkWriter::Accept(Message message) {
  if (const auto* batch = std::get_if<Batch>(&message)) {
    Count(rows_, batch->num_rows());
    const Status written = sink_->Write(*batch);
    CountTroubles();
    return written;
  }
  if (const auto* barrier = std::get_if<Barrier>(&message)) {
    MILL_RETURN(CrashAt("before a sink stages"));
    MILL_ASSIGN(staged_, StageSink(sink_, barrier->epoch, checkpoints_->shows_all()));
    CountTroubles();
    MILL_RETURN(CrashAt("after a sink has staged"));
  }
  const auto* watermark = std::get_if<Watermark>(&message);
  if (watermark && watermark->domain == TimeDomain::kEvent) TellTime(sink_, watermark->time);
  if (std::holds_alternative<End>(message)) TellTime(sink_, kMaxTimestamp);
  return Status::OK();
}

SinkSnapshot SinkWriter::TakeStaged() {
  return {id_, {std::move(staged_)}, {rows(), published_epochs(), troubles()}};
}

void SinkWriter::CountTroubles() {
  const SinkTroubles now = sink_->troubles();
  Count(retries_, now.retries - taken_over_.retries);
  Count(rejected_, now.rejected - taken_over_.rejected);
  taken_over_ = now;
}

// Epochs are published in order: behind one that could not be, the others wait until it is asked for
// again.
void SinkWriter::RequestPublish(const Committable& staged) {
  std::lock_guard lock(mutex_);
  const bool again = std::any_of(requested_.begin(), requested_.end(),
                                 [&](const auto& each) { return each.epoch == staged.epoch; });
  if (!again && staged.epoch <= last_published_) return;
  if (!again) requested_.push_back(staged);
  if (again || !behind_) asked_.store(true, std::memory_order_release);
}

Status SinkWriter::PublishRequested() {
  while (asked_.load(std::memory_order_acquire)) {
    Committable staged;
    {
      std::lock_guard lock(mutex_);
      asked_.store(!requested_.empty(), std::memory_order_relaxed);
      if (requested_.empty()) break;
      staged = requested_.front();
    }
    MILL_RETURN(CrashAt("before a sink publishes"));
    const Status published = sink_->Publish(staged);
    CountTroubles();
    {
      std::lock_guard lock(mutex_);
      behind_ = !published.ok();
      if (behind_) asked_.store(false, std::memory_order_relaxed);
      if (!behind_) requested_.pop_front();
      if (!behind_) last_published_ = staged.epoch;
    }
    if (!published.ok()) {
      if (published.IsIOError()) Count(retries_, 1);  // it will be asked for again
      checkpoints_->PublishFailed(number_, published);
      break;
    }
    MILL_RETURN(CrashAt("after a sink has published"));
    Count(published_, 1);
    checkpoints_->Published(number_, staged.epoch);
  }
  return Status::OK();
}

Status SinkWriter::Recover(const SinkSnapshot& from) {
  Count(rows_, from.counters.rows);
  Count(published_, from.counters.published_epochs);
  Count(retries_, from.counters.troubles.retries);
  Count(rejected_, from.counters.troubles.rejected);
  MILL_RETURN(CrashAt("before a sink recovers"));
  MILL_RETURN(sink_->Recover(from.pending));
  CountTroubles();
  if (!from.pending.empty()) last_published_ = from.pending.back().epoch;
  Count(published_, std::ssize(from.pending));
  return CrashAt("after a sink has recovered");
}

Result<Activity::Next> Task::Run() {
  Result<Next> next = Guarded([this] { return RunMessages(); });
  if (!next.ok()) return Annotate(next.status(), name());
  return next;
}

Result<Activity::Next> Task::RunMessages() {
  for (int i = 0; i < parts_.messages; ++i) {
    if (sink()) MILL_RETURN(sink()->PublishRequested());
    if (!chain_->HasBacklog()) {
      MILL_ASSIGN(const bool urgent, AdvanceUrgently());
      if (urgent) continue;
    }
    if (chain_->end().Full()) return Next::kWait;
    if (chain_->HasBacklog()) {
      MILL_RETURN(chain_->Resume());
      continue;
    }
    MILL_ASSIGN(bool advanced, Advance());
    if (advanced) continue;
    MILL_RETURN(chain_->end().Flush());
    return Next::kWait;
  }
  return Next::kAgain;
}

Status Task::Restore(const RestorePoint& point, int parallelism) {
  for (size_t i = 0; i < parts_.operator_ids.size(); ++i) {
    const std::string& id = parts_.operator_ids[i];
    const OperatorCounters* counters = point.FindOperator(id);
    if (!counters) continue;
    if (parts_.instance == 0) {
      chain_->CountOn(static_cast<int>(i), *counters, *parts_.splits);
    }
    MILL_ASSIGN(auto state, point.OpenState(id, parts_.instance, parallelism));
    if (state) MILL_RETURN(chain_->Load(static_cast<int>(i), *state));
  }
  if (!sink()) return Status::OK();
  const SinkSnapshot* from = point.FindSink(sink()->id());
  return from ? sink()->Recover(*from) : Status::OK();
}

Status Task::BarrierPassed(size_t index, Operator& op, int64_t epoch) {
  OperatorSnapshot snapshot;
  snapshot.id = parts_.operator_ids[index];
  snapshot.what = op.Describe();
  snapshot.instance = parts_.instance;
  snapshot.counters = chain_->CountersOf(index, *parts_.splits);
  if (parts_.checkpoints->keeps_state()) {
    MILL_RETURN(CrashAt("before an operator saves"));
    const auto start = std::chrono::steady_clock::now();
    auto state = std::make_shared<FrozenState>(parts_.checkpoints->save_mode(), parts_.key_groups);
    MILL_RETURN(Annotate(op.Save(*state), fmt::format("saving the state of {} for checkpoint {}",
                                                      snapshot.what, epoch)));
    snapshot.state = std::move(state);
    snapshot.save = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now() - start);
  }
  saved_.push_back(std::move(snapshot));
  return Status::OK();
}

Status Task::BarrierLeft(int64_t epoch) {
  TaskSnapshot snapshot;
  snapshot.epoch = epoch;
  snapshot.operators = std::exchange(saved_, {});
  if (sink()) snapshot.sink = sink()->TakeStaged();
  Describe(snapshot);
  // The chain's first operator is the one that aligned.
  if (!snapshot.operators.empty()) snapshot.operators[0].alignment = snapshot.alignment;
  rejects_.SetEpoch(epoch + 1);
  parts_.checkpoints->Acknowledge(std::move(snapshot));
  return Status::OK();
}

Result<bool> OperatorTask::Advance() {
  Inbox::Delivery delivery;
  if (!inbox_.Next(delivery)) return false;
  if (delivery.only_pass_on) {
    MILL_RETURN(chain().end().Accept(std::move(delivery.message)));
  } else {
    MILL_RETURN(chain().Feed(delivery.input, std::move(delivery.message)));
  }
  return true;
}

}  // namespace millrace
