#include "connectors/postgres/conditions.h"

#include <algorithm>

#include "connectors/postgres/client.h"

namespace millrace {
namespace {

using Kind = ColumnCondition::Kind;

// Days and microseconds since 1970 with which PostgreSQL reckons exactly: years 1684 to 2255.
constexpr int64_t kMostDays = 104000, kMostMicros = 9000000000000000;

bool Within(int64_t value, int64_t most) { return value >= -most && value <= most; }

const char* Sign(Kind kind) {
  switch (kind) {
    case Kind::kEqual: return "=";
    case Kind::kNotEqual: return "<>";
    case Kind::kLess: return "<";
    case Kind::kLessEqual: return "<=";
    case Kind::kGreater: return ">";
    default: return ">=";
  }
}

// Makes the SQL of one condition; each method answers "" where it cannot be said.
class Writer {
 public:
  Writer(const SqlType& type, const PostgresColumn& column,
         const std::function<std::string(const std::string&)>& quoted)
      : type_(type), oid_(column.type.oid), name_("t." + QuotedIdentifier(column.name)),
        quoted_(quoted) {}

  std::string Write(const ColumnCondition& test) const {
    if (test.kind == Kind::kIsNull) return name_ + " IS NULL";
    if (test.kind == Kind::kIsNotNull) return name_ + " IS NOT NULL";
    if (test.kind != Kind::kIn) return Compare(test.kind, test.values.front());
    std::string any;
    for (const ColumnValue& value : test.values) {
      const std::string one = Compare(Kind::kEqual, value);
      if (one.empty()) return "";
      any += (any.empty() ? "" : " OR ") + one;
    }
    return "(" + any + ")";
  }

 private:
  std::string Compare(Kind kind, const ColumnValue& value) const {
    const auto* number = std::get_if<int64_t>(&value);
    const auto* text = std::get_if<std::string>(&value);
    switch (oid_) {
      case PostgresOid::kInt2:
      case PostgresOid::kInt4:
      case PostgresOid::kInt8:
        if (!number || !type_.IsInteger()) return "";
        return fmt::format("{} {} '{}'::bigint", name_, Sign(kind), *number);
      case PostgresOid::kText:
      case PostgresOid::kVarchar: return text ? CompareText(kind, *text) : "";
      case PostgresOid::kDate:
        if (!number || type_.kind != TypeKind::kDate || !Within(*number, kMostDays)) return "";
        return fmt::format("{} {} date '1970-01-01' + {}", name_, Sign(kind), *number);
      case PostgresOid::kTimestamp:
      case PostgresOid::kTimestamptz:
        return number && type_.IsTimestamp() ? CompareTime(kind, *number) : "";
      default: return "";
    }
  }

  // Text is compared byte by byte, not as the database's language has it. An index of the column
  // helps only without COLLATE, and a language may take different texts for equal, which is fine:
  // more rows pass. ASCII stands before all else in every encoding that a database can have.
  std::string CompareText(Kind kind, const std::string& text) const {
    const bool ascii = std::all_of(text.begin(), text.end(), [](char c) { return c > 0; });
    const bool whole = type_.kind == TypeKind::kVarchar && type_.precision == SqlType::kMaxLength;
    if (!ascii || !whole) return "";
    const char* bytes = kind == Kind::kEqual ? "" : " COLLATE \"C\"";
    return fmt::format("{}{} {} {}", name_, bytes, Sign(kind), quoted_(text));
  }

  // Digits that the column of the script does not have are cut there: its times stand for spans.
  std::string CompareTime(Kind kind, int64_t value) const {
    const bool zoned = oid_ == PostgresOid::kTimestamptz;
    const bool same_clock = zoned == (type_.kind == TypeKind::kTimestampLtz);
    const int64_t unit = type_.precision <= 3 ? 1000 : 1;  // microseconds
    if (!same_clock || type_.precision > 6 || !Within(value, kMostMicros / unit - 1)) return "";
    const auto at = [&](int64_t units) {
      return fmt::format("{} + {} * interval '1 us'",
                         zoned ? "timestamptz '1970-01-01 00:00:00Z'" : "timestamp '1970-01-01'",
                         units * unit);
    };
    switch (kind) {
      case Kind::kLess:
      case Kind::kGreaterEqual: return fmt::format("{} {} {}", name_, Sign(kind), at(value));
      case Kind::kLessEqual: return fmt::format("{} < {}", name_, at(value + 1));
      case Kind::kGreater: return fmt::format("{} >= {}", name_, at(value + 1));
      case Kind::kEqual:
        return fmt::format("({0} >= {1} AND {0} < {2})", name_, at(value), at(value + 1));
      default:
        return fmt::format("({0} < {1} OR {0} >= {2})", name_, at(value), at(value + 1));
    }
  }

  const SqlType& type_;
  const PostgresOid oid_;
  const std::string name_;
  const std::function<std::string(const std::string&)>& quoted_;
};

}  // namespace

std::string PostgresCondition(const ColumnCondition& test, const SqlType& type,
                              const PostgresColumn& column,
                              const std::function<std::string(const std::string&)>& quoted) {
  return Writer(type, column, quoted).Write(test);
}

}  // namespace millrace
