#include "connectors/postgres/decoder.h"

#include <bit>

#include "formats/columns.h"

namespace millrace {
namespace {

constexpr int64_t kEpochDays = 10957;  // 2000-01-01
constexpr int64_t kDayMillis = 86400000;
constexpr int64_t kEpochMicros = kEpochDays * kDayMillis * 1000;
constexpr const char* kShort = "the server has sent fewer bytes than the value has";
constexpr const char* kInfinite = "the time is infinite. hint: read the column as STRING";

using Int128 = __int128;

template <typename T, typename Wide>
const char* ReadNumber(std::string_view bytes, ColumnBuilder& to) {
  Wide value = 0;
  if (!PostgresBytes(bytes).Read(&value)) return kShort;
  if (value > std::numeric_limits<T>::max() || value < std::numeric_limits<T>::min()) {
    return "the number is too big for its column";
  }
  to.Append(static_cast<T>(value));
  return nullptr;
}

// The digits of a numeric, from the highest, and where the point is.
struct Numeric {
  int16_t count = 0, weight = 0;
  uint16_t sign = 0;
  int16_t shown = 0;
};

const char* ReadDecimal(std::string_view bytes, const SqlType& type, ColumnBuilder& to) {
  PostgresBytes in(bytes);
  Numeric head;
  if (!in.Read(&head.count) || !in.Read(&head.weight) || !in.Read(&head.sign) ||
      !in.Read(&head.shown)) {
    return kShort;
  }
  if (head.sign == 0xC000) return "the number is NaN. hint: read the column as STRING";
  if (head.sign >= 0xD000) return "the number is infinite. hint: read the column as STRING";
  Int128 limit = 1, value = 0;
  for (int i = 0; i < type.precision; ++i) limit *= 10;
  constexpr const char* kTooBig =
      "the number has more digits than its column. hint: declare DECIMAL(38, s), or STRING";
  int power = head.weight * 4 + 3;  // of the digit that comes next
  const auto add = [&](int digit) {
    if (power < -type.scale) return digit == 0;
    --power;
    if (value > (limit - 1 - digit) / 10) return false;
    value = value * 10 + digit;
    return true;
  };
  for (int16_t i = 0; i < head.count; ++i) {
    int16_t group = 0;
    if (!in.Read(&group)) return kShort;
    if (group < 0 || group > 9999) return "the number is damaged";
    for (const int unit : {1000, 100, 10, 1}) {
      if (!add(group / unit % 10)) return kTooBig;
    }
  }
  while (value != 0 && power >= -type.scale) {
    if (!add(0)) return kTooBig;
  }
  if (head.sign == 0x4000) value = -value;
  to.Append(value);
  return nullptr;
}

const char* ReadTimestamp(std::string_view bytes, const SqlType& type, ColumnBuilder& to) {
  int64_t micros = 0;
  if (!PostgresBytes(bytes).Read(&micros)) return kShort;
  if (micros == INT64_MAX || micros == INT64_MIN) return kInfinite;
  constexpr const char* kRange = "the time is out of the column's range";
  int64_t value = 0;
  if (__builtin_add_overflow(micros, kEpochMicros, &value)) return kRange;
  if (type.precision <= 3) {
    value = value / 1000 - (value % 1000 < 0 ? 1 : 0);
  } else if (type.precision > 6 && __builtin_mul_overflow(value, 1000, &value)) {
    return kRange;
  }
  to.Append(value);
  return nullptr;
}

const char* ReadDate(std::string_view bytes, ColumnBuilder& to) {
  int32_t days = 0;
  if (!PostgresBytes(bytes).Read(&days)) return kShort;
  if (days == INT32_MAX || days == INT32_MIN) return kInfinite;
  const int64_t since = days + kEpochDays;
  if (since > INT32_MAX) return "the date is out of the column's range";
  to.Append(static_cast<int32_t>(since));
  return nullptr;
}

const char* ReadInterval(std::string_view bytes, bool months_wanted, ColumnBuilder& to) {
  PostgresBytes in(bytes);
  int64_t micros = 0;
  int32_t days = 0, months = 0;
  if (!in.Read(&micros) || !in.Read(&days) || !in.Read(&months)) return kShort;
  if (months_wanted) {
    if (days != 0 || micros != 0) return "the interval has days or seconds, not only months";
    to.Append(months);
    return nullptr;
  }
  if (months != 0) return "the interval has months, not only days and seconds";
  to.Append(days * kDayMillis + micros / 1000);
  return nullptr;
}

const char* ReadValue(std::string_view bytes, const SqlType& type, ColumnBuilder& to);

const char* ReadList(std::string_view bytes, const SqlType& type, ColumnBuilder& to) {
  PostgresBytes in(bytes);
  int32_t dimensions = 0, nulls = 0, element = 0, size = 0, first = 0;
  if (!in.Read(&dimensions) || !in.Read(&nulls) || !in.Read(&element)) return kShort;
  if (dimensions > 1) return "the list has more than one dimension. hint: read it as STRING";
  if (dimensions == 1 && (!in.Read(&size) || !in.Read(&first))) return kShort;
  for (int32_t i = 0; i < size; ++i) {
    bool is_null = false;
    std::string_view field;
    if (!in.ReadField(&is_null, &field)) return kShort;
    if (is_null) {
      to.child(0).AppendNull();
    } else if (const char* reason = ReadValue(field, *type.children[0].type, to.child(0))) {
      return reason;
    }
  }
  to.EndList();
  return nullptr;
}

const char* ReadValue(std::string_view bytes, const SqlType& type, ColumnBuilder& to) {
  switch (type.kind) {
    case TypeKind::kBoolean:
      if (bytes.empty()) return kShort;
      to.AppendBool(bytes[0] != 0);
      return nullptr;
    case TypeKind::kTinyInt: return ReadNumber<int8_t, int16_t>(bytes, to);
    case TypeKind::kSmallInt: return ReadNumber<int16_t, int16_t>(bytes, to);
    case TypeKind::kInt: return ReadNumber<int32_t, int32_t>(bytes, to);
    case TypeKind::kBigInt: return ReadNumber<int64_t, int64_t>(bytes, to);
    case TypeKind::kFloat: {
      int32_t bits = 0;
      if (!PostgresBytes(bytes).Read(&bits)) return kShort;
      to.Append(std::bit_cast<float>(bits));
      return nullptr;
    }
    case TypeKind::kDouble: {
      int64_t bits = 0;
      if (!PostgresBytes(bytes).Read(&bits)) return kShort;
      to.Append(std::bit_cast<double>(bits));
      return nullptr;
    }
    case TypeKind::kDecimal: return ReadDecimal(bytes, type, to);
    case TypeKind::kDate: return ReadDate(bytes, to);
    case TypeKind::kTime: {
      int64_t micros = 0;
      if (!PostgresBytes(bytes).Read(&micros)) return kShort;
      if (micros >= kDayMillis * 1000) return "24:00:00 is no time of day here";
      to.Append(static_cast<int32_t>(micros / 1000));
      return nullptr;
    }
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampLtz: return ReadTimestamp(bytes, type, to);
    case TypeKind::kIntervalDay: return ReadInterval(bytes, false, to);
    case TypeKind::kIntervalMonth: return ReadInterval(bytes, true, to);
    case TypeKind::kArray: return ReadList(bytes, type, to);
    default:
      to.AppendBytes(bytes);
      return nullptr;
  }
}

class PostgresDecoder final : public Decoder {
 public:
  explicit PostgresDecoder(const Schema& columns) : columns_(columns), builder_(columns) {}

