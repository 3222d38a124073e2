// Task: one instance of a node: an input, a chain of operators, and an exchange or a sink. Run by
// one thread at a time. A run handles a few messages, and none while an output channel is full; the
// channel's consumer wakes the task when there is room.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "connectors/sink.h"
#include "runtime/chain.h"
#include "runtime/epochs.h"
#include "runtime/inbox.h"
#include "runtime/scheduler.h"

namespace millrace {

// The end of a chain whose results leave the engine. Stages at barriers; publishes when asked to.
class SinkWriter final : public ChainEnd {
 public:
  SinkWriter(Sink* sink, EpochListener* epochs) : sink_(sink), epochs_(epochs) {}

  Status Accept(Message message) override;
  bool Full() const override { return false; }
  // Asks for `epoch` to be published; from any thread, the task is to be woken then.
  void RequestPublish(int64_t epoch) { requested_.store(epoch, std::memory_order_release); }
  // Publishes what has been asked for.
  Status PublishRequested();

  int64_t rows() const { return rows_.load(std::memory_order_relaxed); }
  int64_t published_epochs() const { return published_.load(std::memory_order_relaxed); }

 private:
  Sink* sink_;
  EpochListener* epochs_;
  Committable staged_;
  std::atomic<int64_t> requested_{0};
  int64_t last_published_ = 0;
  std::atomic<int64_t> rows_{0}, published_{0};
};

class Task : public Activity {
 public:
  // `sink` is the chain's end if that is a sink, else null. A run handles up to `messages`.
  Task(std::string name, std::unique_ptr<Chain> chain, SinkWriter* sink, int messages)
      : name_(std::move(name)), chain_(std::move(chain)), sink_(sink), messages_(messages) {}

  Result<Next> Run() final;

  const std::string& name() const { return name_; }
  Chain& chain() { return *chain_; }
  const Chain& chain() const { return *chain_; }
  SinkWriter* sink() const { return sink_; }

 protected:
  // Passes the next input into the chain; false if there is none now.
  virtual Result<bool> Advance() = 0;

 private:
  Result<Next> RunMessages();

  std::string name_;
  std::unique_ptr<Chain> chain_;
  SinkWriter* sink_;
  int messages_;
};

// A task fed by other tasks.
class OperatorTask final : public Task {
 public:
  using Task::Task;
  Inbox& inbox() { return inbox_; }

 private:
  Result<bool> Advance() override;
  Inbox inbox_;
};

}  // namespace millrace
