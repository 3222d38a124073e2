// Windows: which windows a row belongs to and when they close. Plain data and arithmetic.
//
//   TUMBLE   |-----|-----|-----|            size
//   HOP      |-----------|                  size, every slide
//                  |-----------|
//   CUMULATE |--|                           up to size, growing by step (kept in `slide`)
//            |-----|
//   SESSION  |--x-x---x--gap|               rows of one key no further apart than gap
//
//   COUNT    |x--x-x|x-x--x|           size rows of one key, a new one every slide rows
//
// A window holds its start, not its end. It closes when the watermark reaches end - 1.
#pragma once

#include <string>
#include <vector>

#include "data/batch.h"
#include "data/message.h"

namespace millrace {

enum class WindowKind { kTumble, kHop, kCumulate, kSession, kAttached, kCount };

struct WindowSpec {
  WindowKind kind = WindowKind::kTumble;
  TimeDomain domain = TimeDomain::kEvent;
  int time_column = -1;       // of the input; TIMESTAMP(3) or TIMESTAMP_LTZ(3), in ms
  std::string time_name = {}; // its name, for people; "" prints its place
  int64_t size = 0;           // ms; SESSION: the gap; COUNT: rows
  int64_t slide = 0;          // ms; HOP: slide, CUMULATE: step; COUNT: rows from one to the next
  int64_t offset = 0;         // ms
  int64_t max_duration = 0;   // ms, SESSION: 0 = no cap. Our addition.
  int64_t timeout = 0;        // ms, COUNT: from a window's first row; 0 = none
  int64_t max_events = 0;     // SESSION: 0 = no cap. Our addition.
  std::vector<int> partition; // SESSION, COUNT: PARTITION BY columns (must be among the group keys)
  // kAttached: the rows carry their window already (columns of the input).
  int start_column = -1, end_column = -1;

  // "TUMBLE(ts, 10 s)"
  std::string ToString() const;
};

struct Window {
  Timestamp start = 0, end = 0;
  Timestamp max_timestamp() const { return end - 1; }
  bool operator==(const Window&) const = default;
};

// "10 s", "1500 ms".
std::string DurationText(int64_t ms);

// Start of the size-aligned interval that holds `time` (floor also below zero).
Timestamp AlignedStart(Timestamp time, int64_t size, int64_t offset);
// Appends the windows of a row at `time` to `windows`, earliest end first. Not for SESSION, COUNT,
// kAttached.
void AssignWindows(const WindowSpec& spec, Timestamp time, std::vector<Window>& windows);
// The length of the slices whose partial results the windows of `spec` share: gcd(size, slide).
int64_t SliceSize(const WindowSpec& spec);

}  // namespace millrace
