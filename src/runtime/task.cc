#include "runtime/task.h"

#include <utility>

namespace millrace {

Status SinkWriter::Accept(Message message) {
  if (const auto* batch = std::get_if<Batch>(&message)) {
    Count(rows_, batch->num_rows());
    return sink_->Write(*batch);
  }
  if (const auto* barrier = std::get_if<Barrier>(&message)) {
    MILL_ASSIGN(staged_, sink_->Stage(barrier->epoch));
    epochs_->Acknowledge(barrier->epoch);
  }
  return Status::OK();
}

Status SinkWriter::PublishRequested() {
  const int64_t requested = requested_.load(std::memory_order_acquire);
  if (requested <= last_published_) return Status::OK();
  MILL_RETURN(sink_->Publish(staged_));
  last_published_ = requested;
  Count(published_, 1);
  epochs_->Published(requested);
  return Status::OK();
}

Result<Activity::Next> Task::Run() {
  Result<Next> next = Guarded([this] { return RunMessages(); });
  if (!next.ok()) return Annotate(next.status(), name_);
  return next;
}

Result<Activity::Next> Task::RunMessages() {
  for (int i = 0; i < messages_; ++i) {
    if (sink_) MILL_RETURN(sink_->PublishRequested());
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
