// Reads case files and mends what their extraction from Flink's tests lost: session time zones,
// fields
// whose types slipped, values that the tests build in code.
#include "cases.h"

#include <simdjson.h>

#include <fstream>
#include <iterator>
#include <map>

#include "values.h"

namespace millrace::conformance {
namespace {

using simdjson::dom::element;

std::string TextOf(element object, const char* key) {
  std::string_view text;
  if (object[key].get_string().get(text) != simdjson::SUCCESS) return "";
  return std::string(text);
}

// The session time zone that a test sets in code before its cases.
std::string TimeZoneOf(const std::string& test) {
  static const std::map<std::string, std::string> kZones = {
      {"CastFunctionITCase", "Asia/Shanghai"},
      {"ComparisonFunctionITCase", "-08:00"},
      {"TemporalTypesTest.testTimestampLtzCastInShanghai", "Asia/Shanghai"},
      {"TemporalTypesTest.testDateFormatShanghai", "Asia/Shanghai"},
      {"TemporalTypesTest.testDateFormatLosAngeles", "America/Los_Angeles"},
      {"TemporalTypesTest.testTemporalShanghai", "Asia/Shanghai"},
      {"TemporalTypesTest.testDaylightSavingTimeZone", "Europe/Berlin"},
      {"TemporalTypesTest.testHourUnitRangoonTimeZone", "Asia/Rangoon"},
      {"TemporalTypesTest.testFromUnixTimeInTokyo", "Asia/Tokyo"},
      {"TemporalTypesTest.testToTimestampLtzShanghai", "Asia/Shanghai"},
  };
  const auto found = kZones.find(test);
  return found == kZones.end() ? "UTC" : found->second;
}

// ScalarOperatorsTest: the members of its ROW fields stand in the list of types as fields of their
// own.
std::string SlippedType(size_t field, const std::vector<std::string>& types) {
  constexpr size_t kFirstRow = 13, kSecondRow = 30;
  if (field == kFirstRow || field == kSecondRow) return "ROW<f0 STRING, f1 STRING>";
  if (field < kFirstRow) return types[field];
  if (field < kSecondRow) return types[field + 1];
  return "INTERVAL DAY";
}

// CastFunctionITCase gives instants as times of other zones: 22:34 in the zone -01:20, others in
// its session
// zone, Asia/Shanghai.
ExpressionPtr ShiftInstant(const ExpressionPtr& literal) {
  const SqlType& type = literal->type;
  if (type.kind != TypeKind::kTimestampLtz || !literal->literal->is_valid) return literal;
  constexpr int64_t kHour = 3600, kOffset = 80 * 60, kHalfPast = 22 * kHour + 34 * 60;
  const int64_t units = type.precision <= 3 ? 1000 : type.precision <= 6 ? 1000000 : 1000000000;
  const int64_t value = static_cast<const arrow::TimestampScalar&>(*literal->literal).value;
  const int64_t minute = value / units % (24 * kHour) / 60 * 60;
  const int64_t shift = minute == kHalfPast ? kOffset : -8 * kHour;
  return MakeLiteral(
      std::make_shared<arrow::TimestampScalar>(value + shift * units, type.ToArrow()), type);
}

void ShiftInstants(Group* group) {
  for (Field& field : group->fields) {
    if (field.literal) field.literal = ShiftInstant(field.literal);
  }
  for (Case& one : group->cases) {
    if (one.value) one.value = ShiftInstant(one.value);
  }
}

struct RawField {
  std::string name, type;
  element value;
};

std::vector<RawField> RawFields(element group) {
  const std::string name = TextOf(group, "class");
  std::vector<RawField> fields;
  std::vector<std::string> types;
  for (element field : simdjson::dom::array(group["fields"])) {
    types.push_back(TextOf(field, "type"));
    fields.push_back({TextOf(field, "name"), types.back(), field["value"]});
  }
  if (name.starts_with("ScalarOperators")) {
    for (size_t i = 0; i < fields.size(); ++i) fields[i].type = SlippedType(i, types);
  }
  if (name == "LiteralTest") {
    const char* const kNames[] = {"trUeX", "FALSE_A", "FALSE_AB", "f4"};
    for (size_t i = 0; i < fields.size(); ++i) fields[i] = {kNames[i], "STRING", fields[i].value};
  }
  return fields;
}

Field MakeField(const RawField& raw) {
  Field field{raw.name, nullptr, ""};
  const Result<SqlType> type =
      raw.type.empty() ? Result<SqlType>(TypeOfValue(raw.value)) : ReadType(raw.type);
  if (!type.ok()) {
    field.why_missing = "input type " + raw.type;
    return field;
  }
  auto value = ReadValue(raw.value, *type);
  if (value.ok()) {
    field.literal = *value;
  } else {
    field.why_missing = "input value: " + value.status().message();
  }
  return field;
}

// What a case with a type expects.
void ReadTyped(element json, Case* one) {
  element expected;
  if (json["expected"].get(expected) != simdjson::SUCCESS) {
    one->why_missing = "no expected value";
    return;
  }
  const std::string text = TextOf(json, "type");
  const auto type = ReadType(text);
  if (!type.ok()) {
    one->why_missing = "result type " + text.substr(0, text.find('('));
    return;
  }
  auto value = ReadValue(expected, *type);
  if (value.ok()) {
    one->value = MakeLiteral((*value)->literal, *type);
  } else {
    one->why_missing = "expected value: " + value.status().message();
  }
}

Case MakeCase(element json, const std::string& group) {
  Case one;
  one.test = TextOf(json, "test");
  const bool typed = one.test.empty();
  if (typed) one.test = group;
  one.sql = TextOf(json, "sql");
  one.time_zone = TimeZoneOf(one.test.substr(0, typed ? one.test.find(' ') : std::string::npos));
  element error;
  if (json["error"].get(error) == simdjson::SUCCESS) {
    one.wants_error = true;
    one.at_runtime = TextOf(json, "error") == "runtime";
    one.at_binding = TextOf(json, "error") == "validation";
  } else if (typed) {
    ReadTyped(json, &one);
  } else {
    one.text = TextOf(json, "expected");
  }
  return one;
}

// Puts whole numbers of more than 18 digits, which the JSON parser refuses, into quotes.
std::string QuoteLongNumbers(const std::string& json) {
  constexpr size_t kLong = 19;
  std::string quoted;
  bool in_text = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const size_t end = json.find_first_not_of("-0123456789", i);
    if (!in_text && end != std::string::npos && end - i >= kLong && json[end] != '.') {
      quoted += '"' + json.substr(i, end - i) + '"';
      i = end - 1;
      continue;
    }
    quoted.push_back(json[i]);
    if (json[i] == '"') in_text = !in_text;
    if (json[i] == '\\') quoted.push_back(json[++i]);
  }
  return quoted;
}

}  // namespace

Result<std::vector<Group>> ReadCases(const std::string& path) {
  std::ifstream stream(path);
  const std::string text((std::istreambuf_iterator<char>(stream)),
                         std::istreambuf_iterator<char>());
  simdjson::dom::parser parser;
  element file;
  if (const auto error = parser.parse(QuoteLongNumbers(text)).get(file);
      error != simdjson::SUCCESS) {
    return UserError("cannot read {}: {}", path, simdjson::error_message(error));
  }
  std::vector<Group> groups;
  for (element json : simdjson::dom::array(file)) {
    Group group;
    for (const RawField& raw : RawFields(json)) group.fields.push_back(MakeField(raw));
    const std::string name = TextOf(json, "class") + " " + TextOf(json, "function");
    for (element one : simdjson::dom::array(json["cases"])) {
      group.cases.push_back(MakeCase(one, name));
    }
    if (name.starts_with("CastFunctionITCase")) ShiftInstants(&group);
    groups.push_back(std::move(group));
  }
  return groups;
}

}  // namespace millrace::conformance
