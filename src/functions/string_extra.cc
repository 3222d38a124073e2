// Text functions of Flink beyond the SQL standard's: ELT, SPLIT, IS_ALPHA, HASH_CODE, ENCODE,
// STARTSWITH ...
#include <algorithm>

#include "functions/bind.h"
#include "functions/families.h"
#include "functions/lists.h"
#include "functions/utf8.h"

namespace millrace {
namespace {

using View = std::string_view;

const SqlType kString = SqlType::String();
const SqlType kInt = SqlType::Int();

// ---- ELT, SPLIT ----

Result<Binding> BindElt(const std::vector<SqlType>& args) {
  if (args.size() < 2) return ArgumentCountError(args.size(), "2 or more");
  if (!args[0].IsInteger() && args[0].kind != TypeKind::kNull) {
    return ArgumentTypeError(0, args[0], "an integer");
  }
  MILL_ASSIGN(SqlType common, CommonType(std::vector<SqlType>(args.begin() + 1, args.end())));
  if (!common.IsString() && !common.IsBinary())
    return ArgumentTypeError(1, common, "STRING or BYTES");
  std::vector<SqlType> types(args.size(), common);
  types[0] = SqlType::BigInt();
  return Binding{std::move(types), common.Nullable()};
}

Status RefineElt(const std::vector<ExpressionPtr>& args, Binding*) {
  if (!IsConstant(*args[0]) || !args[0]->type.IsInteger()) return Status::OK();
  MILL_ASSIGN(auto index, EvaluateConstant(*MakeCast(args[0], SqlType::BigInt())));
  const int64_t value = static_cast<const arrow::Int64Scalar&>(*index).value;
  if (!index->is_valid || value >= 0) return Status::OK();
  return UserError("ELT: the index must be 0 or more, found {}", value);
}

Result<arrow::Datum> EvalElt(const Call& call) {
  MILL_ASSIGN(Elements elements, Elements::Of(call, call.args.size(), /*from=*/1));
  const Operands& operands = elements.operands();
  const Reader<int64_t> indices(operands.items[0]);
  std::vector<int32_t> positions;
  for (int64_t row = 0; row < operands.rows; ++row) {
    const int64_t index = operands.items[0].IsNull(row) ? 0 : indices[row];
    const bool inside = index >= 1 && index < static_cast<int64_t>(operands.items.size());
    positions.push_back(inside ? elements.At(static_cast<size_t>(index), row) : kAbsent);
  }
  MILL_ASSIGN(ArrayPtr values, TakeAt(elements.all(), positions));
  return ArrayOrScalar(values, operands.scalar);
}

// An empty separator splits into characters.
Status Split(View text, View separator, TextListBuilder* lists) {
  for (size_t begin = 0; separator.empty() && begin < text.size();) {
    const size_t end = begin + OffsetOfChar(text.substr(begin), 1);
    MILL_RETURN(lists->Add(text.substr(begin, end - begin)));
    begin = end;
  }
  if (separator.empty()) return Status::OK();
  for (size_t begin = 0;;) {
    const size_t end = text.find(separator, begin);
    MILL_RETURN(lists->Add(text.substr(begin, end == View::npos ? end : end - begin)));
    if (end == View::npos) return Status::OK();
    begin = end + separator.size();
  }
}

Result<arrow::Datum> EvalSplit(const Call& call) {
  MILL_ASSIGN(Operands operands, MakeOperands(call.args, call.rows));
  MILL_ASSIGN(Validity validity, Validity::Of(operands));
  const Reader<View> texts(operands.items[0]), separators(operands.items[1]);
  TextListBuilder lists;
  for (int64_t row = 0; row < operands.rows; ++row) {
    if (!validity.IsValid(row)) {
      lists.EndNull();
      continue;
    }
    MILL_RETURN(Split(texts[row], separators[row], &lists));
    lists.EndRow();
  }
  return lists.Finish(call.type, operands.scalar);
}

// ---- IS_ALPHA, IS_DIGIT, IS_DECIMAL: NULL is none of them ----

bool IsAsciiDigit(char c) { return c >= '0' && c <= '9'; }

bool IsDigits(View text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsAsciiDigit);
}

bool IsAlpha(View text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    const char lower = static_cast<char>(c | 0x20);
    return (lower >= 'a' && lower <= 'z') || (c & 0x80) != 0;
  });
}

