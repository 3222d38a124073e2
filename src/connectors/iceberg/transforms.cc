#include "connectors/iceberg/transforms.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <cstring>

namespace millrace {
namespace {

using Kind = IcebergTransform::Kind;

constexpr std::array<std::pair<const char*, Kind>, 6> kPlainTransforms = {{
    {"identity", Kind::kIdentity}, {"year", Kind::kYear}, {"month", Kind::kMonth},
    {"day", Kind::kDay},           {"hour", Kind::kHour}, {"void", Kind::kVoid},
}};
constexpr int64_t kDay = 86400LL * 1000000;
constexpr int64_t kHour = 3600LL * 1000000;

int64_t FloorDivide(int64_t value, int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

bool IsTimestamp(const IcebergType& type) {
  return type.kind == IcebergKind::kTimestamp || type.kind == IcebergKind::kTimestampTz;
}

std::chrono::year_month_day DateOf(int64_t days) {
  return std::chrono::year_month_day(std::chrono::sys_days(std::chrono::days(days)));
}

int64_t YearOf(int64_t days) { return int64_t{static_cast<int>(DateOf(days).year())} - 1970; }

int64_t MonthOf(int64_t days) {
  return YearOf(days) * 12 + static_cast<unsigned>(DateOf(days).month()) - 1;
}

// The bytes that a value is hashed as: integers as 8 bytes, decimals as their shortest digits.
std::string HashedBytes(const IcebergValue& value, const IcebergType& source) {
  if (const auto* number = std::get_if<int64_t>(&value)) {
    return ToBytes(*number, IcebergType::Of(IcebergKind::kLong));
  }
  return ToBytes(value, source);
}

int64_t BucketOf(const IcebergValue& value, const IcebergType& source, int count) {
  const uint32_t hash = Murmur3(HashedBytes(value, source));
  return static_cast<int64_t>((hash & 0x7FFFFFFFU) % static_cast<uint32_t>(count));
}

// The first `count` characters of UTF-8.
std::string FirstCharacters(const std::string& text, int count) {
  size_t at = 0;
  for (int i = 0; i < count && at < text.size(); ++i) {
    ++at;
    while (at < text.size() && (static_cast<uint8_t>(text[at]) & 0xC0) == 0x80) ++at;
  }
  return text.substr(0, at);
}

IcebergValue Truncated(const IcebergValue& value, const IcebergType& source, int width) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    return source.kind == IcebergKind::kString ? FirstCharacters(*text, width)
                                               : text->substr(0, static_cast<size_t>(width));
  }
  if (const auto* decimal = std::get_if<arrow::Decimal128>(&value)) {
    const arrow::Decimal128 by(width);
    arrow::Decimal128 rest = *decimal % by;
    if (rest < 0) rest += by;
    return *decimal - rest;
  }
  const int64_t number = std::get<int64_t>(value);
  return number - (((number % width) + width) % width);
}

std::string DateText(int64_t days) {
  const auto date = DateOf(days);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

std::string TimeText(int64_t micros) {
  const int64_t seconds = micros / 1000000;
  std::string text = fmt::format("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60,
                                 seconds % 60);
  const int64_t fraction = micros % 1000000;
  if (fraction != 0) text += fmt::format(".{:06}", fraction);
  return text;
}

std::string TimestampText(int64_t micros, bool zone) {
  const int64_t days = FloorDivide(micros, kDay);
  return DateText(days) + "T" + TimeText(micros - days * kDay) + (zone ? "+00:00" : "");
}

std::string HexText(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) text += fmt::format("{:02x}", static_cast<uint8_t>(c));
  return text;
}

std::string PlainText(const IcebergValue& value, const IcebergType& type) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* real = std::get_if<float>(&value)) return fmt::format("{}", *real);
  if (const auto* real = std::get_if<double>(&value)) return fmt::format("{}", *real);
  if (const auto* decimal = std::get_if<arrow::Decimal128>(&value)) {
    return decimal->ToString(type.scale);
  }
  if (const auto* text = std::get_if<std::string>(&value)) {
    return type.kind == IcebergKind::kString ? *text : HexText(*text);
  }
  const int64_t number = std::get<int64_t>(value);
  if (type.kind == IcebergKind::kDate) return DateText(number);
  if (type.kind == IcebergKind::kTime) return TimeText(number);
  if (IsTimestamp(type)) return TimestampText(number, type.kind == IcebergKind::kTimestampTz);
  return fmt::format("{}", number);
}

