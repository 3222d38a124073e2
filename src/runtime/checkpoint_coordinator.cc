#include "runtime/checkpoint_coordinator.h"

#include <algorithm>
#include <utility>

namespace millrace {

namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr milliseconds kFirstRetry{50};
constexpr milliseconds kLongestRetry{5000};

Status NoCrash(const char*) { return Status::OK(); }

}  // namespace

CheckpointCoordinator::CheckpointCoordinator(const CheckpointOptions& options,
                                             CheckpointStore* store, RejectLog* rejects,
                                             Events events)
    : options_(options),
      store_(store),
      rejects_(rejects),
      events_(std::move(events)),
      epoch_(options.last_epoch) {}

void CheckpointCoordinator::SetParticipants(CheckpointParticipants participants) {
  participants_ = std::move(participants);
  for (const auto& sink : participants_.sinks) {
    sinks_.emplace_back();
    sinks_.back().id = sink.id;
  }
}

size_t CheckpointCoordinator::unpublished() const {
  size_t most = 0;
  for (const SinkState& sink : sinks_) {
    most = std::max(most, sink.staged.size() + sink.committed.size());
  }
  return most;
}

// What no checkpoint has committed cannot be published by waiting: it joins the next one.
bool CheckpointCoordinator::PublishingIsBehind() const {
  return std::any_of(sinks_.begin(), sinks_.end(), [](const SinkState& sink) {
    return sink.committed.size() >= kMaxUnpublished;
  });
}

void CheckpointCoordinator::Trigger(Time now) {
  std::lock_guard lock(mutex_);
  if (phase_ != Phase::kNone || final_) return;
  if (last_end_ != Time::min() && now < last_end_ + options_.min_pause) return;
  if (PublishingIsBehind()) {
    holds_sources_ = true;
    return;
  }
  Begin(now);
}

void CheckpointCoordinator::TriggerSavepoint(std::string target, bool stop,
                                             std::function<void(Status)> done, Time now) {
  std::lock_guard lock(mutex_);
  if (wanted_ || savepoint_ || copy_ || final_ || all_ended()) {
    done(UserError("no savepoint can be made: {}", final_ || all_ended()
                                                       ? "the job is ending"
                                                       : "another one is being made"));
    return;
  }
  wanted_ = Savepoint{std::move(target), stop, std::move(done)};
  BeginWhatIsDue(now);
}

void CheckpointCoordinator::BeginWhatIsDue(Time now) {
  if (phase_ != Phase::kNone || final_) return;
  const bool due = wanted_ || holds_sources_;
  if (all_ended() || (due && !PublishingIsBehind())) Begin(now);
}

void CheckpointCoordinator::Begin(Time now) {
  savepoint_ = std::exchange(wanted_, std::nullopt);
  holds_sources_ = false;
  ++epoch_;
  final_ = all_ended() || (savepoint_ && savepoint_->stop);
  phase_ = Phase::kAligning;
  began_ = now;
  alignment_ = microseconds{0};
  costs_.clear();
  image_ = {};
  image_.name = {options_.job, options_.lineage, epoch_, options_.script_hash, false, all_ended(),
                 options_.key_groups};
  shows_all_ = final_ || savepoint_;
  full_ = !chained_ || savepoint_ || (store_ && store_->wants_full());
  chained_ = false;
  // A job that has ended has nothing left to do but to publish.
  keeps_state_ = store_ && (savepoint_ || !image_.name.finished);
  missing_ = participants_.tasks;
  for (const auto& inject : participants_.sources) inject(epoch_, final_);
}

SaveMode CheckpointCoordinator::save_mode() const {
  return full_ ? SaveMode::kFull : SaveMode::kDelta;
}

void CheckpointCoordinator::SourceEnded() {
  std::lock_guard lock(mutex_);
  ++ended_;
  BeginWhatIsDue(Now());
}

void CheckpointCoordinator::CollectStaged(SinkSnapshot sink) {
  const auto found = std::find_if(sinks_.begin(), sinks_.end(),
                                  [&](const SinkState& each) { return each.id == sink.id; });
  MILL_CHECK(found != sinks_.end());
  for (Committable& each : sink.pending) found->staged.push_back(std::move(each));
  found->counters = sink.counters;
}

void CheckpointCoordinator::Acknowledge(TaskSnapshot snapshot) {
  std::lock_guard lock(mutex_);
  if (snapshot.sink) CollectStaged(std::move(*snapshot.sink));
  // Of a checkpoint that has been given up, only what the sinks staged counts.
  if (phase_ != Phase::kAligning || snapshot.epoch != epoch_) return;
  MILL_CHECK(missing_ > 0);
  for (OperatorSnapshot& each : snapshot.operators) {
    CheckpointReport::OperatorCost& cost = costs_[each.id];
    cost.alignment = std::max(cost.alignment, each.alignment);
    cost.save = std::max(cost.save, each.save);
    image_.operators.push_back(std::move(each));
  }
  if (snapshot.lane) image_.lanes.push_back(std::move(*snapshot.lane));
  alignment_ = std::max(alignment_, snapshot.alignment);
  if (--missing_ == 0) Complete();
}

