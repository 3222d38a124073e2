#include "notation.h"

#include <map>

#include "plan/bind_expression.h"
#include "sql/parser.h"
#include "values.h"

namespace millrace::conformance {

std::string Inside(const std::string& text, size_t open) {
  return text.substr(open + 1, text.rfind(text[open] == '(' ? ')' : '>') - open - 1);
}

std::vector<std::string> SplitTop(std::string_view text) {
  std::vector<std::string> parts;
  int depth = 0;
  bool quoted = false;
  std::string part;
  for (char c : text) {
    if (c == '\'') quoted = !quoted;
    if (!quoted && (c == '(' || c == '[' || c == '<' || c == '{')) ++depth;
    if (!quoted && (c == ')' || c == ']' || c == '>' || c == '}')) --depth;
    if (c == ',' && depth == 0 && !quoted) {
      parts.push_back(part);
      part.clear();
    } else if (!(part.empty() && (c == ' ' || c == '\n'))) {
      part.push_back(c);
    }
  }
  if (!part.empty()) parts.push_back(part);
  return parts;
}

namespace {

// What the Scala tests call types, beside those that ScalaTypeText reads by rule.
const std::map<std::string, std::string>& NamedTypes() {
  static const std::map<std::string, std::string> kTypes = {
      {"PrimitiveArrayTypeInfo.INT_PRIMITIVE_ARRAY_TYPE_INFO", "ARRAY<INT NOT NULL>"},
      {"PrimitiveArrayTypeInfo.DOUBLE_PRIMITIVE_ARRAY_TYPE_INFO", "ARRAY<DOUBLE NOT NULL>"},
      {"PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO", "BYTES"},
      {"Types.PRIMITIVE_ARRAY(Types.BYTE)", "BYTES"},
      {"BasicArrayTypeInfo.INT_ARRAY_TYPE_INFO", "ARRAY<INT>"},
      {"BasicTypeInfo.STRING_TYPE_INFO", "STRING"},
      {"BasicTypeInfo.INT_TYPE_INFO", "INT"},
      {"BasicTypeInfo.LONG_TYPE_INFO", "BIGINT"},
      {"TimeIntervalTypeInfo.INTERVAL_MILLIS", "INTERVAL DAY TO SECOND(3)"},
      {"TimeIntervalTypeInfo.INTERVAL_MONTHS", "INTERVAL YEAR TO MONTH"},
      {"Types.LOCAL_DATE", "DATE"},
      {"DAY", "DAY"},
      {"createTypeInformation[(String, String)]", "ROW<_1 STRING, _2 STRING>"},
      {"new TupleTypeInfo(Types.STRING, Types.STRING)", "ROW<f0 STRING, f1 STRING>"},
      {"createTypeInformation[Tuple1[Boolean]]", "ROW<_1 BOOLEAN>"},
      {"createTypeInformation[Array[Tuple2[Boolean, Int]]]", "ARRAY<ROW<_1 BOOLEAN, _2 INT>>"},
      {"createTypeInformation[Array[Tuple1[Boolean]]]", "ARRAY<ROW<_1 BOOLEAN>>"},
      {"createTypeInformation[MyCaseClass]",
       "ROW<intField INT, stringField STRING, booleanField BOOLEAN>"},
      {"createTypeInformation[MyCaseClass2]",
       "ROW<objectField ROW<intField INT, stringField STRING, booleanField BOOLEAN>>"},
      {"TypeExtractor.createTypeInfo(classOf[MyCaseClass2])",
       "ROW<objectField ROW<intField INT, stringField STRING, booleanField BOOLEAN>>"},
      {"TypeExtractor.createTypeInfo(classOf[MyPojo])", "ROW<myInt INT, myString STRING>"},
      {"createTypeInformation[Array[MyCaseClass]]",
       "ARRAY<ROW<intField INT, stringField STRING, booleanField BOOLEAN>>"},
      {"createTypeInformation[Array[MyPojo]]", "ARRAY<ROW<myInt INT, myString STRING>>"},
      {"createTypeInformation[Array[MyCaseClass2]]",
       "ARRAY<ROW<objectField ROW<intField INT, stringField STRING, booleanField BOOLEAN>>>"},
      {"createTypeInformation[Array[MyCaseClass3]]",
       "ARRAY<ROW<arrayField ARRAY<ROW<intField INT, stringField STRING, booleanField BOOLEAN>>>>"},
  };
  return kTypes;
}

std::string ScalaTypeText(const std::string& text);

std::string ScalaGeneric(const std::string& name, const std::vector<std::string>& parts) {
  if (name == "ARRAY" || name == "getInfoFor" || name == "PRIMITIVE_ARRAY") {
    return "ARRAY<" + ScalaTypeText(parts[0]) + ">";
  }
  if (name == "MAP" || name == "MapTypeInfo") {
    return "MAP<" + ScalaTypeText(parts[0]) + ", " + ScalaTypeText(parts[1]) + ">";
  }
  if (name == "INTERVAL") return "INTERVAL " + ScalaTypeText(parts[0]);
  if (name == "of") return "DECIMAL(" + parts[0] + ", " + parts[1] + ")";
  if (name == "TIMESTAMP_WITH_LOCAL_TIME_ZONE") return "TIMESTAMP_LTZ(" + parts[0] + ")";
  std::string text = name + "(";
  for (size_t i = 0; i < parts.size(); ++i) text += (i > 0 ? ", " : "") + parts[i];
  return parts.empty() ? name : text + ")";
}

std::string ScalaRow(const std::vector<std::string>& parts) {
  std::string row = "ROW<";
  for (size_t i = 0; i < parts.size(); ++i) {
    row += fmt::format("{}f{} {}", i > 0 ? ", " : "", i, ScalaTypeText(parts[i]));
  }
  return row + ">";
}

std::string ScalaTypeText(const std::string& text) {
  if (const auto named = NamedTypes().find(text); named != NamedTypes().end()) return named->second;
  std::string plain = text;
  if (const size_t bridged = plain.find(".bridgedTo"); bridged != std::string::npos) {
    plain.resize(bridged);
  }
  if (plain.ends_with(".notNull()")) {
    return ScalaTypeText(plain.substr(0, plain.size() - 10)) + " NOT NULL";
  }
  const size_t open = plain.find('(');
  const size_t dot = plain.substr(0, open).find_last_of(". ");
  const std::string name = plain.substr(dot == std::string::npos ? 0 : dot + 1,
                                        open == std::string::npos ? open : open - dot - 1);
  if (open == std::string::npos) return name;
  const std::vector<std::string> parts = SplitTop(Inside(plain, open));
  return name == "ROW" ? ScalaRow(parts) : ScalaGeneric(name, parts);
}

bool IsScala(const std::string& text) {
  return NamedTypes().contains(text) || text.find("Type") != std::string::npos;
}

// SQL for constants that the tests build in code.
const std::map<std::string, std::string>& ProgramTexts() {
  static const std::map<std::string, std::string> kTexts = {
      {"MyCaseClass(42, 'Bob')", "ROW(42, 'Bob', TRUE)"},
      {"MyCaseClass2(MyCaseClass(25, 'Timo'))", "ROW(ROW(25, 'Timo', FALSE))"},
      {"MyCaseClass2(MyCaseClass(42, 'Bob'))", "ROW(ROW(42, 'Bob', TRUE))"},
      {"MyCaseClass2(null)", "ROW(CAST(NULL AS ROW<a INT, b STRING, c BOOLEAN>))"},
      {"MyCaseClass3([MyCaseClass(42, 'Alice')])", "ROW(ARRAY[ROW(42, 'Alice', TRUE)])"},
      {"new MyPojo()", "ROW(0, 'Hello')"},
      {"Decimal('0E-8').toBigDecimal()", "0.00000000"},
      {"Decimal('10.0').toBigDecimal()", "10.0"},
      {"Decimal('1E+38').subtract(1)", "99999999999999999999999999999999999999"},
      {"DecimalDataUtils.castFrom(-1.7976931348623157E308, 38, 18)",
       "CAST(NULL AS DECIMAL(38, 18))"},
      {"{'a': 1, 'b': 2}.asJava()", "MAP['a', 1, 'b', 2]"},
      {"ImmutableMap.of(12, 'a', 13, 'b')", "MAP[12, 'a', 13, 'b']"},
      {"LocalTimeConverter.INSTANCE().toExternal(DateTimeUtils.parseTime('10:20:45'))",
       "TIME '10:20:45'"},
      {"LocalTimeConverter.INSTANCE().toExternal(DateTimeUtils.parseTime('00:00:00'))",
       "TIME '00:00:00'"},
      {"1970-01-01T00:00:01.123Z.atOffset(ZoneOffset.ofHours(-8)).toLocalDateTime()",
       "TIMESTAMP '1969-12-31 16:00:01.123'"},
      {"1970-01-01T00:00:01.123Z.atOffset(ZoneOffset.ofHours(-8)).toLocalDateTime().minusSeconds("
       "1)",
       "TIMESTAMP '1969-12-31 16:00:00.123'"},
      {"TRUE", "TRUE"},
      {"FALSE", "FALSE"},
  };
  return kTexts;
}

}  // namespace

Result<ExpressionPtr> KnownConstant(const std::string& text) {
  const auto found = ProgramTexts().find(text);
  if (found == ProgramTexts().end()) return UserError("value {}", text);
  MILL_ASSIGN(auto parsed, ParseExpression(found->second));
  const Scope empty;
  return ExpressionBinder(empty).Bind(*parsed);
}

Result<SqlType> ReadType(const std::string& text) {
  const std::string sql = IsScala(text) ? ScalaTypeText(text) : text;
  MILL_ASSIGN(auto parsed, ParseExpression("CAST(NULL AS " + sql + ")"));
  return parsed->cast_type;
}

}  // namespace millrace::conformance
