#include "functions/date_format.h"

#include <algorithm>
#include <array>

#include "functions/calendar.h"
#include "functions/number_text.h"

namespace millrace {
namespace {

constexpr std::string_view kLetters = "yuMLdDEeaHhkKmsSQqn";
constexpr std::array<std::string_view, 12> kMonths = {
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December"};
constexpr std::array<std::string_view, 7> kWeekdays = {"Monday", "Tuesday", "Wednesday", "Thursday",
                                                       "Friday", "Saturday", "Sunday"};
constexpr size_t kShortName = 3;
constexpr int kPlainText = 48;

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool IsText(char letter, int width) {
  return letter == 'E' || letter == 'a' || ((letter == 'M' || letter == 'L') && width >= 3);
}

void AppendName(std::string_view name, int width, std::string* out) {
  out->append(width >= 4 ? name : name.substr(0, kShortName));
}

int HourOf(char letter, int hour) {
  switch (letter) {
    case 'h': return (hour + 11) % 12 + 1;
    case 'k': return (hour + 23) % 24 + 1;
    case 'K': return hour % 12;
    default: return hour;
  }
}

// A local time taken apart.
struct Moment {
  int64_t days = 0;
  CivilDate date;
  int hour = 0, minute = 0, second = 0, nanos = 0;

  // Divisions by what is known are cheap.
  Moment(int64_t time, int64_t ticks) {
    switch (ticks) {
      case 1: Split<1>(time); break;
      case 1000: Split<1000>(time); break;
      case 1000000: Split<1000000>(time); break;
      default: Split<1000000000>(time); break;
    }
  }

 private:
  template <int64_t kTicks>
  void Split(int64_t time) {
    const int64_t seconds = FloorDiv(time, kTicks);
    days = FloorDiv(seconds, 86400);
    date = CivilFromDays(days);
    const auto of_day = static_cast<int>(seconds - days * 86400);
    hour = of_day / 3600;
    minute = of_day / 60 % 60;
    second = of_day % 60;
    nanos = static_cast<int>((time - seconds * kTicks) * (1000000000 / kTicks));
  }
};

void AppendFraction(int nanos, int width, std::string* out) {
  int divisor = 100000000;
  for (int i = 0; i < width; ++i, divisor /= 10) {
    out->push_back(static_cast<char>('0' + (divisor > 0 ? nanos / divisor % 10 : 0)));
  }
}

// A number below 100 in two digits behind `out`; the end.
char* WriteTwo(uint32_t value, char* out) {
  out[0] = static_cast<char>('0' + value / 10);
  out[1] = static_cast<char>('0' + value % 10);
  return out + 2;
}

// The number that a letter of two digits stands for; -1: the letter has another form.
int TwoDigits(const Moment& moment, char letter) {
  switch (letter) {
    case 'M': return moment.date.month;
    case 'd': return moment.date.day;
    case 'H': return moment.hour;
    case 'm': return moment.minute;
    case 's': return moment.second;
    default: return -1;
  }
}

void AppendDatePart(const Moment& moment, char letter, int width, std::string* out) {
  const CivilDate& date = moment.date;
  switch (letter) {
    case 'y':
    case 'u': AppendPadded(width == 2 ? FloorMod(date.year, 100) : date.year, width, out); break;
    case 'M':
    case 'L':
      if (width >= 3) AppendName(kMonths[static_cast<size_t>(date.month - 1)], width, out);
      else AppendPadded(date.month, width, out);
      break;
    case 'd': AppendPadded(date.day, width, out); break;
    case 'D': AppendPadded(DayOfYear(moment.days), width, out); break;
    case 'E': AppendName(kWeekdays[static_cast<size_t>(IsoWeekday(moment.days) - 1)], width, out); break;
    case 'e': AppendPadded(IsoWeekday(moment.days) % 7 + 1, width, out); break;
    default: AppendPadded((date.month + 2) / 3, width, out); break;
  }
}

void AppendPart(const Moment& moment, char letter, int width, std::string* out) {
  switch (letter) {
    case 'H':
    case 'h':
    case 'k':
    case 'K': AppendPadded(HourOf(letter, moment.hour), width, out); break;
    case 'm': AppendPadded(moment.minute, width, out); break;
    case 's': AppendPadded(moment.second, width, out); break;
    case 'S': AppendFraction(moment.nanos, width, out); break;
    case 'n': AppendPadded(moment.nanos, width, out); break;
    case 'a': out->append(moment.hour < 12 ? "AM" : "PM"); break;
    default: AppendDatePart(moment, letter, width, out); break;
  }
}

bool StartsWithIgnoringCase(std::string_view text, std::string_view name) {
  if (text.size() < name.size()) return false;
  for (size_t i = 0; i < name.size(); ++i) {
    if ((text[i] | 0x20) != (name[i] | 0x20)) return false;
  }
  return true;
}

// Reads one of `names`, in full or its first three letters: its number from 1, or 0.
template <size_t kCount>
int ReadName(const std::array<std::string_view, kCount>& names, int width, std::string_view* text) {
  for (size_t i = 0; i < kCount; ++i) {
    const std::string_view name = width >= 4 ? names[i] : names[i].substr(0, kShortName);
    if (!StartsWithIgnoringCase(*text, name)) continue;
    text->remove_prefix(name.size());
    return static_cast<int>(i) + 1;
  }
  return 0;
}

}  // namespace

struct DateFormat::Fields {
  int64_t year = 1970;
  int month = 1, day = 1, day_of_year = 0;
  int hour = 0, minute = 0, second = 0, nanos = 0;
  bool half_day = false, afternoon = false;
};

Result<DateFormat> DateFormat::Make(std::string_view pattern) {
  DateFormat format;
  const auto literal = [&format](char c) {
    if (format.steps_.empty() || format.steps_.back().letter != 0) format.steps_.push_back({0, 0, ""});
    format.steps_.back().text.push_back(c);
  };
  bool quoted = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\'') {
      const bool doubled = i + 1 < pattern.size() && pattern[i + 1] == '\'';
      if (doubled) literal(pattern[++i]);
      else quoted = !quoted;
    } else if (quoted || !IsLetter(c)) {
      literal(c);
    } else if (kLetters.find(c) == std::string_view::npos) {
      return UserError("unknown letter '{}' in the date pattern '{}'. hint: quote plain text", c, pattern);
    } else if (i > 0 && pattern[i - 1] == c && !format.steps_.empty() && format.steps_.back().letter == c) {
      ++format.steps_.back().width;
    } else {
      format.steps_.push_back({c, 1, ""});
    }
  }
  return format;
}

