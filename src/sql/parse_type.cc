// Types: INT, DECIMAL(10, 2) NOT NULL, ROW<a INT, b ARRAY<STRING>> ...
#include <unordered_map>

#include "sql/interval_unit.h"
#include "sql/literal_text.h"
#include "sql/parser_internal.h"

namespace millrace {
namespace {

using ast::Place;

}  // namespace

// A type with NOT NULL or NULL, and ARRAY after it as in `INT ARRAY`.
Result<SqlType> Parser::ParseType() {
  Nesting nesting(this);
  MILL_RETURN(CheckNesting());
  MILL_ASSIGN(SqlType type, ParseTypeName());
  MILL_RETURN(ParseNullability(type));
  while (At("ARRAY")) {
    Take();
    type = SqlType::Array(std::move(type));
    MILL_RETURN(ParseNullability(type));
    MILL_RETURN(Grow());
  }
  MILL_RETURN(Grow());
  if (At("MULTISET")) return ErrorAt(Peek().place, "the type MULTISET is not supported");
  return type;
}

bool Parser::AtNullability() const {
  // RETURNING INT NULL ON EMPTY is no nullable type.
  return AtAll({"NOT", "NULL"}) || (At("NULL") && !At("ON", 1));
}

Status Parser::ParseNullability(SqlType& type) {
  if (!AtNullability()) return Status::OK();
  type.nullable = !Accept("NOT");
  return Expect("NULL", "");
}

Result<SqlType> Parser::ParseTypeName() {
  const Token& name = Peek();
  if (name.kind != TokenKind::kWord) return Expected("a type");
  if (AtAny({"DECIMAL", "DEC", "NUMERIC"})) {
    Take();
    return ParseDecimalType();
  }
  if (AtAny({"CHAR", "CHARACTER"})) {
    Take();
    return ParseLengthType(Accept("VARYING") ? TypeKind::kVarchar : TypeKind::kChar);
  }
  if (Accept("VARCHAR")) return ParseLengthType(TypeKind::kVarchar);
  if (Accept("BINARY")) {
    return ParseLengthType(Accept("VARYING") ? TypeKind::kVarbinary : TypeKind::kBinary);
  }
  if (Accept("VARBINARY")) return ParseLengthType(TypeKind::kVarbinary);
  if (AtAny({"TIMESTAMP", "TIMESTAMP_LTZ"})) return ParseTimestampType(Take());
  if (Accept("TIME")) return ParseTimeType();
  if (Accept("INTERVAL")) return ParseIntervalType();
  if (AtAny({"ARRAY", "MAP"})) return ParseCollectionType(Take());
  if (Accept("ROW")) return ParseRowType();
  return ParseSimpleType(name);
}

Result<SqlType> Parser::ParseSimpleType(const Token& name) {
  static const std::unordered_map<std::string_view, SqlType> types = {
      {"BOOLEAN", SqlType::Boolean()},
      {"TINYINT", SqlType::Of(TypeKind::kTinyInt)},
      {"SMALLINT", SqlType::Of(TypeKind::kSmallInt)},
      {"INT", SqlType::Int()},
      {"INTEGER", SqlType::Int()},
      {"BIGINT", SqlType::BigInt()},
      {"FLOAT", SqlType::Of(TypeKind::kFloat)},
      {"REAL", SqlType::Of(TypeKind::kFloat)},
      {"DOUBLE", SqlType::Double()},
      {"STRING", SqlType::String()},
      {"BYTES", SqlType::Bytes()},
      {"DATE", SqlType::Of(TypeKind::kDate)}};
  const auto type = types.find(name.key);
  if (type == types.end()) return UnknownType(name);
  Take();
  if (name.key == "DOUBLE") Accept("PRECISION");
  return type->second;
}

Result<int> Parser::ParseTypeNumber(std::string_view what, int lowest, int highest) {
  const Place place = Peek().place;
  MILL_ASSIGN(const int64_t value, ExpectInteger(fmt::format("the {} of the type", what)));
  if (value >= lowest && value <= highest) return static_cast<int>(value);
  return ErrorAt(place, fmt::format("the {} of the type must lie between {} and {}, not be {}",
                                    what, lowest, highest, value));
}

// [(n)]
Result<int> Parser::ParseOptionalNumber(std::string_view what, int lowest, int highest,
                                        int otherwise) {
  if (!Accept("(")) return otherwise;
  MILL_ASSIGN(const int value, ParseTypeNumber(what, lowest, highest));
  MILL_RETURN(Expect(")", fmt::format("after the {}", what)));
  return value;
}

Result<SqlType> Parser::ParseDecimalType() {
  constexpr int kDefaultPrecision = 10;
  SqlType type = SqlType::Of(TypeKind::kDecimal, kDefaultPrecision, 0);
  if (!Accept("(")) return type;
  MILL_ASSIGN(type.precision, ParseTypeNumber("precision", 1, kMaxDecimalPrecision));
  if (Accept(",")) {
    MILL_ASSIGN(type.scale, ParseTypeNumber("scale", 0, type.precision));
  }
  MILL_RETURN(Expect(")", "after the precision"));
  return type;
}

// CHAR, VARCHAR, BINARY, VARBINARY; without a length CHAR and BINARY have 1, the others any.
Result<SqlType> Parser::ParseLengthType(TypeKind kind) {
  const bool varying = kind == TypeKind::kVarchar || kind == TypeKind::kVarbinary;
  MILL_ASSIGN(const int length, ParseOptionalNumber("length", 1, SqlType::kMaxLength,
                                                    varying ? SqlType::kMaxLength : 1));
  return SqlType::Of(kind, length);
}

// TIMESTAMP[(p)] [WITHOUT TIME ZONE | WITH LOCAL TIME ZONE], TIMESTAMP_LTZ[(p)]
Result<SqlType> Parser::ParseTimestampType(const Token& name) {
  constexpr int kDefaultPrecision = 6;
  MILL_ASSIGN(const int precision,
              ParseOptionalNumber("precision", 0, kMaxFractionDigits, kDefaultPrecision));
  if (name.key == "TIMESTAMP_LTZ" || AcceptAll({"WITH", "LOCAL", "TIME", "ZONE"})) {
    return SqlType::TimestampLtz(precision);
  }
  if (AtAll({"WITH", "TIME", "ZONE"})) {
    return ErrorAt(name.place, "the type TIMESTAMP WITH TIME ZONE is not supported",
                   "use TIMESTAMP_LTZ");
  }
  AcceptAll({"WITHOUT", "TIME", "ZONE"});
  return SqlType::Timestamp(precision);
}

Result<SqlType> Parser::ParseTimeType() {
  MILL_ASSIGN(const int precision, ParseOptionalNumber("precision", 0, kMaxFractionDigits, 0));
  AcceptAll({"WITHOUT", "TIME", "ZONE"});
  return SqlType::Of(TypeKind::kTime, precision);
}

// INTERVAL unit [(p)] [TO unit [(p)]]
Result<SqlType> Parser::ParseIntervalType() {
  const Place place = Peek().place;
  MILL_ASSIGN(const std::string first, ParseIntervalUnit());
  if (Accept("TO")) {
    MILL_ASSIGN(const std::string last, ParseIntervalUnit());
    if (!IsRangeOfUnits(first, last)) {
      return ErrorAt(place, fmt::format("there is no interval {} TO {}", first, last));
    }
  }
  const TypeKind kind = FindIntervalUnit(first)->kind;
  return SqlType::Of(kind, kind == TypeKind::kIntervalDay ? 3 : 0);
}

// ARRAY<t> or MAP<k, v>
Result<SqlType> Parser::ParseCollectionType(const Token& name) {
  MILL_RETURN(Expect("<", fmt::format("after {}", name.key)));
  MILL_ASSIGN(SqlType first, ParseType());
  if (name.key == "ARRAY") {
    MILL_RETURN(Expect(">", "after the element type"));
    return SqlType::Array(std::move(first));
  }
  MILL_RETURN(Expect(",", "after the key type"));
  MILL_ASSIGN(SqlType second, ParseType());
  MILL_RETURN(Expect(">", "after the value type"));
  return SqlType::Map(std::move(first), std::move(second));
}

// ROW<a INT, b STRING 'comment'> or ROW(...)
Result<SqlType> Parser::ParseRowType() {
  SqlType row = SqlType::Of(TypeKind::kRow);
  if (Accept("<>") || AcceptAll({"(", ")"})) return row;
  const bool angled = Accept("<");
  if (!angled) MILL_RETURN(Expect("(", "or '<' after ROW"));
  do {
    MILL_RETURN(ParseRowField(row));
  } while (Accept(","));
  MILL_RETURN(Expect(angled ? ">" : ")", "after the fields of ROW"));
  return row;
}

Status Parser::ParseRowField(SqlType& row) {
  MILL_ASSIGN(std::string name, ExpectName("a field name"));
  MILL_ASSIGN(SqlType type, ParseType());
  if (Peek().kind == TokenKind::kString) Take();  // the field's comment
  row.children.push_back({std::move(name), std::make_shared<const SqlType>(std::move(type))});
  return Status::OK();
}

}  // namespace millrace