std::string_view Trimmed(std::string_view text) {
  const auto space = [](char c) { return c == ' ' || c == '\t' || c == '\n'; };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return text;
}

int NumberIn(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : 0;
}

// "days", "day" -> "day".
std::string_view Singular(std::string_view name) {
  const bool plural = name == "years" || name == "months" || name == "days" || name == "hours";
  return plural ? name.substr(0, name.size() - 1) : name;
}

}  // namespace

uint32_t Murmur3(std::string_view bytes) {
  constexpr uint32_t kFirst = 0xCC9E2D51, kSecond = 0x1B873593;
  uint32_t hash = 0;
  size_t at = 0;
  for (; at + 4 <= bytes.size(); at += 4) {
    uint32_t word;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    hash ^= std::rotl(word * kFirst, 15) * kSecond;
    hash = std::rotl(hash, 13) * 5 + 0xE6546B64;
  }
  uint32_t rest = 0;
  std::memcpy(&rest, bytes.data() + at, bytes.size() - at);
  if (at < bytes.size()) hash ^= std::rotl(rest * kFirst, 15) * kSecond;
  hash ^= static_cast<uint32_t>(bytes.size());
  hash = (hash ^ (hash >> 16)) * 0x85EBCA6B;
  hash = (hash ^ (hash >> 13)) * 0xC2B2AE35;
  return hash ^ (hash >> 16);
}

IcebergTransform IcebergTransform::Parse(const std::string& text) {
  for (const auto& [name, kind] : kPlainTransforms) {
    if (text == name) return {kind, 0, text};
  }
  for (const auto& [front, kind] : {std::pair("bucket[", Kind::kBucket),
                                    std::pair("truncate[", Kind::kTruncate)}) {
    const std::string_view start = front;
    if (!text.starts_with(start) || !text.ends_with(']')) continue;
    const int width = NumberIn(std::string_view(text).substr(start.size(),
                                                             text.size() - start.size() - 1));
    if (width > 0) return {kind, width, text};
  }
  return {Kind::kUnknown, 0, text};
}

std::string IcebergTransform::ToString() const {
  if (kind == Kind::kBucket) return fmt::format("bucket[{}]", width);
  if (kind == Kind::kTruncate) return fmt::format("truncate[{}]", width);
  for (const auto& [plain, each] : kPlainTransforms) {
    if (each == kind) return plain;
  }
  return name;
}

Status IcebergTransform::Check(const IcebergType& source) const {
  const bool time = IsTimestamp(source);
  const bool date = source.kind == IcebergKind::kDate;
  const bool real = source.kind == IcebergKind::kFloat || source.kind == IcebergKind::kDouble;
  bool fits = !source.IsNested();
  if (kind == Kind::kBucket) fits = fits && !real && source.kind != IcebergKind::kBoolean;
  if (kind == Kind::kTruncate) {
    fits = source.kind == IcebergKind::kInt || source.kind == IcebergKind::kLong ||
           source.kind == IcebergKind::kDecimal || source.kind == IcebergKind::kString ||
           source.kind == IcebergKind::kBinary;
  }
  if (kind == Kind::kYear || kind == Kind::kMonth || kind == Kind::kDay) fits = time || date;
  if (kind == Kind::kHour) fits = time;
  if (kind == Kind::kUnknown) fits = false;
  if (fits) return Status::OK();
  return UserError("values of type {} cannot be partitioned by {}", source.ToString(), ToString());
}