void DateFormat::Format(int64_t time, int64_t ticks, std::string* out) const {
  const Moment moment(time, ticks);
  const bool plain_year = moment.date.year >= 0 && moment.date.year <= 9999;
  // The usual parts are written here and appended together.
  char text[kPlainText];
  char* end = text;
  for (const Step& step : steps_) {
    if (end - text > kPlainText - 8) {
      out->append(text, static_cast<size_t>(end - text));
      end = text;
    }
    const int two = step.width == 2 ? TwoDigits(moment, step.letter) : -1;
    if (two >= 0) {
      end = WriteTwo(static_cast<uint32_t>(two), end);
    } else if (step.letter == 0 && step.text.size() == 1) {
      *end++ = step.text[0];
    } else if (step.width == 4 && step.letter == 'y' && plain_year) {
      const auto year = static_cast<uint32_t>(moment.date.year);
      end = WriteTwo(year % 100, WriteTwo(year / 100, end));
    } else if (step.width == 3 && step.letter == 'S') {
      const auto millis = static_cast<uint32_t>(moment.nanos) / 1000000;
      *end++ = static_cast<char>('0' + millis / 100);
      end = WriteTwo(millis % 100, end);
    } else {
      out->append(text, static_cast<size_t>(end - text));
      end = text;
      if (step.letter == 0) out->append(step.text);
      else AppendPart(moment, step.letter, step.width, out);
    }
  }
  out->append(text, static_cast<size_t>(end - text));
}