  Result<std::shared_ptr<arrow::RecordBatch>> Decode(const Chunk& chunk,
                                                     DeadLetters& dead) override {
    PostgresBytes in(std::string_view(*chunk.bytes));
    for (int64_t line = chunk.first_line; !in.empty(); ++line) {
      const char* const begin = in.position();
      std::string reason;
      if (!ReadRow(in, &reason)) return ExternalError("'{}': {}", chunk.file, kShort);
      if (reason.empty()) {
        const int missing = builder_.EndRow();
        if (missing < 0) {
          NoteLine(line);
          continue;
        }
        reason = fmt::format("column '{}' is NOT NULL and has no value",
                             builder_.name(static_cast<size_t>(missing)));
      }
      builder_.UndoRow();
      const auto size = static_cast<size_t>(in.position() - begin);
      dead.Add({chunk.file, line, {begin, size}, std::move(reason)});
    }
    return builder_.Finish();
  }

 private:
  // False if the bytes end within the row.
  bool ReadRow(PostgresBytes& in, std::string* reason) {
    int16_t fields = 0;
    if (!in.Read(&fields) || fields < columns_.size()) return false;
    for (int16_t i = 0; i < fields; ++i) {
      bool is_null = false;
      std::string_view field;
      if (!in.ReadField(&is_null, &field)) return false;
      if (i >= columns_.size() || !reason->empty()) continue;
      ColumnBuilder& to = builder_.column(static_cast<size_t>(i));
      if (is_null) {
        to.AppendNull();
        continue;
      }
      const Column& column = columns_.columns[static_cast<size_t>(i)];
      if (const char* why = ReadValue(field, column.type, to)) {
        *reason = fmt::format("column '{}': {}", column.name, why);
      }
    }
    return true;
  }

