#include "windows/window.h"

#include <fmt/format.h>

#include <numeric>

namespace millrace {
namespace {

std::string Suffix(const WindowSpec& spec) {
  return spec.offset == 0 ? "" : ", offset " + DurationText(spec.offset);
}

std::string SessionToString(const WindowSpec& spec, const std::string& time) {
  std::string text = fmt::format("SESSION({}, gap {}", time, DurationText(spec.size));
  if (spec.max_duration > 0) text += ", max duration " + DurationText(spec.max_duration);
  if (spec.max_events > 0) text += fmt::format(", max events {}", spec.max_events);
  return text + ")";
}

// Hops are listed from the earliest start that still covers `time`.
void AssignHops(const WindowSpec& spec, Timestamp time, std::vector<Window>& windows) {
  const Timestamp last = AlignedStart(time, spec.slide, spec.offset);
  if (last + spec.size <= time) return;  // between two hops: slide > size
  const int64_t earlier = (last + spec.size - time - 1) / spec.slide;
  for (int64_t k = earlier; k >= 0; --k) {
    const Timestamp start = last - k * spec.slide;
    windows.push_back({start, start + spec.size});
  }
}

void AssignCumulative(const WindowSpec& spec, Timestamp time, std::vector<Window>& windows) {
  const Timestamp start = AlignedStart(time, spec.size, spec.offset);
  const int64_t first = (time - start) / spec.slide + 1;
  for (int64_t length = first * spec.slide; length <= spec.size; length += spec.slide) {
    windows.push_back({start, start + length});
  }
}

}  // namespace

std::string DurationText(int64_t ms) {
  if (ms % 1000 != 0) return fmt::format("{} ms", ms);
  return fmt::format("{} s", ms / 1000);
}

std::string WindowSpec::ToString() const {
  const std::string named = time_name.empty() ? fmt::format("${}", time_column) : time_name;
  const std::string time = domain == TimeDomain::kProcessing ? "PROCTIME" : named;
  switch (kind) {
    case WindowKind::kTumble:
      return fmt::format("TUMBLE({}, {}{})", time, DurationText(size), Suffix(*this));
    case WindowKind::kHop:
      return fmt::format("HOP({}, {} every {}{})", time, DurationText(size), DurationText(slide),
                         Suffix(*this));
    case WindowKind::kCumulate:
      return fmt::format("CUMULATE({}, {} by {}{})", time, DurationText(size), DurationText(slide),
                         Suffix(*this));
    case WindowKind::kSession:
      return SessionToString(*this, time);
    case WindowKind::kCount:
      return fmt::format("COUNT({}, {} rows every {}{})", time, size, slide,
                         timeout > 0 ? ", timeout " + DurationText(timeout) : "");
    case WindowKind::kAttached:
      return fmt::format("ATTACHED(${}, ${})", start_column, end_column);
  }
  return "";
}

Timestamp AlignedStart(Timestamp time, int64_t size, int64_t offset) {
  const int64_t phase = (time - offset) % size;
  return time - (phase < 0 ? phase + size : phase);
}

void AssignWindows(const WindowSpec& spec, Timestamp time, std::vector<Window>& windows) {
  switch (spec.kind) {
    case WindowKind::kTumble: {
      const Timestamp start = AlignedStart(time, spec.size, spec.offset);
      windows.push_back({start, start + spec.size});
      return;
    }
    case WindowKind::kHop:
      return AssignHops(spec, time, windows);
    case WindowKind::kCumulate:
      return AssignCumulative(spec, time, windows);
    case WindowKind::kSession:
    case WindowKind::kAttached:
    case WindowKind::kCount:
      return;
  }
}

int64_t SliceSize(const WindowSpec& spec) {
  return spec.slide > 0 ? std::gcd(spec.size, spec.slide) : spec.size;
}

}  // namespace millrace
