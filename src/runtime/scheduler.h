// Scheduler: worker threads and one queue of activities that have something to do. An activity is
// run by one thread at a time. Wake() may be called from anywhere at any time and is never lost:
// whoever changes what an activity waits for (a message, room, a request) wakes it afterwards, and
// it looks again. Nobody polls. One global queue is enough: a run works off whole batches.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/status.h"

namespace millrace {

class Scheduler;

// Something that is run now and then. Lives as long as its scheduler.
class Activity {
 public:
  // kAgain: there is more to do now; kWait: nothing until the next Wake().
  enum class Next { kAgain, kWait };

  virtual ~Activity() = default;
  // Does a limited piece of work, without waiting.
  virtual Result<Next> Run() = 0;
  // Makes sure that Run is called after this call. True if the activity was at rest.
  bool Wake();

 private:
  friend class Scheduler;
  enum class State : uint8_t { kResting, kQueued, kRunning, kRunningAgain };
  std::atomic<State> state_{State::kResting};
  Scheduler* scheduler_ = nullptr;
};

class Scheduler {
 public:
  // `fail` hears of failed runs, on the thread that ran; a failed activity never runs again.
  explicit Scheduler(std::function<void(const Status&)> fail) : fail_(std::move(fail)) {}
  ~Scheduler() { Stop(); }

  // Lets `activity` be woken; before Start.
  void Add(Activity* activity) { activity->scheduler_ = this; }
  void Start(int threads);
  // Lets each worker finish its run, then joins them. Later wake-ups have no effect.
  void Stop();
  // Instead of Start: runs the queued activity at `choice` modulo their number on this thread;
  // false if none is queued.
  bool RunOne(uint64_t choice);

 private:
  friend class Activity;
  void Enqueue(Activity* activity);
  // The next activity to run; null when stopped.
  Activity* Dequeue();
  void Work();
  void RunActivity(Activity* activity);

  std::function<void(const Status&)> fail_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Activity*> queue_;  // at most all activities: each stands in it once
  int waiting_ = 0;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

// Calls `function` (a Result or Status) and turns exceptions of libraries into a failure.
template <typename Function>
auto Guarded(Function&& function) -> decltype(function()) {
  try {
    return function();
  } catch (const std::exception& exception) {
    return Status::UnknownError("exception: ", exception.what());
  } catch (...) {
    return Status::UnknownError("exception of unknown type");
  }
}

}  // namespace millrace