int64_t DateFormat::resolution() const {
  int64_t finest = 86400;
  for (const Step& step : steps_) {
    switch (step.letter) {
      case 'H':
      case 'h':
      case 'k':
      case 'K':
      case 'a': finest = std::min<int64_t>(finest, 3600); break;
      case 'm': finest = std::min<int64_t>(finest, 60); break;
      case 's': finest = std::min<int64_t>(finest, 1); break;
      case 'S':
      case 'n': return 0;
      default: break;  // literal text, or a part of the date
    }
  }
  return finest;
}

bool DateFormat::ReadNumberStep(const Step& step, bool fixed_width, std::string_view* text,
                                Fields* fields) {
  const int most = fixed_width ? step.width : step.letter == 'S' || step.letter == 'n' ? 9 : 19;
  int64_t value = 0;
  int digits = 0;
  for (; digits < most && !text->empty(); ++digits) {
    const char c = text->front();
    if (c < '0' || c > '9') break;
    value = value * 10 + (c - '0');
    text->remove_prefix(1);
  }
  // Java's one-letter fields take as many digits as they find; longer ones want all of theirs.
  if (digits == 0 || value > 999999999 || (fixed_width && digits < step.width)) return false;
  const auto number = static_cast<int>(value);
  switch (step.letter) {
    case 'y':
    case 'u': fields->year = step.width == 2 ? 2000 + number : number; return true;
    case 'M':
    case 'L': fields->month = number; return true;
    case 'd': fields->day = number; return true;
    case 'D': fields->day_of_year = number; return true;
    case 'H':
    case 'k': fields->hour = number % 24; return number <= 24;
    case 'h':
    case 'K': fields->hour = number % 12; fields->half_day = true; return number <= 12;
    case 'm': fields->minute = number; return number < 60;
    case 's': fields->second = number; return number < 60;
    case 'n': fields->nanos = number; return true;
    case 'S':
      fields->nanos = number;
      for (; digits < 9; ++digits) fields->nanos *= 10;
      // More digits than the pattern has are cut off.
      while (fixed_width && !text->empty() && text->front() >= '0' && text->front() <= '9') {
        text->remove_prefix(1);
      }
      return true;
    default: return true;  // quarter and weekday follow from the date
  }
}

bool DateFormat::ReadStep(const Step& step, bool fixed_width, std::string_view* text, Fields* fields) {
  if (step.letter == 0) {
    if (!text->starts_with(step.text)) return false;
    text->remove_prefix(step.text.size());
    return true;
  }
  if (!IsText(step.letter, step.width)) return ReadNumberStep(step, fixed_width, text, fields);
  if (step.letter == 'E') return ReadName(kWeekdays, step.width, text) > 0;
  if (step.letter == 'a') {
    fields->afternoon = StartsWithIgnoringCase(*text, "PM");
    if (!fields->afternoon && !StartsWithIgnoringCase(*text, "AM")) return false;
    text->remove_prefix(2);
    return true;
  }
  fields->month = ReadName(kMonths, step.width, text);
  return fields->month > 0;
}

std::optional<int64_t> DateFormat::Parse(std::string_view text, int64_t ticks) const {
  Fields fields;
  for (size_t i = 0; i < steps_.size(); ++i) {
    const bool digits_follow = i + 1 < steps_.size() && steps_[i + 1].letter != 0;
    const bool fixed = steps_[i].width > 1 || digits_follow;
    if (!ReadStep(steps_[i], fixed, &text, &fields)) return std::nullopt;
  }
  if (!text.empty() || fields.month < 1 || fields.month > 12) return std::nullopt;
  if (fields.day < 1 || fields.day > DaysInMonth(fields.year, fields.month)) return std::nullopt;
  int64_t days = DaysFromCivil({fields.year, fields.month, fields.day});
  if (fields.day_of_year > 0) days = DaysFromCivil({fields.year, 1, 1}) + fields.day_of_year - 1;
  if (fields.half_day && fields.afternoon) fields.hour += 12;
  const int64_t seconds = days * 86400 + fields.hour * 3600 + fields.minute * 60 + fields.second;
  return seconds * ticks + fields.nanos / (1000000000 / ticks);
}

}  // namespace millrace