bool IsDecimal(View text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  const size_t point = text.find('.');
  if (point == View::npos) return IsDigits(text);
  const View before = text.substr(0, point), behind = text.substr(point + 1);
  return (before.empty() || IsDigits(before)) && (behind.empty() || IsDigits(behind)) &&
         !(before.empty() && behind.empty());
}

void AddTest(FunctionRegistry& registry, const char* name, const char* doc, bool (*test)(View),
             Example example) {
  registry.Add({.name = name, .signature = fmt::format("{}(STRING) -> BOOLEAN", name), .doc = doc,
                .examples = {std::move(example)},
                .bind = Fixed({kString}, SqlType::Boolean().NotNull()),
                .eval = [test](const Call& call) -> Result<arrow::Datum> {
                  MILL_ASSIGN(Operands operands, MakeOperands(call.args, call.rows));
                  MILL_ASSIGN(auto writer, Writer<bool>::Make(operands.rows));
                  const Operand& texts = operands.items[0];
                  for (int64_t row = 0; row < operands.rows; ++row) {
                    writer.Set(row, !texts.IsNull(row) && test(Reader<View>(texts)[row]));
                  }
                  MILL_ASSIGN(auto buffers, writer.Finish());
                  return AsDatum(arrow::ArrayData::Make(arrow::boolean(), operands.rows,
                                                        std::move(buffers), 0),
                                 operands.scalar);
                }});
}

// Java's String.hashCode, over UTF-16 units.
int32_t HashCode(View text) {
  uint32_t hash = 0;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = ReadChar(text, &at);
    if (c > 0xFFFF) {
      hash = hash * 31 + static_cast<uint32_t>(0xD800 + ((c - 0x10000) >> 10));
      hash = hash * 31 + static_cast<uint32_t>(0xDC00 + ((c - 0x10000) & 0x3FF));
    } else {
      hash = hash * 31 + static_cast<uint32_t>(c);
    }
  }
  return static_cast<int32_t>(hash);
}

// ---- ENCODE, DECODE ----

enum class Charset { kUtf8, kAscii, kLatin1, kUtf16, kUtf16Big, kUtf16Little };

Result<Charset> CharsetOf(View name) {
  std::string upper(name);
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  if (upper == "UTF-8" || upper == "UTF8") return Charset::kUtf8;
  if (upper == "US-ASCII" || upper == "ASCII") return Charset::kAscii;
  if (upper == "ISO-8859-1" || upper == "LATIN1") return Charset::kLatin1;
  if (upper == "UTF-16") return Charset::kUtf16;
  if (upper == "UTF-16BE") return Charset::kUtf16Big;
  if (upper == "UTF-16LE") return Charset::kUtf16Little;
  return UserError("there is no character set '{}'. hint: UTF-8, US-ASCII, ISO-8859-1, UTF-16, "
                   "UTF-16BE, UTF-16LE", name);
}

void AppendUnit(uint32_t unit, bool little, std::string* out) {
  const char high = static_cast<char>(unit >> 8), low = static_cast<char>(unit & 0xFF);
  out->push_back(little ? low : high);
  out->push_back(little ? high : low);
}

void EncodeUtf16(View text, bool little, std::string* out) {
  for (size_t at = 0; at < text.size();) {
    const char32_t c = ReadChar(text, &at);
    if (c > 0xFFFF) {
      AppendUnit(static_cast<uint32_t>(0xD800 + ((c - 0x10000) >> 10)), little, out);
      AppendUnit(static_cast<uint32_t>(0xDC00 + ((c - 0x10000) & 0x3FF)), little, out);
    } else {
      AppendUnit(static_cast<uint32_t>(c), little, out);
    }
  }
}

Status Encode(View text, View name, std::string* out) {
  MILL_ASSIGN(const Charset charset, CharsetOf(name));
  if (charset == Charset::kUtf8) {
    out->append(text);
  } else if (charset == Charset::kAscii || charset == Charset::kLatin1) {
    const char32_t most = charset == Charset::kAscii ? 127 : 255;
    for (size_t at = 0; at < text.size();) {
      const char32_t c = ReadChar(text, &at);
      out->push_back(c <= most ? static_cast<char>(c) : '?');
    }
  } else {
    if (charset == Charset::kUtf16) AppendUnit(0xFEFF, false, out);
    EncodeUtf16(text, charset == Charset::kUtf16Little, out);
  }
  return Status::OK();
}

