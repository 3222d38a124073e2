// The open sessions of a key whose rows wait for their end (session_assign.h).
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "data/batch.h"

namespace millrace {

struct WaitingSession {
  Timestamp start = 0;
  Timestamp last = 0;
  std::vector<int64_t> rows;  // their numbers among those kept
};

using Sessions = std::vector<WaitingSession>;  // of a key

// A row as it is put into a session.
struct TimedRow {
  int64_t number;  // among those kept
  Timestamp time, watermark;
};

// When the first of a key's sessions ends, for the timers.
struct FirstEnds {
  const Sessions* sessions;
  int64_t gap;
  Timestamp operator()(uint32_t slot) const {
    Timestamp end = kMaxTimestamp;
    for (const WaitingSession& each : sessions[slot]) end = std::min(end, each.last + gap - 1);
    return end;
  }
  void Prefetch(uint32_t slot) const { __builtin_prefetch(&sessions[slot]); }
};

// Adds the row to the sessions that it meets, which become one; false: there are none. A session
// that the row's watermark has passed takes no rows.
inline bool JoinSessions(Sessions& sessions, int64_t gap, const TimedRow& row) {
  const auto meets = [&](const WaitingSession& session) {
    return row.time >= session.start - gap && row.time <= session.last + gap &&
           session.last + gap - 1 > row.watermark;
  };
  const auto found = std::find_if(sessions.begin(), sessions.end(), meets);
  if (found == sessions.end()) return false;
  for (auto other = found + 1; other != sessions.end();) {
    if (!meets(*other)) {
      ++other;
      continue;
    }
    found->start = std::min(found->start, other->start);
    found->last = std::max(found->last, other->last);
    found->rows.insert(found->rows.end(), other->rows.begin(), other->rows.end());
    other = sessions.erase(other);
  }
  found->start = std::min(found->start, row.time);
  found->last = std::max(found->last, row.time);
  found->rows.push_back(row.number);
  return true;
}

}  // namespace millrace
