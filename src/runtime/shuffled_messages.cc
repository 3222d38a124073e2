#include "runtime/shuffled_messages.h"

#include <memory>
#include <utility>

namespace millrace {

namespace {

// Of a task: any part of it has a name of its own.
std::string SenderOf(const TaskSnapshot& snapshot) {
  if (snapshot.lane) return "from lane " + snapshot.lane->id;
  if (snapshot.sink) return "from sink " + snapshot.sink->id;
  if (snapshot.operators.empty()) return "from a task";
  const OperatorSnapshot& first = snapshot.operators.front();
  return fmt::format("from {} {}", first.id, first.instance);
}

}  // namespace

void ShuffledMessages::Post(const std::string& line, Letter letter) {
  lines_[line].push_back(std::move(letter));
  Wake();
}

Result<Activity::Next> ShuffledMessages::Run() {
  if (lines_.empty()) return Next::kWait;
  auto line = lines_.begin();
  std::advance(line, static_cast<std::ptrdiff_t>(draw_() % lines_.size()));
  const Letter letter = std::move(line->second.front());
  line->second.pop_front();
  if (line->second.empty()) lines_.erase(line);
  letter();
  return lines_.empty() ? Next::kWait : Next::kAgain;
}

void ShuffledMessages::SourceEnded() {
  Post("ends", [this] { coordinator_->SourceEnded(); });
}

void ShuffledMessages::Acknowledge(TaskSnapshot snapshot) {
  const std::string sender = SenderOf(snapshot);
  auto kept = std::make_shared<TaskSnapshot>(std::move(snapshot));
  Post(sender, [this, kept] { coordinator_->Acknowledge(std::move(*kept)); });
}

void ShuffledMessages::Published(size_t sink, int64_t epoch) {
  Post(fmt::format("published {}", sink), [=, this] { coordinator_->Published(sink, epoch); });
}

void ShuffledMessages::PublishFailed(size_t sink, const Status& status) {
  Post(fmt::format("published {}", sink), [=, this] { coordinator_->PublishFailed(sink, status); });
}

void ShuffledMessages::Delay(CheckpointParticipants& participants) {
  for (size_t i = 0; i < participants.sources.size(); ++i) {
    const auto inject = participants.sources[i];
    participants.sources[i] = [this, inject, i](int64_t epoch, bool last) {
      Post(fmt::format("to source {}", i), [=] { inject(epoch, last); });
    };
  }
  for (size_t i = 0; i < participants.sinks.size(); ++i) {
    const auto publish = participants.sinks[i].publish;
    participants.sinks[i].publish = [this, publish, i](const Committable& staged) {
      Post(fmt::format("to sink {}", i), [=] { publish(staged); });
    };
  }
}

}  // namespace millrace