constexpr char32_t kReplacement = 0xFFFD;

void DecodeUtf16(View bytes, bool little, std::string* out) {
  const auto unit = [&](size_t at) {
    const auto first = static_cast<unsigned char>(bytes[at]);
    const auto second = static_cast<unsigned char>(bytes[at + 1]);
    return static_cast<char32_t>(little ? second << 8 | first : first << 8 | second);
  };
  for (size_t at = 0; at < bytes.size(); at += 2) {
    if (at + 1 == bytes.size()) return AppendChar(kReplacement, out);
    char32_t c = unit(at);
    const bool pair = c >= 0xD800 && c < 0xDC00 && at + 3 < bytes.size() &&
                      unit(at + 2) >= 0xDC00 && unit(at + 2) < 0xE000;
    if (pair) {
      c = 0x10000 + ((c - 0xD800) << 10) + (unit(at + 2) - 0xDC00);
      at += 2;
    }
    AppendChar(!pair && c >= 0xD800 && c < 0xE000 ? kReplacement : c, out);
  }
}

Status Decode(View bytes, View name, std::string* out) {
  MILL_ASSIGN(const Charset charset, CharsetOf(name));
  switch (charset) {
    case Charset::kUtf8:
      for (size_t at = 0; at < bytes.size();) AppendChar(ReadChar(bytes, &at), out);
      break;
    case Charset::kAscii:
    case Charset::kLatin1:
      for (const char c : bytes) {
        const auto code = static_cast<unsigned char>(c);
        AppendChar(code > 127 && charset == Charset::kAscii ? kReplacement : code, out);
      }
      break;
    default: {
      const bool marked_little = charset == Charset::kUtf16 && bytes.starts_with("\xFF\xFE");
      const bool marked =
          marked_little || (charset == Charset::kUtf16 && bytes.starts_with("\xFE\xFF"));
      DecodeUtf16(bytes.substr(marked ? 2 : 0), charset == Charset::kUtf16Little || marked_little,
                  out);
    }
  }
  return Status::OK();
}

// ---- STARTSWITH, ENDSWITH: both texts or both bytes ----

Result<Binding> BindAffix(const std::vector<SqlType>& args) {
  if (args.size() != 2) return ArgumentCountError(args.size(), "2");
  const bool bytes = args[0].IsBinary() || (args[0].kind == TypeKind::kNull && args[1].IsBinary());
  const SqlType parameter = bytes ? SqlType::Bytes() : kString;
  return Fixed({parameter, parameter}, SqlType::Boolean())(args);
}

// ---- INSTR with a start and a number of the match ----

// Character position of the `wanted`th match at or after `start` (before it, if that is negative);
// 0 if
// there is none.
int32_t Instr(View text, View needle, int32_t start, int32_t wanted) {
  if (start == 0 || wanted < 1 || needle.empty()) return 0;
  const auto chars = static_cast<int64_t>(CountChars(text));
  const bool forward = start > 0;
  const int64_t from = forward ? start - 1 : chars + start;
  if (from < 0 || from >= chars) return 0;
  size_t at = OffsetOfChar(text, static_cast<size_t>(from));
  for (;;) {
    at = forward ? text.find(needle, at) : text.rfind(needle, at);
    if (at == View::npos) return 0;
    if (--wanted == 0) return static_cast<int32_t>(CountChars(text.substr(0, at))) + 1;
    if (!forward && at == 0) return 0;
    at = forward ? at + 1 : at - 1;
  }
}

Result<arrow::Datum> EvalInstr(const Call& call) {
  if (call.args.size() == 4) return RunPerRow<int32_t(View, View, int32_t, int32_t)>(call, Instr);
  if (call.args.size() == 3) {
    return RunPerRow<int32_t(View, View, int32_t)>(
        call, [](View text, View needle, int32_t start) { return Instr(text, needle, start, 1); });
  }
  return RunPerRow<int32_t(View, View)>(call, [](View text, View needle) -> int32_t {
    const size_t at = text.find(needle);
    return at == View::npos ? 0 : static_cast<int32_t>(CountChars(text.substr(0, at))) + 1;
  });
}

Result<arrow::Datum> EvalTypeOf(const Call& call) {
  return arrow::Datum(std::make_shared<arrow::StringScalar>(call.arg_types[0].ToString()));
}