IcebergType IcebergTransform::ResultOf(const IcebergType& source) const {
  switch (kind) {
    case Kind::kIdentity:
    case Kind::kTruncate:
    case Kind::kVoid: return source;
    case Kind::kDay: return IcebergType::Of(IcebergKind::kDate);
    case Kind::kUnknown: return IcebergType::Of(IcebergKind::kString);
    default: return IcebergType::Of(IcebergKind::kInt);
  }
}

IcebergValue IcebergTransform::Apply(const IcebergValue& value, const IcebergType& source) const {
  if (IsNull(value) || kind == Kind::kVoid || kind == Kind::kUnknown) return {};
  if (kind == Kind::kIdentity) return value;
  if (kind == Kind::kBucket) return BucketOf(value, source, width);
  if (kind == Kind::kTruncate) return Truncated(value, source, width);
  const int64_t number = std::get<int64_t>(value);
  if (kind == Kind::kHour) return FloorDivide(number, kHour);
  const int64_t days = IsTimestamp(source) ? FloorDivide(number, kDay) : number;
  if (kind == Kind::kYear) return YearOf(days);
  return kind == Kind::kMonth ? MonthOf(days) : days;
}

std::string IcebergTransform::Text(const IcebergValue& value, const IcebergType& source) const {
  if (IsNull(value)) return "null";
  if (kind == Kind::kIdentity || kind == Kind::kTruncate) return PlainText(value, source);
  if (kind == Kind::kBucket) return PlainText(value, ResultOf(source));
  const auto* number = std::get_if<int64_t>(&value);
  if (!number) return "null";
  if (kind == Kind::kDay) return DateText(*number);
  if (kind == Kind::kYear) return fmt::format("{:04}", *number + 1970);
  if (kind == Kind::kMonth) {
    const int64_t year = FloorDivide(*number, 12);
    return fmt::format("{:04}-{:02}", year + 1970, *number - year * 12 + 1);
  }
  const int64_t days = FloorDivide(*number, 24);
  return fmt::format("{}-{:02}", DateText(days), *number - days * 24);
}

Result<std::pair<IcebergTransform, std::string>> ParsePartitioning(std::string_view text) {
  const std::string_view element = Trimmed(text);
  const size_t open = element.find('(');
  if (open == std::string_view::npos && !element.empty()) {
    return std::pair(IcebergTransform{}, std::string(element));
  }
  const auto wrong = [&] {
    return UserError("option 'partitioning': cannot read '{}'. hint: a column, year(c), month(c), "
                     "day(c), hour(c), bucket(16, c) or truncate(4, c)", element);
  };
  if (element.empty() || element.back() != ')') return wrong();
  const std::string_view name = Singular(Trimmed(element.substr(0, open)));
  std::string_view inside = element.substr(open + 1, element.size() - open - 2);
  std::string transform(name);
  if (name == "bucket" || name == "truncate") {
    const size_t comma = inside.find(',');
    if (comma == std::string_view::npos) return wrong();
    transform += fmt::format("[{}]", Trimmed(inside.substr(0, comma)));
    inside.remove_prefix(comma + 1);
  }
  const IcebergTransform parsed = IcebergTransform::Parse(transform);
  if (parsed.kind == Kind::kUnknown || Trimmed(inside).empty()) return wrong();
  return std::pair(parsed, std::string(Trimmed(inside)));
}

std::string PartitionFieldName(const IcebergTransform& transform, const std::string& column) {
  switch (transform.kind) {
    case Kind::kBucket: return column + "_bucket";
    case Kind::kTruncate: return column + "_trunc";
    case Kind::kYear: return column + "_year";
    case Kind::kMonth: return column + "_month";
    case Kind::kDay: return column + "_day";
    case Kind::kHour: return column + "_hour";
    case Kind::kVoid: return column + "_null";
    default: return column;
  }
}

}  // namespace millrace
