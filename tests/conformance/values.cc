// Values of the case files: JSON, Flink's notations of program text, to constants.
#include "values.h"

#include <arrow/array/builder_base.h>

#include <algorithm>

#include "functions/registry.h"
#include "notation.h"

namespace millrace::conformance {
namespace {

using simdjson::dom::element;
using Kind = simdjson::dom::element_type;

// Constants of casts fold; what does not is evaluated once.
Result<ExpressionPtr> Constant(ExpressionPtr expression, const SqlType& type) {
  MILL_ASSIGN(auto value, EvaluateConstant(*MakeCast(std::move(expression), type)));
  SqlType named = type;
  named.nullable = type.nullable || !value->is_valid;
  return MakeLiteral(std::move(value), named);
}

Result<ExpressionPtr> FromText(const std::string& text, const SqlType& type) {
  return Constant(MakeLiteral(std::make_shared<arrow::StringScalar>(text), SqlType::String()),
                  type);
}

Result<ExpressionPtr> EmptyOf(const SqlType& type) {
  std::unique_ptr<arrow::ArrayBuilder> builder;
  MILL_RETURN(arrow::MakeBuilder(arrow::default_memory_pool(), type.ToArrow(), &builder));
  MILL_RETURN(builder->AppendEmptyValue());
  MILL_ASSIGN(auto array, builder->Finish());
  MILL_ASSIGN(auto value, array->GetScalar(0));
  return MakeLiteral(std::move(value), type);
}

Result<ExpressionPtr> Compose(const char* function, std::vector<ExpressionPtr> parts,
                              const SqlType& type) {
  if (parts.empty()) return EmptyOf(type);
  MILL_ASSIGN(ExpressionPtr call, MakeCall(function, std::move(parts)));
  return Constant(std::move(call), type);
}

Result<ExpressionPtr> FromArray(simdjson::dom::array items, const SqlType& type) {
  std::vector<ExpressionPtr> parts;
  if (type.IsBinary()) {
    std::string bytes;
    for (element item : items) bytes.push_back(static_cast<char>(int64_t(item)));
    return MakeLiteral(std::make_shared<arrow::BinaryScalar>(bytes), type);
  }
  size_t i = 0;
  for (element item : items) {
    const size_t child = type.kind == TypeKind::kRow ? i++ : 0;
    MILL_ASSIGN(ExpressionPtr part, ReadValue(item, *type.children.at(child).type));
    parts.push_back(std::move(part));
  }
  return Compose(type.kind == TypeKind::kRow ? "ROW" : "ARRAY", std::move(parts), type);
}

Result<ExpressionPtr> FromMap(simdjson::dom::array entries, const SqlType& type) {
  std::vector<ExpressionPtr> parts;
  for (element entry : entries) {
    for (size_t i = 0; i < 2; ++i) {
      MILL_ASSIGN(ExpressionPtr part, ReadValue(entry.at(i), *type.children.at(i).type));
      parts.push_back(std::move(part));
    }
  }
  return Compose("MAP", std::move(parts), type);
}

Result<ExpressionPtr> FromHex(std::string_view hex, const SqlType& type) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return MakeLiteral(std::make_shared<arrow::BinaryScalar>(bytes), type);
}

// "2021-09-24T10:00" -> "2021-09-24 10:00:00"
std::string FullTime(std::string text) {
  std::replace(text.begin(), text.end(), 'T', ' ');
  const bool utc = text.ends_with("Z");
  if (utc) text.pop_back();
  if (std::count(text.begin(), text.end(), ':') == 1) text += ":00";
  return utc ? text + "Z" : text;
}

Result<ExpressionPtr> OfCount(int64_t count, const SqlType& type) {
  if (type.kind == TypeKind::kIntervalMonth) {
    return MakeLiteral(std::make_shared<arrow::Int32Scalar>(static_cast<int32_t>(count)), type);
  }
  return MakeLiteral(std::make_shared<arrow::Int64Scalar>(count), type);
}

// "Period.of(10, 4, 0)", "Duration.ofHours(12)", "Duration.of(5, HOURS)"
Result<ExpressionPtr> FromInterval(const std::string& text, const SqlType& type) {
  const auto parts = SplitTop(Inside(text, text.find('(')));
  const int64_t first = std::stoll(parts[0]);
  if (text.starts_with("Period")) return OfCount(first * 12 + std::stoll(parts[1]), type);
  const bool hours =
      text.find("ours") != std::string::npos || text.find("HOURS") != std::string::npos;
  return OfCount(first * (hours ? 3600000 : 1000), type);
}

// A whole number that Java has cut to its type: -129 as TINYINT is 127.
Result<ExpressionPtr> FromWhole(int64_t number, const SqlType& type) {
  return Constant(MakeLiteral(std::make_shared<arrow::Int64Scalar>(number), SqlType::BigInt()),
                  type);
}

// As above, for numbers of more than 18 digits.
Result<ExpressionPtr> FromLongNumber(const std::string& text, const SqlType& type) {
  uint64_t bits = 0;
  for (const char c : text) bits = c == '-' ? bits : bits * 10 + static_cast<uint64_t>(c - '0');
  return FromWhole(static_cast<int64_t>(text[0] == '-' ? 0 - bits : bits), type);
}

// A number beyond its type's digits is NULL, as in Flink's conversion.
Result<ExpressionPtr> FromDecimal(const std::string& text, const SqlType& type) {
  auto literal = MakeLiteral(std::make_shared<arrow::StringScalar>(text), SqlType::String());
  return Constant(MakeCast(std::move(literal), type, /*try_cast=*/true), type);
}

Result<ExpressionPtr> FromObject(std::string_view key, element value, const SqlType& type) {
  if (key == "$row") return FromArray(value, type);
  if (key == "$map") return FromMap(value, type);
  const std::string text(std::string_view{value});
  if (key == "$bytes") return FromHex(text, type);
  if (key == "$interval") return FromInterval(text, type);
  if (key == "$opaque") return ReadProgramText(text, type);
  if (key == "$dec" && type.IsInteger()) return FromLongNumber(text, type);
  if (key == "$dec") return FromDecimal(text, type);
  return FromText(FullTime(text), type);
}

// "CollectionUtil.map(CollectionUtil.entry(1, a), ...)" or a text that casts to the type.
Result<ExpressionPtr> FromEntries(const std::string& text, const SqlType& type) {
  if (text == "null") {
    return MakeLiteral(arrow::MakeNullScalar(type.ToArrow()), type.Nullable());
  }
  std::vector<ExpressionPtr> parts;
  if (type.kind == TypeKind::kArray) {
    for (const std::string& item : SplitTop(text.substr(1, text.size() - 2))) {
      MILL_ASSIGN(ExpressionPtr part, FromEntries(item, *type.children[0].type));
      parts.push_back(std::move(part));
    }
    return Compose("ARRAY", std::move(parts), type);
  }
  if (type.kind != TypeKind::kMap) return FromText(text, type);
  for (const std::string& entry : SplitTop(Inside(text, text.find('(')))) {
    const auto sides = SplitTop(Inside(entry, entry.find('(')));
    for (size_t i = 0; i < 2; ++i) {
      MILL_ASSIGN(ExpressionPtr part, FromEntries(sides.at(i), *type.children[i].type));
      parts.push_back(std::move(part));
    }
  }
  return Compose("MAP", std::move(parts), type);
}

Result<ExpressionPtr> FromNumber(element value, const SqlType& type) {
  if (type.IsInterval()) return OfCount(int64_t(value), type);
  if (value.is_double()) return FromText(fmt::format("{}", double(value)), type);
  if (type.IsInteger()) return FromWhole(int64_t(value), type);
  return FromText(fmt::format("{}", int64_t(value)), type);
}

// "2021-09-24T10:00.format(DateTimeFormatter.ofPattern(...SSS))" as that pattern prints it.
std::string FormattedTime(const std::string& text) {
  std::string time = FullTime(text.substr(0, text.find(".format(")));
  if (time.find('.') == std::string::npos) time += ".000";
  return time;
}

}  // namespace

