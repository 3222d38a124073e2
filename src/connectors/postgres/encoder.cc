#include "connectors/postgres/encoder.h"

#include <arrow/array.h>
#include <arrow/util/decimal.h>

#include <bit>
#include <cstring>

namespace millrace {
namespace {

constexpr int64_t kEpochDays = 10957;  // 2000-01-01
constexpr int64_t kDayMillis = 86400000;
constexpr int64_t kEpochMicros = kEpochDays * kDayMillis * 1000;
// What PostgreSQL can hold: 4714-11-24 BC to 294276-12-31, and to 5874897-12-31.
constexpr int64_t kFirstMicros = -211813488000000000, kEndMicros = 9223371331200000000;
constexpr int64_t kFirstDay = -2451545, kEndDay = 2145031949;

constexpr const char* kTimeRange =
    "the time is out of PostgreSQL's range, 4714-11-24 BC to 294276-12-31";

template <typename T>
void Put(std::string* out, T value) {
  char bytes[sizeof(T)];
  for (size_t i = 0; i < sizeof(T); ++i) {
    bytes[i] = static_cast<char>(static_cast<std::make_unsigned_t<T>>(value) >>
                                 (8 * (sizeof(T) - 1 - i)));
  }
  out->append(bytes, sizeof(T));
}

// The length in front, then the value.
template <typename T>
void PutFixed(std::string* out, T value) {
  Put<int32_t>(out, sizeof(T));
  Put<T>(out, value);
}

void PutBytes(std::string* out, std::string_view bytes) {
  Put<int32_t>(out, static_cast<int32_t>(bytes.size()));
  out->append(bytes);
}

template <typename ArrayType>
auto ValueOf(const arrow::Array& array, int64_t row) {
  return static_cast<const ArrayType&>(array).Value(row);
}

std::string_view BytesOf(const arrow::Array& array, int64_t row) {
  return static_cast<const arrow::BinaryArray&>(array).GetView(row);
}

int64_t IntegerOf(const arrow::Array& array, int64_t row) {
  switch (array.type_id()) {
    case arrow::Type::INT8: return ValueOf<arrow::Int8Array>(array, row);
    case arrow::Type::INT16: return ValueOf<arrow::Int16Array>(array, row);
    case arrow::Type::INT32: return ValueOf<arrow::Int32Array>(array, row);
    default: return ValueOf<arrow::Int64Array>(array, row);
  }
}

double NumberOf(const arrow::Array& array, int64_t row) {
  switch (array.type_id()) {
    case arrow::Type::DOUBLE: return ValueOf<arrow::DoubleArray>(array, row);
    case arrow::Type::FLOAT: return ValueOf<arrow::FloatArray>(array, row);
    default: return static_cast<double>(IntegerOf(array, row));
  }
}

// Decimal digits of a value without its sign, and how many of them are behind the point.
struct Digits {
  bool negative = false;
  std::string text;
  int scale = 0;
};

Digits DigitsOf(const arrow::Array& array, int64_t row) {
  if (array.type_id() != arrow::Type::DECIMAL128) {
    const int64_t value = IntegerOf(array, row);
    std::string text = std::to_string(value);
    if (value < 0) text.erase(0, 1);
    return {value < 0, std::move(text), 0};
  }
  const auto& decimals = static_cast<const arrow::Decimal128Array&>(array);
  const arrow::Decimal128 value(decimals.GetValue(row));
  std::string text = value.ToIntegerString();
  const bool negative = text[0] == '-';
  if (negative) text.erase(0, 1);
  return {negative, std::move(text),
          static_cast<const arrow::Decimal128Type&>(*array.type()).scale()};
}

void PutNumeric(std::string* out, Digits digits) {
  std::string& text = digits.text;
  const auto scale = static_cast<size_t>(digits.scale);
  if (text.size() < scale + 1) text.insert(0, scale + 1 - text.size(), '0');
  text.append((4 - scale % 4) % 4, '0');
  const size_t whole = text.size() - (scale + 3) / 4 * 4;  // digits before the point
  text.insert(0, (4 - whole % 4) % 4, '0');
  int16_t groups[16];
  size_t count = 0;
  for (size_t at = 0; at < text.size(); at += 4) {
    groups[count++] = static_cast<int16_t>((text[at] - '0') * 1000 + (text[at + 1] - '0') * 100 +
                                           (text[at + 2] - '0') * 10 + (text[at + 3] - '0'));
  }
  auto weight = static_cast<int16_t>((whole + 3) / 4 - 1);
  size_t first = 0;
  while (first < count && groups[first] == 0) {
    ++first;
    --weight;
  }
  while (count > first && groups[count - 1] == 0) --count;
  if (first == count) weight = 0;
  Put<int32_t>(out, static_cast<int32_t>(8 + 2 * (count - first)));
  Put<int16_t>(out, static_cast<int16_t>(count - first));
  Put<int16_t>(out, weight);
  Put<int16_t>(out, digits.negative && first < count ? 0x4000 : 0);
  Put<int16_t>(out, static_cast<int16_t>(scale));
  for (size_t i = first; i < count; ++i) Put<int16_t>(out, groups[i]);
}

const char* PutText(std::string* out, std::string_view text, bool jsonb) {
  if (std::memchr(text.data(), 0, text.size()) != nullptr) {
    return "the text has a zero byte (0x00), which PostgreSQL cannot hold";
  }
  Put<int32_t>(out, static_cast<int32_t>(text.size() + (jsonb ? 1 : 0)));
  if (jsonb) out->push_back(1);  // the format's version
  out->append(text);
  return nullptr;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

const char* PutUuid(std::string* out, std::string_view text) {
  char bytes[16] = {};
  int digits = 0;
  for (const char c : text) {
    if (c == '-' || c == '{' || c == '}') continue;
    const int digit = HexDigit(c);
    if (digit < 0 || digits == 32) return "the text is no UUID";
    bytes[digits / 2] = static_cast<char>(bytes[digits / 2] * 16 + digit);
    ++digits;
  }
  if (digits != 32) return "the text is no UUID";
  PutBytes(out, {bytes, sizeof bytes});
  return nullptr;
}

const char* PutTimestamp(std::string* out, const arrow::Array& array, int64_t row) {
  const int64_t value = ValueOf<arrow::TimestampArray>(array, row);
  const auto unit = static_cast<const arrow::TimestampType&>(*array.type()).unit();
  const int64_t factor = unit == arrow::TimeUnit::MILLI ? 1000 : 1;
  int64_t micros = 0;
  const bool over = __builtin_mul_overflow(value, factor, &micros) ||
                    __builtin_sub_overflow(micros, kEpochMicros, &micros);
  if (over || micros < kFirstMicros || micros >= kEndMicros) return kTimeRange;
  PutFixed<int64_t>(out, micros);
  return nullptr;
}

const char* PutDate(std::string* out, int64_t days) {
  const int64_t value = days - kEpochDays;
  if (value < kFirstDay || value >= kEndDay) {
    return "the date is out of PostgreSQL's range, 4714-11-24 BC to 5874897-12-31";
  }
  PutFixed<int32_t>(out, static_cast<int32_t>(value));
  return nullptr;
}

const char* PutInterval(std::string* out, int64_t millis, int64_t months) {
  const int64_t days = millis / kDayMillis;
  if (days > INT32_MAX || days < INT32_MIN) return "the interval is longer than PostgreSQL's";
  Put<int32_t>(out, 16);
  Put<int64_t>(out, millis % kDayMillis * 1000);
  Put<int32_t>(out, static_cast<int32_t>(days));
  Put<int32_t>(out, static_cast<int32_t>(months));
  return nullptr;
}

const char* PutScalar(std::string* out, PostgresWire wire, const arrow::Array& array,
                      int64_t row) {
  switch (wire) {
    case PostgresWire::kBool:
      PutFixed<int8_t>(out, ValueOf<arrow::BooleanArray>(array, row) ? 1 : 0);
      return nullptr;
    case PostgresWire::kInt2:
      PutFixed<int16_t>(out, static_cast<int16_t>(IntegerOf(array, row)));
      return nullptr;
    case PostgresWire::kInt4:
      PutFixed<int32_t>(out, static_cast<int32_t>(IntegerOf(array, row)));
      return nullptr;
    case PostgresWire::kInt8:
      PutFixed<int64_t>(out, IntegerOf(array, row));
      return nullptr;
    case PostgresWire::kFloat4:
      PutFixed<int32_t>(out, std::bit_cast<int32_t>(static_cast<float>(NumberOf(array, row))));
      return nullptr;
    case PostgresWire::kFloat8:
      PutFixed<int64_t>(out, std::bit_cast<int64_t>(NumberOf(array, row)));
      return nullptr;
    case PostgresWire::kNumeric:
      PutNumeric(out, DigitsOf(array, row));
      return nullptr;
    case PostgresWire::kText: return PutText(out, BytesOf(array, row), false);
    case PostgresWire::kJsonb: return PutText(out, BytesOf(array, row), true);
    case PostgresWire::kUuid: return PutUuid(out, BytesOf(array, row));
    case PostgresWire::kBytea:
      PutBytes(out, BytesOf(array, row));
      return nullptr;
    case PostgresWire::kDate: return PutDate(out, ValueOf<arrow::Date32Array>(array, row));
    case PostgresWire::kTime:
      PutFixed<int64_t>(out, int64_t{ValueOf<arrow::Time32Array>(array, row)} * 1000);
      return nullptr;
    case PostgresWire::kTimestamp: return PutTimestamp(out, array, row);
    case PostgresWire::kIntervalDay: return PutInterval(out, IntegerOf(array, row), 0);
    case PostgresWire::kIntervalMonth: return PutInterval(out, 0, IntegerOf(array, row));
    case PostgresWire::kArray:
    case PostgresWire::kNestedJson:
    case PostgresWire::kNestedJsonb: break;
  }
  return "the type cannot be sent";
}

void SetLength(std::string* out, size_t at) {
  std::string length;
  Put<int32_t>(&length, static_cast<int32_t>(out->size() - at - 4));
  out->replace(at, 4, length);
}

// length | dimensions | whether there are NULLs | element type | size | first index | elements
const char* PutArray(std::string* out, const PostgresMapping& mapping, const arrow::Array& array,
                     int64_t row) {
  const auto& lists = static_cast<const arrow::ListArray&>(array);
  const arrow::Array& values = *lists.values();
  const int32_t begin = lists.value_offset(row), end = lists.value_offset(row + 1);
  const size_t start = out->size();
  Put<int32_t>(out, 0);
  Put<int32_t>(out, begin == end ? 0 : 1);
  Put<int32_t>(out, values.null_count() > 0 ? 1 : 0);
  Put<uint32_t>(out, static_cast<uint32_t>(mapping.element_oid));
  if (begin < end) {
    Put<int32_t>(out, end - begin);
    Put<int32_t>(out, 1);
  }
  for (int32_t i = begin; i < end; ++i) {
    if (values.IsNull(i)) {
      Put<int32_t>(out, -1);
    } else if (const char* reason = PutScalar(out, mapping.element, values, i)) {
      return reason;
    }
  }
  SetLength(out, start);
  return nullptr;
}

bool IsJson(PostgresWire wire) {
  return wire == PostgresWire::kNestedJson || wire == PostgresWire::kNestedJsonb;
}

}  // namespace

Result<std::unique_ptr<PostgresEncoder>> PostgresEncoder::Make(std::vector<Item> items) {
  std::unique_ptr<PostgresEncoder> encoder(new PostgresEncoder);
  encoder->items_ = std::move(items);
  encoder->arrays_.resize(encoder->items_.size());
  encoder->json_.resize(encoder->items_.size());
  for (size_t i = 0; i < encoder->items_.size(); ++i) {
    const Item& item = encoder->items_[i];
    if (!IsJson(item.mapping.wire)) continue;
    const Schema alone{{{"v", item.declared.type}}};
    MILL_ASSIGN(encoder->json_[i].encoder, MakeEncoder("json", alone, {}));
  }
  return encoder;
}

Status PostgresEncoder::SetRows(const arrow::RecordBatch& rows) {
  for (size_t i = 0; i < items_.size(); ++i) {
    arrays_[i] = rows.column(items_[i].column).get();
    if (json_[i].encoder) MILL_RETURN(FillJson(*arrays_[i], items_[i].declared, json_[i]));
  }
  return Status::OK();
}

// The json format writes lines like {"v":[1,2]}: what stands between is the value.
Status PostgresEncoder::FillJson(const arrow::Array& array, const Column& declared,
                                 Json& json) const {
  constexpr size_t kFront = 5, kBack = 1;
  const Schema alone{{{"v", declared.type}}};
  const auto rows = arrow::RecordBatch::Make(alone.ToArrow(), array.length(), {array.data()});
  json.text.clear();
  json.values.clear();
  MILL_RETURN(json.encoder->Encode(*rows, json.text));
  size_t at = 0;
  while (at < json.text.size()) {
    const size_t end = json.text.find('\n', at);
    json.values.push_back(
        std::string_view(json.text).substr(at + kFront, end - at - kFront - kBack));
    at = end + 1;
  }
  MILL_CHECK(std::ssize(json.values) == array.length());
  return Status::OK();
}

const char* PostgresEncoder::AppendItem(size_t i, int64_t row, std::string* out) const {
  const arrow::Array& array = *arrays_[i];
  if (array.IsNull(row)) {
    Put<int32_t>(out, -1);
    return nullptr;
  }
  const PostgresMapping& mapping = items_[i].mapping;
  if (mapping.wire == PostgresWire::kArray) return PutArray(out, mapping, array, row);
  if (!IsJson(mapping.wire)) return PutScalar(out, mapping.wire, array, row);
  const std::string_view text = json_[i].values[static_cast<size_t>(row)];
  return PutText(out, text, mapping.wire == PostgresWire::kNestedJsonb);
}

bool PostgresEncoder::AppendRow(int64_t row, std::string* out, std::string* reason) const {
  const size_t start = out->size();
  Put<int16_t>(out, static_cast<int16_t>(items_.size()));
  for (size_t i = 0; i < items_.size(); ++i) {
    const char* why = AppendItem(i, row, out);
    if (!why) continue;
    *reason = fmt::format("column '{}': {}", items_[i].declared.name, why);
    out->resize(start);
    return false;
  }
  return true;
}

std::string_view PostgresEncoder::Header() {
  return {"PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19};
}

std::string_view PostgresEncoder::Trailer() { return {"\377\377", 2}; }

}  // namespace millrace
