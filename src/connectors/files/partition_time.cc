#include "connectors/files/partition_time.h"

#include <algorithm>
#include <chrono>

#include "connectors/files/partition_path.h"
#include "formats/options.h"

namespace millrace {
namespace {

constexpr const char* kPattern = "partition.time-extractor.timestamp-pattern";
constexpr const char* kFormatter = "partition.time-extractor.timestamp-formatter";

// The fields of a time, as they stand in a text.
struct Fields {
  int year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0, millis = 0;
};

// What a letter of a formatter stands for; null: for itself.
int* FieldOf(char letter, Fields* fields) {
  switch (letter) {
    case 'y': case 'u': return &fields->year;
    case 'M': return &fields->month;
    case 'd': return &fields->day;
    case 'H': return &fields->hour;
    case 'm': return &fields->minute;
    case 's': return &fields->second;
    case 'S': return &fields->millis;
    default: return nullptr;
  }
}

// Reads `text` by a pattern of yyyy, MM, dd, HH, mm, ss, SSS, other characters and 'quoted' ones.
bool ReadFields(std::string_view text, std::string_view formatter, Fields* fields) {
  bool quoted = false;
  while (!formatter.empty()) {
    const char letter = formatter.front();
    const size_t run = std::min(formatter.find_first_not_of(letter), formatter.size());
    int* field = quoted ? nullptr : FieldOf(letter, fields);
    if (letter == '\'') {
      quoted = !quoted;
      formatter.remove_prefix(1);
      continue;
    }
    formatter.remove_prefix(field ? run : 1);
    const size_t length = field ? run : 1;
    if (text.size() < length) return false;
    if (!field && text.front() != letter) return false;
    if (field) *field = 0;
    for (size_t i = 0; field && i < length; ++i) {
      if (text[i] < '0' || text[i] > '9') return false;
      *field = *field * 10 + (text[i] - '0');
    }
    text.remove_prefix(length);
  }
  return text.empty();
}

bool ToTime(const Fields& fields, Timestamp* time) {
  using namespace std::chrono;
  const year_month_day date{year(fields.year), month(static_cast<unsigned>(fields.month)),
                            day(static_cast<unsigned>(fields.day))};
  const bool valid = date.ok() && fields.hour < 24 && fields.minute < 60 && fields.second < 60;
  if (!valid) return false;
  const auto at = sys_days(date).time_since_epoch() + hours(fields.hour) +
                  minutes(fields.minute) + seconds(fields.second) + milliseconds(fields.millis);
  *time = duration_cast<milliseconds>(at).count();
  return true;
}

void ReplaceAll(std::string* text, const std::string& what, const std::string& with) {
  for (size_t at = text->find(what); at != text->npos; at = text->find(what, at + with.size())) {
    text->replace(at, what.size(), with);
  }
}

}  // namespace

Result<PartitionTime> PartitionTime::Make(const TableInfo& table) {
  const std::string kind = StringOption(table.options, "partition.time-extractor.kind", "default");
  if (kind != "default") {
    return UserError("table '{}': option 'partition.time-extractor.kind': '{}' is not there, "
                     "classes cannot be loaded. hint: 'default' with '{}' = '$day $hour:00:00'",
                     table.name, kind, kPattern);
  }
  PartitionTime time;
  time.columns_ = table.partitioned_by;
  time.default_name_ = StringOption(table.options, "partition.default-name", kDefaultPartition);
  time.pattern_ = StringOption(table.options, kPattern, "$" + table.partitioned_by.front());
  time.formatter_ = StringOption(table.options, kFormatter, "");
  // A longer name first: $dt is the front of $dt_hour.
  std::sort(time.columns_.begin(), time.columns_.end(),
            [](const auto& a, const auto& b) { return a.size() > b.size(); });
  const auto is_in = [&](const std::string& column) {
    return time.pattern_.find("$" + column) != std::string::npos;
  };
  if (std::any_of(time.columns_.begin(), time.columns_.end(), is_in)) return time;
  return UserError("table '{}': option '{}': '{}' names none of the partition columns. hint: '${}'",
                   table.name, kPattern, time.pattern_, table.partitioned_by.front());
}

Result<Timestamp> PartitionTime::Of(const std::string& folder) const {
  std::string text = pattern_;
  for (const std::string& column : columns_) {
    const std::string value = PartitionValue(folder, column).value_or("");
    const bool is_used = text.find("$" + column) != std::string::npos;
    if (is_used && value == default_name_) return kMaxTimestamp;
    ReplaceAll(&text, "$" + column, value);
  }
  const std::vector<std::string> formatters =
      formatter_.empty()
          ? std::vector<std::string>{"yyyy-MM-dd HH:mm:ss", "yyyy-MM-dd", "yyyy-MM-dd HH:mm:ss.SSS"}
          : std::vector<std::string>{formatter_};
  for (const std::string& formatter : formatters) {
    Fields fields;
    Timestamp time = 0;
    if (ReadFields(text, formatter, &fields) && ToTime(fields, &time)) return time;
  }
  return UserError("the partition '{}' is at no time: '{}' is not of the form {}. hint: options "
                   "'{}' and '{}'",
                   folder, text, formatters.front(), kPattern, kFormatter);
}

}  // namespace millrace
