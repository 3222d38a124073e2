#include "windows/emit.h"

namespace millrace {

std::string EmitSpec::ToString() const {
  std::string text;
  if (early) {
    text = early_delay > 0 ? "early every " + DurationText(early_delay) : "early at once";
  }
  if (lateness == 0) return text;
  if (!text.empty()) text += ", ";
  text += late_delay > 0 ? "late after " + DurationText(late_delay) : "late at once";
  return text + ", lateness " + DurationText(lateness);
}

}  // namespace millrace