void RegisterText(FunctionRegistry& registry) {
  registry.Add({.name = "ELT", .signature = "ELT(index, STRING or BYTES, ...) -> the same",
                .doc = "The argument with a number, from 1; NULL if there is none.",
                .examples = {{"ELT(2, 'a', 'b')", "b"}}, .bind = BindElt, .eval = EvalElt,
                .refine = RefineElt});
  registry.Add({.name = "SPLIT", .signature = "SPLIT(STRING, separator) -> ARRAY<STRING>",
                .doc = "The parts between separators; the characters if the separator is empty.",
                .examples = {{"SPLIT('a,b,,c', ',')", "[a, b, , c]"}},
                .bind = Fixed({kString, kString}, SqlType::Array(kString)), .eval = EvalSplit});
  registry.Add({.name = "HASH_CODE", .signature = "HASH_CODE(STRING) -> INT",
                .doc = "Java's hash of a text.", .examples = {{"HASH_CODE('abc')", "96354"}},
                .bind = Fixed({kString}, kInt), .eval = PerRow<int32_t(View)>(HashCode)});
  registry.Add(
      {.name = "INSTR",
       .signature = "INSTR(STRING, STRING [, start [, number]]) -> INT",
       .doc = "Position of a text in another, 0 if it is not there. A negative start searches "
              "backwards from the end.",
       .examples = {{"INSTR('hello', 'l')", "3"}, {"INSTR('banana', 'a', 1, 3)", "6"}},
       .bind = Fixed({kString, kString, kInt, kInt}, kInt, 2),
       .eval = EvalInstr});
  registry.Add({.name = "TYPEOF",
                .signature = "TYPEOF(any) -> STRING",
                .doc = "The name of a value's type.",
                .examples = {{"TYPEOF(CAST(1 AS BIGINT))", "BIGINT NOT NULL"}},
                .bind = [](const std::vector<SqlType>& args) -> Result<Binding> {
                  if (args.size() != 1) return ArgumentCountError(args.size(), "1");
                  return Binding{args, kString.NotNull()};
                },
                .eval = EvalTypeOf});
}

}  // namespace

void RegisterStringExtra(FunctionRegistry& registry) {
  RegisterText(registry);
  AddTest(registry, "IS_ALPHA", "Whether a text is all letters.", IsAlpha,
          {"IS_ALPHA('abc')", "TRUE"});
  AddTest(registry, "IS_DIGIT", "Whether a text is all digits.", IsDigits,
          {"IS_DIGIT('12a')", "FALSE"});
  AddTest(registry, "IS_DECIMAL", "Whether a text is a number.", IsDecimal,
          {"IS_DECIMAL('-1.5')", "TRUE"});
  registry.Add({.name = "ENCODE",
                .signature = "ENCODE(STRING, charset) -> BYTES",
                .doc = "A text in a character set.",
                .examples = {{"HEX(CAST(ENCODE('hi', 'UTF-8') AS STRING))", "6869"}},
                .bind = Fixed({kString, kString}, SqlType::Bytes()),
                .eval = PerRow<Text(View, View)>(Encode),
                .may_fail = true});
  registry.Add({.name = "DECODE", .signature = "DECODE(BYTES, charset) -> STRING",
                .doc = "The text that bytes stand for in a character set.",
                .examples = {{"DECODE(X'6869', 'US-ASCII')", "hi"}},
                .bind = Fixed({SqlType::Bytes(), kString}, kString),
                .eval = PerRow<Text(View, View)>(Decode), .may_fail = true});
  registry.Add({.name = "STARTSWITH",
                .signature = "STARTSWITH(STRING or BYTES, the same) -> BOOLEAN",
                .doc = "Whether a value begins with another.",
                .examples = {{"STARTSWITH('hello', 'he')", "TRUE"}},
                .bind = BindAffix,
                .eval = PerRow<bool(View, View)>(
                    [](View text, View part) { return text.starts_with(part); })});
  registry.Add({.name = "ENDSWITH",
                .signature = "ENDSWITH(STRING or BYTES, the same) -> BOOLEAN",
                .doc = "Whether a value ends with another.",
                .examples = {{"ENDSWITH('hello', 'lo')", "TRUE"}},
                .bind = BindAffix,
                .eval = PerRow<bool(View, View)>(
                    [](View text, View part) { return text.ends_with(part); })});
}

}  // namespace millrace