Result<ExpressionPtr> ReadProgramText(const std::string& text, const SqlType& type) {
  if (text.starts_with("Expressions.lit(null")) {
    return MakeLiteral(arrow::MakeNullScalar(type.ToArrow()), type.Nullable());
  }
  if (text.find(".format(DateTimeFormatter") != std::string::npos) {
    return FromText(FormattedTime(text), type);
  }
  if (text.starts_with("CollectionUtil.map(")) return FromEntries(text, type);
  MILL_ASSIGN(ExpressionPtr known, KnownConstant(text));
  return Constant(std::move(known), type);
}

Result<ExpressionPtr> ReadValue(element value, const SqlType& type) {
  switch (value.type()) {
    case Kind::NULL_VALUE:
      return MakeLiteral(arrow::MakeNullScalar(type.ToArrow()), type.Nullable());
    case Kind::BOOL: return FromText(bool(value) ? "true" : "false", type);
    case Kind::STRING: {
      const std::string text{std::string_view(value)};
      return type.IsInteger() ? FromLongNumber(text, type) : FromText(text, type);
    }
    case Kind::ARRAY: return FromArray(value, type);
    case Kind::OBJECT: {
      const auto entry = *simdjson::dom::object(value).begin();
      return FromObject(entry.key, entry.value, type);
    }
    default: return FromNumber(value, type);
  }
}

SqlType TypeOfValue(element value) {
  if (value.is_int64()) return SqlType::Int().NotNull();
  return SqlType::String().NotNull();
}

}  // namespace millrace::conformance
