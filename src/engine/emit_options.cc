#include "engine/emit_options.h"

#include "base/status.h"

namespace millrace {
namespace {

const std::string kPrefix = "table.exec.emit.";

// The delay of "early-fire" or "late-fire", in ms.
Result<int64_t> DelayOf(const Options& options, const std::string& fire) {
  const std::string key = kPrefix + fire + ".delay";
  if (!options.contains(key)) {
    return UserError("'{}{}.enabled' wants a delay. hint: SET '{}' = '5 s'", kPrefix, fire, key);
  }
  MILL_ASSIGN(const auto delay, DurationOption(options, key, {}));
  if (delay.count() >= 0) return delay.count();
  return UserError("option '{}': the delay {} ms is negative", key, delay.count());
}

}  // namespace

Result<EmitSpec> ReadEmit(const Options& options) {
  EmitSpec emit;
  const std::string lateness = kPrefix + "allow-lateness";
  MILL_ASSIGN(const auto allowed, DurationOption(options, lateness, {}));
  if (allowed.count() < 0) {
    return UserError("option '{}': the lateness {} ms is negative", lateness, allowed.count());
  }
  emit.lateness = allowed.count();
  MILL_ASSIGN(emit.early, BoolOption(options, kPrefix + "early-fire.enabled", false));
  if (emit.early) {
    MILL_ASSIGN(emit.early_delay, DelayOf(options, "early-fire"));
  }
  MILL_ASSIGN(const bool late, BoolOption(options, kPrefix + "late-fire.enabled", false));
  if (!late) return emit;
  if (emit.lateness == 0) {
    return UserError("'{}late-fire.enabled' wants allowed lateness. hint: SET '{}' = '1 min'",
                     kPrefix, lateness);
  }
  MILL_ASSIGN(emit.late_delay, DelayOf(options, "late-fire"));
  return emit;
}

}  // namespace millrace