void CheckpointCoordinator::Complete() {
  aligned_ = Now();
  for (const SinkState& sink : sinks_) {
    SinkSnapshot snapshot{sink.id, sink.committed, sink.counters};
    snapshot.pending.insert(snapshot.pending.end(), sink.staged.begin(), sink.staged.end());
    std::erase_if(snapshot.pending, [](const Committable& each) { return each.payload.empty(); });
    image_.sinks.push_back(std::move(snapshot));
  }
  phase_ = Phase::kWriting;
  events_.to_write();
}

void CheckpointCoordinator::WriteNext() {
  WriteCopy();
  WriteCheckpoint();
}

void CheckpointCoordinator::WriteCheckpoint() {
  Checkpoint image;
  {
    std::lock_guard lock(mutex_);
    if (phase_ != Phase::kWriting) return;
    image = std::move(image_);
  }
  const Result<WrittenCheckpoint> written = Write(image);
  std::lock_guard lock(mutex_);
  in_doubt_ = store_ && !written.ok();
  if (!written.ok()) return GiveUp(written.status().message());
  if (savepoint_ && store_) {
    image.target = savepoint_->target;
    image.name.savepoint = true;
    if (rejects_) image.rejects = rejects_->Shown(image.name.epoch);
    copy_ = Copy{std::move(image), std::move(savepoint_->done)};
  }
  image = {};  // before the next one begins: it holds a copy of the state
  Commit(*written);
}

void CheckpointCoordinator::WriteCopy() {
  Checkpoint image;
  {
    std::lock_guard lock(mutex_);
    if (!copy_ || !IsPublished(copy_->image.name.epoch)) return;
    image = std::move(copy_->image);
  }
  for (SinkSnapshot& sink : image.sinks) {
    sink.counters.published_epochs += std::ssize(sink.pending);
    sink.pending.clear();
  }
  const Status written = store_->Write(image).status();
  image = {};  // before the next one begins: it holds a copy of the state
  std::lock_guard lock(mutex_);
  const auto done = std::move(copy_->done);
  copy_.reset();
  if (done) done(written);
  AfterPublishing();
}

bool CheckpointCoordinator::names_staged() const {
  std::lock_guard lock(mutex_);
  return in_doubt_ || !IsPublished(epoch_);
}

bool CheckpointCoordinator::IsPublished(int64_t epoch) const {
  return std::none_of(sinks_.begin(), sinks_.end(), [&](const SinkState& sink) {
    return !sink.committed.empty() && sink.committed.front().epoch <= epoch;
  });
}

// Dead letters and late rows show with the epoch, and before the next one is written: a restored job
// cuts off what is not of its checkpoint.
Result<WrittenCheckpoint> CheckpointCoordinator::Write(Checkpoint& image) {
  const auto crash = events_.crash_point ? events_.crash_point : NoCrash;
  if (rejects_) {
    MILL_ASSIGN(image.rejects, rejects_->Stage(image.name.epoch));
  }
  MILL_RETURN(crash("before the manifest"));
  WrittenCheckpoint written;
  if (store_) {
    MILL_ASSIGN(written, store_->Write(image));
  }
  MILL_RETURN(crash("after the manifest"));
  if (rejects_) {
    const Status shown = rejects_->Publish(*image.rejects);
    if (!shown.ok()) events_.failed(shown);
  }
  return written;
}

void CheckpointCoordinator::Commit(const WrittenCheckpoint& written) {
  phase_ = Phase::kNone;
  chained_ = true;
  failures_ = 0;
  last_end_ = Now();
  ++totals_.completed;
  Report("", written);
  if (participants_.completed) participants_.completed(epoch_);
  for (size_t i = 0; i < sinks_.size(); ++i) {
    for (Committable& each : std::exchange(sinks_[i].staged, {})) {
      participants_.sinks[i].publish(each);
      sinks_[i].committed.push_back(std::move(each));
    }
  }
  committed_final_ = final_;
  if (!store_) EndSavepoint(Status::OK());
  savepoint_.reset();
  AfterPublishing();
  BeginWhatIsDue(last_end_);
}

