#include "connectors/generators/viewing_simulator.h"

#include <algorithm>
#include <cstdio>
#include <limits>

namespace millrace {
namespace {

constexpr int64_t kStep = 4000;  // ms between two heartbeats
constexpr int64_t kSlot = 40;    // ms of one slot of the ring
constexpr int64_t kSlotsPerStep = kStep / kSlot;
constexpr uint16_t kNever = 0xFFFF;
constexpr uint64_t kMinPeriod = 75, kMaxPeriod = 600;  // steps of an episode
constexpr uint64_t kMinIdle = 16;   // steps: over 60 s, so that episodes are sessions of their own
constexpr uint64_t kMinPlaying = 8;
constexpr int64_t kSeekSteps = 100;  // a seek skips so much

enum Stream : uint64_t { kPeriod, kOffset, kNoise };

uint16_t Step(uint64_t value) { return static_cast<uint16_t>(value); }

// Draws true with probability `p` from 20 bits of `random`, which may be any 20.
bool Chance(uint64_t random, double p) {
  return static_cast<double>(random & 0xFFFFF) < p * 0x100000;
}

}  // namespace

ViewingSimulator::ViewingSimulator(const ViewingConfig& config)
    : config_(config),
      calm_(config.disorder == 0 && config.duplicates == 0 && config.broken == 0) {
  const int64_t here = (config.devices - config.lane + config.lanes - 1) / config.lanes;
  devices_.resize(static_cast<size_t>(std::max<int64_t>(here, 0)));
  ring_.resize(static_cast<size_t>(config.disorder_max / kSlot + 2));
  Restart(0);
}

uint32_t ViewingSimulator::IdOf(size_t index) const {
  return static_cast<uint32_t>(static_cast<int64_t>(index) * config_.lanes + config_.lane);
}

Timestamp ViewingSimulator::StepStart() const { return config_.start + step_ * kStep; }

Timestamp ViewingSimulator::clock() const {
  const size_t index = next_device_ == devices_.size() ? devices_.size() - 1 : next_device_;
  return StepStart() + devices_[index].phase;
}

void ViewingSimulator::Restart(int64_t step) {
  const RandomStream periods(config_.seed, kPeriod), offsets(config_.seed, kOffset);
  for (size_t i = 0; i < devices_.size(); ++i) {
    Device& device = devices_[i];
    const int64_t id = IdOf(i);
    const uint64_t period = kMinPeriod + Below(periods.At(id), kMaxPeriod - kMinPeriod);
    const uint64_t passed = static_cast<uint64_t>(step) + Below(offsets.At(id), period);
    device.period = Step(period);
    device.phase = Step(static_cast<uint64_t>(id * kStep / config_.devices));
    device.episode = static_cast<uint32_t>(passed / period);
    device.step = Step(passed % period);
    BeginEpisode(i, device);
  }
  for (auto& slot : ring_) slot.clear();
  step_ = step;
  slot_ = step * kSlotsPerStep;
  next_device_ = next_due_ = 0;
  events_ = step_first_ = 0;
}

void ViewingSimulator::BeginEpisode(size_t index, Device& device) const {
  Random random(Mix64(config_.seed) ^ Mix64((uint64_t{device.episode} << 32) + IdOf(index)));
  const uint64_t begin = kMinIdle + random.Below(device.period / 6u);
  const uint64_t playing = kMinPlaying + random.Below(device.period - begin - kMinPlaying);
  device.begin = Step(begin);
  device.end = Step(begin + playing);
  device.vanishes = random.Chance(config_.silence);
  device.pause = device.resume = device.seek = device.buffer = kNever;
  const auto within = [&] { return Step(begin + 1 + random.Below(playing - 1)); };
  if (random.Chance(0.3)) {
    device.pause = within();
    // Most pauses are short; one in ten is long enough to cut the session.
    const uint64_t steps = random.Chance(0.1) ? 20 + random.Below(20) : 2 + random.Below(9);
    device.resume = Step(device.pause + steps);
  }
  if (random.Chance(0.2)) device.seek = within();
  if (random.Chance(0.25)) device.buffer = within();
}

void ViewingSimulator::NextStep() {
  next_device_ = 0;
  ++step_;
  step_first_ = events_;
}

void ViewingSimulator::NextSlot() {
  Due().clear();
  next_due_ = 0;
  ++slot_;
}

void ViewingSimulator::Next(size_t limit, Timestamp until, std::vector<ViewingEvent>& out) {
  Run(limit, until, std::numeric_limits<int64_t>::max(), out);
}

void ViewingSimulator::Run(size_t limit, Timestamp until, int64_t stop_step,
                           std::vector<ViewingEvent>& out) {
  if (devices_.empty()) return;
  const size_t before = out.size();
  const int64_t events_before = events_;
  while (out.size() < limit) {
    if (next_due_ < Due().size()) {
      out.push_back(Due()[next_due_++]);
      continue;
    }
    if (next_device_ == devices_.size()) {
      events_ = events_before + static_cast<int64_t>(out.size() - before);
      NextStep();
      if (step_ == stop_step) break;
    }
    Device& device = devices_[next_device_];
    const Timestamp time = StepStart() + device.phase;
    if (time > until) break;
    if ((time - config_.start) / kSlot > slot_) {
      NextSlot();
      continue;
    }
    Report(next_device_++, device, time, out);
  }
  events_ = events_before + static_cast<int64_t>(out.size() - before);
}

// What the device does in its step; kNone if it is idle, paused or gone.
ViewingEventType ViewingSimulator::TypeOf(const Device& device) {
  using enum ViewingEventType;
  const uint16_t step = device.step;
  if (step < device.begin || step > device.end) return kNone;
  if (step == device.end) return device.vanishes ? kNone : kStop;
  if (step == device.pause) return kPause;
  if (step == device.resume) return kPlay;
  if (step > device.pause && step < device.resume) return kNone;
  if (step == device.begin) return kPlay;
  if (step == device.seek) return kSeek;
  return step == device.buffer ? kBuffer : kHeartbeat;
}

// Where in the program the device is, in steps.
int64_t ViewingSimulator::PlayedOf(const Device& device) {
  int64_t played = device.step - device.begin;
  if (device.step >= device.pause) played -= std::min(device.step, device.resume) - device.pause;
  return device.step >= device.seek ? played + kSeekSteps : played;
}

// Hands over the device's event, if it has one, and moves it on by one step.
void ViewingSimulator::Report(size_t index, Device& device, Timestamp time,
                              std::vector<ViewingEvent>& out) {
  const ViewingEventType type = TypeOf(device);
  if (type != ViewingEventType::kNone) {
    const int64_t position = PlayedOf(device) * kStep;
    Disturb({time, position, IdOf(index), device.episode, device.step, type, {}}, out);
  }
  if (++device.step < device.period) return;
  device.step = 0;
  ++device.episode;
  BeginEpisode(index, device);
}

void ViewingSimulator::Disturb(ViewingEvent event, std::vector<ViewingEvent>& out) {
  if (calm_) {
    out.push_back(event);
    return;
  }
  const RandomStream noise(config_.seed ^ event.device, kNoise);
  const uint64_t random = noise.At(event.time);
  const uint64_t other = Mix64(random);
  if (Chance(random, config_.broken)) event.fault = static_cast<ViewingFault>(1 + other % 3);
  if (Chance(random >> 20, config_.duplicates)) Hold(event, Mix64(other));
  if (Chance(random >> 40, config_.disorder)) {
    Hold(event, other);
  } else {
    out.push_back(event);
  }
}

void ViewingSimulator::Hold(const ViewingEvent& event, uint64_t random) {
  const auto delay = static_cast<int64_t>(
      Below(random, static_cast<uint64_t>(config_.disorder_max) + 1));
  const int64_t slot = std::max(slot_, (event.time + delay - config_.start) / kSlot);
  ring_[static_cast<size_t>(slot) % ring_.size()].push_back(event);
}

// "<events> <step> <events when the step began>".
std::string ViewingSimulator::position() const {
  return fmt::format("{} {} {}", events_, step_, step_first_);
}

// Runs the steps before again, as far back as an event may have been held up, to refill the ring.
Status ViewingSimulator::Seek(const std::string& position) {
  long long events = 0, step = 0, step_first = 0;
  char rest = 0;
  const int read =
      std::sscanf(position.c_str(), "%lld %lld %lld%c", &events, &step, &step_first, &rest);
  if (read != 3 || step < 0 || step_first < 0 || events < step_first) {
    return UserError("cannot seek viewing to position \"{}\"", position);
  }
  const int64_t back = static_cast<int64_t>(ring_.size()) / kSlotsPerStep + 3;
  Restart(std::max<int64_t>(0, step - back));
  std::vector<ViewingEvent> skipped;
  const auto skip = [&](int64_t limit, int64_t stop_step) {
    skipped.clear();
    Run(static_cast<size_t>(limit), kMaxTimestamp, stop_step, skipped);
  };
  constexpr int64_t kAtOnce = 8192;
  while (step_ < step) skip(kAtOnce, step);
  events_ = step_first_ = step_first;
  while (events_ < events) skip(std::min<int64_t>(kAtOnce, events - events_), -1);
  return Status::OK();
}

}  // namespace millrace