  const Schema columns_;
  RowsBuilder builder_;
};

int BytesOfInteger(PostgresOid oid) {
  switch (oid) {
    case PostgresOid::kInt2: return 2;
    case PostgresOid::kInt4: return 4;
    case PostgresOid::kInt8: return 8;
    default: return 0;
  }
}

Status NotHeld(const SqlType& wanted) {
  return UserError("{} does not hold its values", wanted.Nullable().ToString());
}

Result<std::string> ScanInteger(int bytes, const char* name, const PostgresType& there,
                                const SqlType& wanted) {
  const int has = BytesOfInteger(there.oid);
  if (has == 0 || has > bytes) return NotHeld(wanted);
  return name;
}

Result<std::string> ScanDecimal(const PostgresType& there, const SqlType& wanted) {
  const int whole = wanted.precision - wanted.scale;
  const int bytes = BytesOfInteger(there.oid);
  const bool fits = bytes > 0 ? whole >= (bytes == 2 ? 5 : bytes == 4 ? 10 : 19)
                              : there.oid == PostgresOid::kNumeric &&
                                    (there.precision() < 0 ||
                                     (there.scale() <= wanted.scale &&
                                      there.precision() - there.scale() <= whole));
  if (!fits) return NotHeld(wanted);
  return "numeric";
}

Result<std::string> ScanTime(const PostgresType& there, const SqlType& wanted) {
  if (there.oid == PostgresOid::kTimestamptz && wanted.kind == TypeKind::kTimestamp) {
    return UserError("it is a point in time. hint: declare it TIMESTAMP_LTZ({})",
                     wanted.precision);
  }
  if (there.oid == PostgresOid::kTimestamp && wanted.kind == TypeKind::kTimestampLtz) {
    return UserError("it has no time zone. hint: declare it TIMESTAMP({})", wanted.precision);
  }
  const bool zoned = wanted.kind == TypeKind::kTimestampLtz;
  const bool same = there.oid == (zoned ? PostgresOid::kTimestamptz : PostgresOid::kTimestamp);
  if (!same) return NotHeld(wanted);
  return zoned ? "timestamptz" : "timestamp";
}

Result<std::string> ScanList(const PostgresType& there, const SqlType& wanted) {
  if (there.category != 'A') return NotHeld(wanted);
  PostgresType element;
  element.oid = there.element;
  element.modifier = there.modifier;
  MILL_ASSIGN(const std::string name, PostgresScanType(element, *wanted.children[0].type));
  return name + "[]";
}

}  // namespace

Result<std::string> PostgresScanType(const PostgresType& there, const SqlType& wanted) {
  const auto exactly = [&](std::initializer_list<PostgresOid> oids,
                           const char* name) -> Result<std::string> {
    for (const PostgresOid oid : oids) {
      if (there.oid == oid) return name;
    }
    return NotHeld(wanted);
  };
  using Oid = PostgresOid;
  switch (wanted.kind) {
    case TypeKind::kBoolean: return exactly({Oid::kBool}, "boolean");
    case TypeKind::kTinyInt:
    case TypeKind::kSmallInt: return ScanInteger(2, "smallint", there, wanted);
    case TypeKind::kInt: return ScanInteger(4, "integer", there, wanted);
    case TypeKind::kBigInt: return ScanInteger(8, "bigint", there, wanted);
    case TypeKind::kFloat: return exactly({Oid::kFloat4, Oid::kInt2}, "real");
    case TypeKind::kDouble:
      return exactly({Oid::kFloat4, Oid::kFloat8, Oid::kInt2, Oid::kInt4}, "double precision");
    case TypeKind::kDecimal: return ScanDecimal(there, wanted);
    case TypeKind::kChar:
    case TypeKind::kVarchar: return "text";
    case TypeKind::kBinary:
    case TypeKind::kVarbinary: return exactly({Oid::kBytea}, "bytea");
    case TypeKind::kDate: return exactly({Oid::kDate}, "date");
    case TypeKind::kTime: return exactly({Oid::kTime}, "time");
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampLtz: return ScanTime(there, wanted);
    case TypeKind::kIntervalDay:
    case TypeKind::kIntervalMonth: return exactly({Oid::kInterval}, "interval");
    case TypeKind::kArray: return ScanList(there, wanted);
    default: break;
  }
  return UserError("{} cannot be read from PostgreSQL. hint: read it as STRING, as JSON text",
                   wanted.Nullable().ToString());
}

std::string_view PostgresCopyRow(std::string_view piece, bool first) {
  constexpr size_t kHeaderBytes = 19;
  if (first) piece.remove_prefix(std::min(kHeaderBytes, piece.size()));
  return piece == "\xff\xff" ? "" : piece;
}

std::unique_ptr<Decoder> MakePostgresDecoder(const Schema& columns) {
  return std::make_unique<PostgresDecoder>(columns);
}

}  // namespace millrace