void CheckpointCoordinator::GiveUp(const std::string& why) {
  phase_ = Phase::kNone;
  const bool stop = savepoint_ && savepoint_->stop;
  last_end_ = Now();
  ++totals_.failed;
  Report(why, {});
  EndSavepoint(ExternalError("checkpoint {} failed: {}", epoch_, why));
  if (stop || ++failures_ > options_.tolerable_failures) {
    events_.failed(ExternalError("checkpoint {} failed: {}", epoch_, why));
    return;
  }
  final_ = false;
  BeginWhatIsDue(last_end_);
}

void CheckpointCoordinator::Report(const std::string& failure,
                                   const WrittenCheckpoint& written) {
  CheckpointReport report;
  report.epoch = epoch_;
  report.savepoint = savepoint_.has_value();
  report.final = final_;
  report.failure = failure;
  report.duration = duration_cast<microseconds>(last_end_ - began_);
  if (failure.empty()) {
    report.barriers = duration_cast<microseconds>(aligned_ - began_);
    report.alignment = alignment_;
    report.bytes = written.bytes;
    for (auto& [id, part] : written.operators) {
      costs_[id].bytes = part.bytes;
      costs_[id].write = part.time;
    }
    for (auto& [id, cost] : costs_) {
      cost.id = id;
      if (cost.bytes > 0 || cost.alignment.count() > 0) report.operators.push_back(cost);
    }
    totals_.last = report;
  }
  if (events_.report) events_.report(report);
}

std::string CheckpointReport::ToString() const {
  const std::string what = fmt::format("{}{} {}", final ? "final " : "",
                                       savepoint ? "savepoint" : "checkpoint", epoch);
  const auto ms = [](microseconds time) { return static_cast<double>(time.count()) / 1000; };
  if (!failure.empty()) return fmt::format("{} failed after {:.1f} ms: {}", what, ms(duration), failure);
  std::string text = fmt::format(
      "{}: {:.1f} ms, of these {:.1f} ms for barriers ({:.1f} ms alignment); {} bytes", what,
      ms(duration), ms(barriers), ms(alignment), bytes);
  for (const OperatorCost& cost : operators) {
    text += fmt::format(
        "\n  {}: {:.1f} ms alignment, {:.1f} ms saving, {:.1f} ms writing, {} bytes", cost.id,
        ms(cost.alignment), ms(cost.save), ms(cost.write), cost.bytes);
  }
  return text;
}

void CheckpointCoordinator::EndSavepoint(const Status& status) {
  if (!savepoint_) return;
  const auto done = std::move(savepoint_->done);
  savepoint_.reset();
  if (done) done(status);
}

void CheckpointCoordinator::Abandon(const Status& status) {
  std::lock_guard lock(mutex_);
  const Status failure = ExternalError("no savepoint was made: {}",
                                       status.ok() ? "the job was stopped" : status.message());
  if (wanted_) wanted_->done(failure);
  wanted_.reset();
  EndSavepoint(failure);
  if (copy_) copy_->done(failure);
  copy_.reset();
}

void CheckpointCoordinator::Published(size_t sink, int64_t epoch) {
  std::lock_guard lock(mutex_);
  SinkState& state = sinks_[sink];
  std::erase_if(state.committed, [&](const Committable& each) { return each.epoch <= epoch; });
  ++state.counters.published_epochs;
  state.attempts = 0;
  AfterPublishing();
  BeginWhatIsDue(Now());
}

void CheckpointCoordinator::AfterPublishing() {
  if (copy_) {
    if (IsPublished(copy_->image.name.epoch)) events_.to_write();
    return;
  }
  if (!committed_final_ || !IsPublished(epoch_)) return;
  committed_final_ = false;
  events_.done();
}

void CheckpointCoordinator::PublishFailed(size_t sink, const Status& status) {
  std::lock_guard lock(mutex_);
  SinkState& state = sinks_[sink];
  if (!status.IsIOError() || ++state.attempts > kMaxPublishAttempts) {
    events_.failed(status);
    return;
  }
  const milliseconds wait = std::min(kLongestRetry, kFirstRetry * (1 << state.attempts));
  state.retry_at = Now() + wait;
}

void CheckpointCoordinator::KeepTime(Time now) {
  std::lock_guard lock(mutex_);
  for (size_t i = 0; i < sinks_.size(); ++i) {
    if (now < sinks_[i].retry_at) continue;
    sinks_[i].retry_at = Time::max();
    for (const Committable& each : sinks_[i].committed) participants_.sinks[i].publish(each);
  }
  if (phase_ == Phase::kAligning && now > began_ + options_.timeout) {
    GiveUp(fmt::format("not complete within {} ms", options_.timeout.count()));
  }
  BeginWhatIsDue(now);
}

CheckpointTotals CheckpointCoordinator::totals() const {
  std::lock_guard lock(mutex_);
  CheckpointTotals totals = totals_;
  totals.last_epoch = epoch_;
  totals.unpublished = static_cast<int64_t>(unpublished());
  return totals;
}

}  // namespace millrace
