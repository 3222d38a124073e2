// ViewingSimulator: devices that play, pause, seek, buffer, stop and vanish, step by step of 4 s.
//
// A device's life is a row of episodes of equal length (5 to 40 minutes, its own). What happens in
// an episode is a function of the seed, the device and the episode's number, so any step can be
// reached without its history:
//
//   idle | play  hb  hb  seek  hb  pause . . . play  hb  buffer  hb  stop | idle   (one step each)
//
// In each step the devices report in the order of their phase, that is, in time order. Events that
// the network holds back wait in a ring of 40 ms slots and arrive at the start of theirs, behind
// newer ones.
#pragma once

#include <string>
#include <vector>

#include "base/random.h"
#include "base/status.h"
#include "data/batch.h"

namespace millrace {

enum class ViewingEventType : uint8_t { kNone, kPlay, kHeartbeat, kPause, kSeek, kBuffer, kStop };
// What is wrong with a broken row.
enum class ViewingFault : uint8_t { kNone, kNoTime, kNoUser, kNegativePosition };

struct ViewingConfig {
  int64_t devices = 1000;
  Timestamp start = 0;
  double disorder = 0;             // probability that an event arrives late
  int64_t disorder_max = 5000;     // by at most so many ms; duplicates too
  double duplicates = 0;           // probability that an event arrives once more
  double silence = 0;              // probability that an episode ends without a stop
  double broken = 0;
  uint64_t seed = 0;
  int64_t lane = 0, lanes = 1;     // devices of this lane: number % lanes == lane
};

struct ViewingEvent {
  Timestamp time = 0;
  int64_t position = 0;            // in the program, ms
  uint32_t device = 0;
  uint32_t episode = 0;
  uint16_t step = 0;               // since the episode began
  ViewingEventType type = ViewingEventType::kNone;
  ViewingFault fault = ViewingFault::kNone;
};

// One lane. One owner, one thread.
class ViewingSimulator {
 public:
  explicit ViewingSimulator(const ViewingConfig& config);

  // Appends events in order of arrival until `out` holds `limit` or the next is after `until`.
  void Next(size_t limit, Timestamp until, std::vector<ViewingEvent>& out);
  // When the next device's turn is.
  Timestamp clock() const;
  // Events so far.
  int64_t events() const { return events_; }

  std::string position() const;
  Status Seek(const std::string& position);

 private:
  // A device in its current episode; steps count from the episode's first.
  struct Device {
    uint32_t episode;
    uint16_t step, period, phase;        // phase: ms into each 4 s
    uint16_t begin, end;                 // first and last step with an event
    uint16_t pause, resume, seek, buffer;  // kNever if they do not happen
    bool vanishes;                       // no stop at the end
  };

  static ViewingEventType TypeOf(const Device& device);
  static int64_t PlayedOf(const Device& device);
  void Restart(int64_t step);
  void BeginEpisode(size_t index, Device& device) const;
  void Run(size_t limit, Timestamp until, int64_t stop_step, std::vector<ViewingEvent>& out);
  void NextStep();
  void NextSlot();
  void Report(size_t index, Device& device, Timestamp time, std::vector<ViewingEvent>& out);
  void Disturb(ViewingEvent event, std::vector<ViewingEvent>& out);
  void Hold(const ViewingEvent& event, uint64_t random);
  uint32_t IdOf(size_t index) const;
  Timestamp StepStart() const;
  std::vector<ViewingEvent>& Due() { return ring_[static_cast<size_t>(slot_) % ring_.size()]; }

  ViewingConfig config_;
  bool calm_;                            // no event is late, doubled or broken
  std::vector<Device> devices_;
  size_t next_device_ = 0;
  int64_t step_ = 0;
  int64_t slot_ = 0;                     // 40 ms each, since the start
  std::vector<std::vector<ViewingEvent>> ring_;  // events held back, by slot of arrival
  size_t next_due_ = 0;                  // in the current slot
  int64_t events_ = 0;
  int64_t step_first_ = 0;               // events_ when the step began
};

}  // namespace millrace
