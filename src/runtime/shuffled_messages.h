// ShuffledMessages: stands between the tasks and the checkpoint coordinator of a simulated job, and lets
// their messages overtake one another as threads would: each arrives later, those of one sender or for
// one receiver in their order, all others in any.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>

#include "runtime/checkpoint_coordinator.h"
#include "runtime/scheduler.h"

namespace millrace {

// Delivers one message in each run. For stepped jobs: all on one thread.
class ShuffledMessages final : public Activity, public CheckpointListener {
 public:
  // `draw` says whose turn it is.
  ShuffledMessages(CheckpointListener* coordinator, std::function<uint64_t()> draw)
      : coordinator_(coordinator), draw_(std::move(draw)) {}

  // Puts the messages to the tasks of `participants` into this queue, too.
  void Delay(CheckpointParticipants& participants);

  Result<Next> Run() override;
  bool keeps_state() const override { return coordinator_->keeps_state(); }
  SaveMode save_mode() const override { return coordinator_->save_mode(); }
  bool shows_all() const override { return coordinator_->shows_all(); }
  bool holds_sources() const override { return coordinator_->holds_sources(); }
  void SourceEnded() override;
  void Acknowledge(TaskSnapshot snapshot) override;
  void Published(size_t sink, int64_t epoch) override;
  void PublishFailed(size_t sink, const Status& status) override;

 private:
  using Letter = std::function<void()>;
  void Post(const std::string& line, Letter letter);

  CheckpointListener* coordinator_;
  std::function<uint64_t()> draw_;
  std::map<std::string, std::deque<Letter>> lines_;  // by sender or receiver; none is empty
};

}  // namespace millrace
