// Java's date patterns ("yyyy-MM-dd HH:mm:ss.SSS"), compiled once into steps, for writing and reading.
//
//   y u year  M L month  d day  D day of year  E weekday  e u(ISO) day number  a AM/PM
//   H 0-23  h 1-12  k 1-24  K 0-11  m minute  s second  S fraction  Q q quarter  'text' literal
// Letters beyond these are errors.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace millrace {

class DateFormat {
 public:
  static Result<DateFormat> Make(std::string_view pattern);

  // Appends a local timestamp with `ticks` a second.
  void Format(int64_t time, int64_t ticks, std::string* out) const;
  // Seconds of the finest part written: times within one such unit read alike. 0: less than a second.
  int64_t resolution() const;
  // Reads a local timestamp of `ticks` a second; empty if the text does not fit the pattern. Missing
  // parts are those of 1970-01-01 00:00:00.
  std::optional<int64_t> Parse(std::string_view text, int64_t ticks) const;

 private:
  // A letter repeated `width` times, or (letter 0) literal text.
  struct Step {
    char letter = 0;
    int width = 0;
    std::string text;
  };
  struct Fields;
  static bool ReadStep(const Step& step, bool fixed_width, std::string_view* text, Fields* fields);
  static bool ReadNumberStep(const Step& step, bool fixed_width, std::string_view* text, Fields* fields);

  std::vector<Step> steps_;
};

}  // namespace millrace
