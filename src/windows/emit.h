// EmitSpec: when a window's result comes out beside the moment that the watermark closes it
// (`table.exec.emit.*`, as Flink names them). Plain data.
//
//   rows ... early  early ... | end: on time ... late  late ... | end + lateness: forgotten
//
// Any of these makes the result an updating one: each firing replaces the one before.
#pragma once

#include <string>

#include "windows/window.h"

namespace millrace {

struct EmitSpec {
  bool early = false;       // windows that are open show their results
  int64_t early_delay = 0;  // ms of processing time between them; 0: with each batch
  int64_t late_delay = 0;   // ms from a late row to the changed result; 0: with its batch
  int64_t lateness = 0;     // ms of event time that a window takes rows after its end

  // False: the windows of this domain emit once, when they close.
  bool Updates(TimeDomain domain) const {
    return early || (domain == TimeDomain::kEvent && lateness > 0);
  }
  // True if firings wait for processing time.
  bool ReadsProcessingTime() const {
    return (early && early_delay > 0) || (lateness > 0 && late_delay > 0);
  }
  // "early every 5 s, late at once, lateness 1 min"; "" if windows emit once.
  std::string ToString() const;
};

}  // namespace millrace
