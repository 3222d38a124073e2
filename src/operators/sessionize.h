// SESSIONIZE: per-event sessions. Every row comes out at once with four more columns: session_id
// (BIGINT), session_start (timestamp[ms]), session_position (BIGINT, from 1), session_duration (BIGINT,
// ms). A new session opens after the gap, after too many events, or when it would grow too long; rows
// are taken per key in arrival order. A disordered row joins the open session if it lies within the gap
// of its interval [start, last]; else it is late. The id is a hash of key and session start at opening
// and never changes; position is the arrival position; duration is max(time) - session_start. With a
// TTL a session is also forgotten once no row has come to it for that long.
#pragma once

#include <memory>
#include <vector>

#include "operators/operator.h"

namespace millrace {

struct SessionizeSpec {
  std::vector<int> keys;       // input columns
  int time_column = -1;        // timestamp[ms]
  int64_t gap = 0;             // ms
  int64_t max_duration = 0;    // ms; 0 = no cap
  int64_t max_events = 0;      // 0 = no cap
  std::shared_ptr<arrow::Schema> output;  // the input's columns, then the four
  int64_t ttl = 0;             // ms; 0: sessions end by event time only
};

std::unique_ptr<Operator> MakeSessionize(SessionizeSpec spec);

}  // namespace millrace
