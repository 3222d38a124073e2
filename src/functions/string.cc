// Text functions. Positions count characters from 1. Results are NULL where an argument is.
#include <arrow/compute/api.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "functions/bind.h"
#include "functions/families.h"
#include "functions/number_text.h"
#include "functions/per_row.h"
#include "functions/utf8.h"

namespace millrace {
namespace {

using View = std::string_view;

const SqlType kString = SqlType::String();
const SqlType kInt = SqlType::Int();

// A longer result is a slip, and would exhaust the memory.
constexpr size_t kMaxProducedChars = 100'000'000;

// Letters from kFirst to kLast in the other case. All rows' texts lie one behind the other and keep their
// lengths, so that this is one loop over bytes.
template <char kFirst, char kLast>
Result<arrow::Datum> SwapCase(const Call& call, const Operand& operand, View texts) {
  MILL_ASSIGN(Validity validity, Validity::Of({{operand}, operand.data->length, operand.scalar}));
  MILL_ASSIGN(std::shared_ptr<arrow::Buffer> bytes,
              arrow::AllocateBuffer(static_cast<int64_t>(texts.size())));
  auto* out = bytes->mutable_data_as<char>();
  for (size_t i = 0; i < texts.size(); ++i) {
    const char c = texts[i];
    out[i] = static_cast<char>(c ^ (c >= kFirst && c <= kLast ? 0x20 : 0));
  }
  const auto* offsets = operand.data->GetValues<int32_t>(1);
  std::shared_ptr<arrow::Buffer> ends = operand.data->buffers[1];
  if (operand.data->offset != 0 || offsets[0] != 0) {
    const int64_t count = operand.data->length + 1;
    MILL_ASSIGN(ends, arrow::AllocateBuffer(count * int64_t{sizeof(int32_t)}));
    for (int64_t i = 0; i < count; ++i) ends->mutable_data_as<int32_t>()[i] = offsets[i] - offsets[0];
  }
  return AsDatum(arrow::ArrayData::Make(call.type.ToArrow(), operand.data->length,
                                        {validity.buffer(), std::move(ends), std::move(bytes)},
                                        validity.null_count()),
                 operand.scalar);
}

// Plain ASCII by bytes; anything else with Unicode's tables.
template <char kFirst, char kLast>
Result<arrow::Datum> EvalCase(const Call& call, const char* unicode_kernel) {
  MILL_ASSIGN(Operand operand, MakeOperand(call.args[0]));
  const auto* offsets = operand.data->GetValues<int32_t>(1);
  const int64_t rows = operand.data->length;
  const auto size = static_cast<size_t>(rows == 0 ? 0 : offsets[rows] - offsets[0]);
  const View texts = size == 0 ? View() : View(operand.data->buffers[2]->data_as<char>() + offsets[0], size);
  if (rows > 0 && IsAscii(texts)) return SwapCase<kFirst, kLast>(call, operand, texts);
  if constexpr (kFirst == 'A') return arrow::compute::CallFunction(unicode_kernel, call.args);
  // As in Java: the sharp s has no capital of its own; Unicode's tables know one letter for one only.
  const arrow::compute::ReplaceSubstringOptions sharp_s("ß", "SS");
  MILL_ASSIGN(const arrow::Datum spelt,
              arrow::compute::CallFunction("replace_substring", call.args, &sharp_s));
  return arrow::compute::CallFunction(unicode_kernel, {spelt});
}

// For functions that answer NULL for some arguments that are not.
Bind MayBeNull(Bind bind) {
  return [bind = std::move(bind)](const std::vector<SqlType>& args) -> Result<Binding> {
    MILL_ASSIGN(Binding binding, bind(args));
    binding.type.nullable = true;
    return binding;
  };
}

View Substring(View text, int64_t position, int64_t length) {
  const auto chars = static_cast<int64_t>(CountChars(text));
  const int64_t start = position > 0 ? position - 1 : position < 0 ? chars + position : 0;
  if (start < 0 || start >= chars) return {};
  const size_t begin = OffsetOfChar(text, static_cast<size_t>(start));
  const View rest = text.substr(begin);
  return rest.substr(0, OffsetOfChar(rest, static_cast<size_t>(std::min(length, chars - start))));
}

Result<arrow::Datum> EvalSubstring(const Call& call) {
  if (call.args.size() == 2) {
    return RunPerRow<Text(View, int32_t)>(call, [](View text, int32_t position, std::string* out) {
      out->append(Substring(text, position, SqlType::kMaxLength));
    });
  }
  return RunPerRow<Text(View, int32_t, int32_t)>(
      call, [](View text, int32_t position, int32_t length, std::string* out) {
        if (length >= 0) out->append(Substring(text, position, length));
        return length >= 0;
      });
}

// Several text arguments, read row by row.
class TextArgs {
 public:
  static Result<TextArgs> Make(const Call& call, size_t begin) {
    TextArgs args;
    MILL_ASSIGN(args.operands_, MakeOperands(call.args, call.rows));
    for (size_t i = begin; i < call.args.size(); ++i) args.readers_.emplace_back(args.operands_.items[i]);
    args.begin_ = begin;
    return args;
  }
  const Operands& operands() const { return operands_; }
  size_t size() const { return readers_.size(); }
  bool IsNull(size_t arg, int64_t row) const { return operands_.items[begin_ + arg].IsNull(row); }
  View Get(size_t arg, int64_t row) const { return readers_[arg][row]; }

 private:
  Operands operands_;
  std::vector<Reader<View>> readers_;
  size_t begin_ = 0;
};

Result<arrow::Datum> FinishText(Writer<Text>* writer, const Validity& validity, const Call& call,
                                const Operands& operands) {
  if (writer->IsFull()) return UserError("more than 2 GB of text in one batch");
  MILL_ASSIGN(auto buffers, writer->Finish());
  buffers[0] = validity.buffer();
  return AsDatum(arrow::ArrayData::Make(call.type.ToArrow(), operands.rows, std::move(buffers),
                                        validity.null_count()),
                 operands.scalar);
}

Result<arrow::Datum> EvalConcat(const Call& call) {
  MILL_ASSIGN(TextArgs args, TextArgs::Make(call, 0));
  MILL_ASSIGN(Validity validity, Validity::Of(args.operands()));
  MILL_ASSIGN(auto writer, Writer<Text>::Make(args.operands().rows));
  for (int64_t row = 0; row < args.operands().rows; ++row) {
    const bool valid = validity.IsValid(row);
    for (size_t i = 0; valid && i < args.size(); ++i) writer.text()->append(args.Get(i, row));
    writer.End(row, valid);
  }
  return FinishText(&writer, validity, call, args.operands());
}

// The separator's NULL makes the result NULL; other NULLs are left out.
Result<arrow::Datum> EvalConcatWs(const Call& call) {
  MILL_ASSIGN(TextArgs args, TextArgs::Make(call, 0));
  Operands separator = args.operands();
  separator.items.resize(1);
  MILL_ASSIGN(Validity validity, Validity::Of(separator));
  MILL_ASSIGN(auto writer, Writer<Text>::Make(args.operands().rows));
  for (int64_t row = 0; row < args.operands().rows; ++row) {
    bool first = true;
    for (size_t i = 1; validity.IsValid(row) && i < args.size(); ++i) {
      if (args.IsNull(i, row)) continue;
      if (!first) writer.text()->append(args.Get(0, row));
      first = false;
      writer.text()->append(args.Get(i, row));
    }
    writer.End(row, validity.IsValid(row));
  }
  return FinishText(&writer, validity, call, args.operands());
}

bool HoldsChar(View set, View one) {
  if (one.size() == 1) return set.find(one[0]) != View::npos;
  return set.find(one) != View::npos;
}

View FirstChar(View text) { return text.substr(0, OffsetOfChar(text, 1)); }

View LastChar(View text) {
  size_t at = text.size() - 1;
  while (at > 0 && IsContinuationByte(text[at])) --at;
  return text.substr(at);
}

View TrimLeft(View text, View chars) {
  if (chars.size() == 1) return text.substr(std::min(text.find_first_not_of(chars[0]), text.size()));
  while (!text.empty() && HoldsChar(chars, FirstChar(text))) text.remove_prefix(FirstChar(text).size());
  return text;
}

View TrimRight(View text, View chars) {
  if (chars.size() == 1) return text.substr(0, text.find_last_not_of(chars[0]) + 1);
  while (!text.empty() && HoldsChar(chars, LastChar(text))) text.remove_suffix(LastChar(text).size());
  return text;
}

Result<arrow::Datum> EvalTrim(const Call& call, bool left, bool right) {
  const auto trim = [=](View text, View chars, std::string* out) {
    if (left) text = TrimLeft(text, chars);
    if (right) text = TrimRight(text, chars);
    out->append(text);
  };
  if (call.args.size() == 2) return RunPerRow<Text(View, View)>(call, trim);
  return RunPerRow<Text(View)>(call, [=](View text, std::string* out) { trim(text, " ", out); });
}

// TRIM(text) or TRIM('BOTH' | 'LEADING' | 'TRAILING', chars, text).
Result<arrow::Datum> EvalTrimFrom(const Call& call) {
  if (call.args.size() == 1) return EvalTrim(call, true, true);
  if (call.args.size() == 2) return ArgumentCountError(2, "1 or 3");
  if (!call.args[0].is_scalar()) return UserError("the side to trim must be a constant");
  const std::string side = call.args[0].scalar()->ToString();
  const std::vector<arrow::Datum> args = {call.args[2], call.args[1]};
  const Call ordered{args, call.arg_types, call.type, call.rows, call.context};
  return EvalTrim(ordered, side != "TRAILING", side != "LEADING");
}

// One byte for another: in place.
void ReplaceByte(View text, char from, char to, std::string* out) {
  const size_t begin = out->size();
  out->append(text);
  char* p = out->data() + begin;
  for (size_t i = 0; i < text.size(); ++i) p[i] = p[i] == from ? to : p[i];
}

void Replace(View text, View from, View to, std::string* out) {
  if (from.size() == 1 && to.size() == 1) return ReplaceByte(text, from[0], to[0], out);
  if (from.empty()) {
    out->append(text);
    return;
  }
  size_t begin = 0;
  for (size_t at; (at = text.find(from, begin)) != View::npos; begin = at + from.size()) {
    out->append(text.substr(begin, at - begin)).append(to);
  }
  out->append(text.substr(begin));
}

// Position of `needle` at or after character number `from`, 0 if there is none.
int32_t Locate(View needle, View text, int32_t from) {
  if (from < 1) return 0;
  const size_t begin = OffsetOfChar(text, static_cast<size_t>(from - 1));
  const size_t at = text.find(needle, begin);
  return at == View::npos ? 0 : static_cast<int32_t>(CountChars(text.substr(0, at))) + 1;
}

Result<arrow::Datum> EvalLocate(const Call& call) {
  if (call.args.size() == 3) return RunPerRow<int32_t(View, View, int32_t)>(call, Locate);
  return RunPerRow<int32_t(View, View)>(
      call, [](View needle, View text) { return Locate(needle, text, 1); });
}

void Left(View text, int32_t count, std::string* out) {
  if (count > 0) out->append(text.substr(0, OffsetOfChar(text, static_cast<size_t>(count))));
}

void Right(View text, int32_t count, std::string* out) {
  if (count <= 0) return;
  const size_t chars = CountChars(text), wanted = static_cast<size_t>(count);
  out->append(wanted >= chars ? text : text.substr(OffsetOfChar(text, chars - wanted)));
}

// Appends `count` characters of `pad`, repeated.
void AppendPad(View pad, size_t count, std::string* out) {
  const size_t chars = CountChars(pad);
  for (; count >= chars; count -= chars) out->append(pad);
  out->append(pad.substr(0, OffsetOfChar(pad, count)));
}

template <bool kLeft>
Result<arrow::Datum> EvalPad(const Call& call) {
  return RunPerRow<Text(View, int32_t, View)>(
      call, [](View text, int32_t length, View pad, std::string* out) -> bool {
        const auto wanted = static_cast<size_t>(std::max(length, 0));
        if (length < 0 || pad.empty() || wanted > kMaxProducedChars) return false;
        const size_t chars = CountChars(text);
        const size_t missing = wanted > chars ? wanted - chars : 0;
        if (kLeft) AppendPad(pad, missing, out);
        out->append(text.substr(0, OffsetOfChar(text, wanted)));
        if (!kLeft) AppendPad(pad, missing, out);
        return true;
      });
}

Status Repeat(View text, int32_t count, std::string* out) {
  if (count <= 0) return Status::OK();
  if (text.size() * static_cast<size_t>(count) > kMaxProducedChars) {
    return UserError("text repeated {} times is too long", count);
  }
  for (int32_t i = 0; i < count; ++i) out->append(text);
  return Status::OK();
}

void Reverse(View text, std::string* out) {
  while (!text.empty()) {
    const View last = LastChar(text);
    out->append(last);
    text.remove_suffix(last.size());
  }
}

bool IsAlphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80);
}

void InitCap(View text, std::string* out) {
  const size_t begin = out->size();
  out->append(text);
  bool inside = false;
  for (char* p = out->data() + begin; p != out->data() + out->size(); ++p) {
    const bool upper = *p >= 'A' && *p <= 'Z', lower = *p >= 'a' && *p <= 'z';
    if ((inside && upper) || (!inside && lower)) *p = static_cast<char>(*p ^ 0x20);
    inside = upper || lower || IsAlphanumeric(*p);
  }
}

int32_t Ascii(View text) { return text.empty() ? 0 : static_cast<int32_t>(static_cast<signed char>(text[0])); }

void Chr(int64_t code, std::string* out) {
  if (code >= 0) AppendChar(static_cast<char32_t>(code & 0xFF), out);
}

// Part number `index`, from 0, of the text between separators.
bool SplitIndex(View text, View separator, int32_t index, std::string* out) {
  if (index < 0 || text.empty() || separator.empty()) return false;
  for (size_t begin = 0;;) {
    const size_t end = text.find(separator, begin);
    if (index-- == 0) {
      out->append(text.substr(begin, end == View::npos ? View::npos : end - begin));
      return true;
    }
    if (end == View::npos) return false;
    begin = end + separator.size();
  }
}

// The separator is a text or the code of a character.
Result<Binding> BindSplitIndex(const std::vector<SqlType>& args) {
  const bool code = args.size() == 3 && args[1].IsInteger();
  MILL_ASSIGN(Binding binding, Fixed({kString, code ? kInt : kString, kInt}, kString)(args));
  binding.type.nullable = true;
  return binding;
}

Result<arrow::Datum> EvalSplitIndex(const Call& call) {
  if (call.arg_types[1].IsString()) return RunPerRow<Text(View, View, int32_t)>(call, SplitIndex);
  return RunPerRow<Text(View, int32_t, int32_t)>(
      call, [](View text, int32_t code, int32_t index, std::string* out) {
        const char separator = static_cast<char>(code);
        return code > 0 && code < 256 && SplitIndex(text, View(&separator, 1), index, out);
      });
}

void Overlay(View text, View patch, int32_t position, int32_t length, std::string* out) {
  const auto chars = static_cast<int32_t>(CountChars(text));
  if (position <= 0 || position > chars) {
    out->append(text);
    return;
  }
  const auto begin = static_cast<size_t>(position - 1);
  out->append(text.substr(0, OffsetOfChar(text, begin))).append(patch);
  const size_t skipped = begin + static_cast<size_t>(length < 0 ? chars : length);
  out->append(text.substr(OffsetOfChar(text, skipped)));
}

Result<arrow::Datum> EvalOverlay(const Call& call) {
  if (call.args.size() == 4) return RunPerRow<Text(View, View, int32_t, int32_t)>(call, Overlay);
  return RunPerRow<Text(View, View, int32_t)>(
      call, [](View text, View patch, int32_t position, std::string* out) {
        Overlay(text, patch, position, static_cast<int32_t>(CountChars(patch)), out);
      });
}

void TranslateChars(View text, View from, View to, std::string* out) {
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    ReadChar(text, &at);
    const View one = text.substr(begin, at - begin);
    const size_t found = from.find(one);
    if (found == View::npos) {
      out->append(one);
      continue;
    }
    const View rest = to.substr(OffsetOfChar(to, CountChars(from.substr(0, found))));
    if (!rest.empty()) out->append(FirstChar(rest));
  }
}

// What each byte becomes: for plain ASCII on both sides, and made once for constants.
class ByteTranslation {
 public:
  // False if some character is no ASCII.
  bool Set(View from, View to) {
    if (from == from_ && to == to_ && known_) return ascii_;
    from_ = from;
    to_ = to;
    known_ = true;
    ascii_ = IsAscii(from) && IsAscii(to);
    for (size_t i = 0; i < bytes_.size(); ++i) bytes_[i] = static_cast<int16_t>(i);
    for (size_t i = from.size(); ascii_ && i-- > 0;) {  // of equal characters the first counts
      bytes_[static_cast<unsigned char>(from[i])] =
          i < to.size() ? static_cast<int16_t>(to[i]) : kDropped;
    }
    return ascii_;
  }
  void Append(View text, std::string* out) const {
    const size_t begin = out->size();
    out->resize(begin + text.size());
    char* p = out->data() + begin;
    for (const char c : text) {
      const int16_t byte = bytes_[static_cast<unsigned char>(c)];
      *p = static_cast<char>(byte);
      p += byte == kDropped ? 0 : 1;
    }
    out->resize(static_cast<size_t>(p - out->data()));
  }

 private:
  static constexpr int16_t kDropped = -1;
  std::string from_, to_;
  bool known_ = false, ascii_ = false;
  std::array<int16_t, 256> bytes_{};
};

Result<arrow::Datum> EvalTranslate(const Call& call) {
  ByteTranslation bytes;
  return RunPerRow<Text(View, View, View)>(call, [&](View text, View from, View to, std::string* out) {
    bytes.Set(from, to) ? bytes.Append(text, out) : TranslateChars(text, from, to, out);
  });
}

void RegisterCase(FunctionRegistry& registry) {
  registry.Add({.name = "UPPER", .signature = "UPPER(STRING) -> STRING", .doc = "In capitals.",
                .examples = {{"UPPER('aBc')", "ABC"}}, .bind = Fixed({kString}, kString),
                .eval = [](const Call& call) { return EvalCase<'a', 'z'>(call, "utf8_upper"); }});
  registry.Add({.name = "LOWER", .signature = "LOWER(STRING) -> STRING", .doc = "In small letters.",
                .examples = {{"LOWER('aBc')", "abc"}}, .bind = Fixed({kString}, kString),
                .eval = [](const Call& call) { return EvalCase<'A', 'Z'>(call, "utf8_lower"); }});
  registry.Add({.name = "INITCAP", .signature = "INITCAP(STRING) -> STRING",
                .doc = "Each word with a capital first letter.",
                .examples = {{"INITCAP('hello WORLD')", "Hello World"}},
                .bind = Fixed({kString}, kString), .eval = PerRow<Text(View)>(InitCap)});
  registry.Add({.name = "REVERSE", .signature = "REVERSE(STRING) -> STRING", .doc = "Backwards.",
                .examples = {{"REVERSE('abc')", "cba"}}, .bind = Fixed({kString}, kString),
                .eval = PerRow<Text(View)>(Reverse)});
}

void RegisterConcat(FunctionRegistry& registry) {
  registry.Add({.name = "||", .signature = "STRING || STRING -> STRING", .doc = "Joins two texts.",
                .examples = {{"'a' || 'b'", "ab"}}, .bind = Fixed({kString, kString}, kString),
                .eval = EvalConcat});
  registry.Add({.name = "CONCAT", .signature = "CONCAT(STRING, ...) -> STRING",
                .doc = "Joins texts; NULL if one of them is.",
                .examples = {{"CONCAT('a', 'b', 'c')", "abc"}},
                .bind = Variadic(kString, kString, 1), .eval = EvalConcat});
  registry.Add({.name = "CONCAT_WS", .signature = "CONCAT_WS(separator, STRING, ...) -> STRING",
                .doc = "Joins texts with a separator, leaving out NULLs.",
                .examples = {{"CONCAT_WS('-', 'a', CAST(NULL AS STRING), 'c')", "a-c"}},
                .bind = Variadic(kString, kString, 1), .eval = EvalConcatWs});
}

void RegisterCut(FunctionRegistry& registry) {
  for (const char* name : {"SUBSTRING", "SUBSTR"}) {
    registry.Add({.name = name, .signature = "SUBSTRING(STRING, start [, length]) -> STRING",
                  .doc = "Characters from number start on; a negative start counts from the end.",
                  .examples = {{"SUBSTRING('hello', 2, 3)", "ell"}, {"SUBSTRING('hello', -3)", "llo"}},
                  .bind = Fixed({kString, kInt, kInt}, kString, 1), .eval = EvalSubstring});
  }
  registry.Add({.name = "LEFT", .signature = "LEFT(STRING, INT) -> STRING",
                .doc = "The first characters.", .examples = {{"LEFT('hello', 2)", "he"}},
                .bind = Fixed({kString, kInt}, kString), .eval = PerRow<Text(View, int32_t)>(Left)});
  registry.Add({.name = "RIGHT", .signature = "RIGHT(STRING, INT) -> STRING",
                .doc = "The last characters.", .examples = {{"RIGHT('hello', 2)", "lo"}},
                .bind = Fixed({kString, kInt}, kString), .eval = PerRow<Text(View, int32_t)>(Right)});
  registry.Add({.name = "SPLIT_INDEX", .signature = "SPLIT_INDEX(STRING, separator, INT) -> STRING",
                .doc = "Part number index, from 0, of a text split at a separator; else NULL.",
                .examples = {{"SPLIT_INDEX('a/b/c', '/', 1)", "b"}},
                .bind = BindSplitIndex, .eval = EvalSplitIndex});
  registry.Add({.name = "OVERLAY", .signature = "OVERLAY(STRING, STRING, start [, length]) -> STRING",
                .doc = "Puts a text over part of another.",
                .examples = {{"OVERLAY('This is an old string' PLACING ' new' FROM 10 FOR 5)",
                              "This is a new string"}},
                .bind = Fixed({kString, kString, kInt, kInt}, kString, 1), .eval = EvalOverlay});
}

void RegisterTrim(FunctionRegistry& registry) {
  registry.Add({.name = "TRIM", .signature = "TRIM([BOTH | LEADING | TRAILING] [chars] FROM STRING)",
                .doc = "Without the given characters (blanks) at its ends.",
                .examples = {{"TRIM(BOTH 'x' FROM 'xxaxx')", "a"}, {"TRIM('  a ')", "a"}},
                .bind = Fixed({kString, kString, kString}, kString, 2), .eval = EvalTrimFrom});
  struct Side {
    const char* name;
    bool left, right;
    const char* result;
  };
  for (const Side& side : {Side{"LTRIM", true, false, "axx"}, Side{"RTRIM", false, true, "xxa"},
                           Side{"BTRIM", true, true, "a"}}) {
    registry.Add({.name = side.name, .signature = fmt::format("{}(STRING [, chars]) -> STRING", side.name),
                  .doc = "Without the given characters (blanks) at that end.",
                  .examples = {{fmt::format("{}('xxaxx', 'x')", side.name), side.result}},
                  .bind = Fixed({kString, kString}, kString, 1),
                  .eval = [=](const Call& call) { return EvalTrim(call, side.left, side.right); }});
  }
}

void RegisterSearch(FunctionRegistry& registry) {
  for (const char* name : {"CHAR_LENGTH", "CHARACTER_LENGTH"}) {
    registry.Add({.name = name, .signature = "CHAR_LENGTH(STRING) -> INT",
                  .doc = "Number of characters.", .examples = {{"CHAR_LENGTH('hello')", "5"}},
                  .bind = Fixed({kString}, kInt),
                  .eval = PerRow<int32_t(View)>(
                      [](View text) { return static_cast<int32_t>(CountChars(text)); })});
  }
  registry.Add({.name = "POSITION", .signature = "POSITION(STRING IN STRING) -> INT",
                .doc = "Where a text first occurs in another, 0 if nowhere.",
                .examples = {{"POSITION('l' IN 'hello')", "3"}},
                .bind = Fixed({kString, kString}, kInt), .eval = EvalLocate});
  registry.Add({.name = "LOCATE", .signature = "LOCATE(STRING, STRING [, start]) -> INT",
                .doc = "Where the first text occurs in the second from start on, 0 if nowhere.",
                .examples = {{"LOCATE('l', 'hello', 4)", "4"}},
                .bind = Fixed({kString, kString, kInt}, kInt, 1), .eval = EvalLocate});
  registry.Add({.name = "ASCII", .signature = "ASCII(STRING) -> INT",
                .doc = "Code of the first character, 0 if empty.",
                .examples = {{"ASCII('A')", "65"}, {"ASCII('')", "0"}},
                .bind = Fixed({kString}, kInt), .eval = PerRow<int32_t(View)>(Ascii)});
}

void RegisterMake(FunctionRegistry& registry) {
  registry.Add({.name = "REPLACE", .signature = "REPLACE(STRING, from, to) -> STRING",
                .doc = "With every occurrence of a text replaced.",
                .examples = {{"REPLACE('hello', 'l', 'L')", "heLLo"}},
                .bind = Fixed({kString, kString, kString}, kString),
                .eval = PerRow<Text(View, View, View)>(Replace)});
  registry.Add({.name = "TRANSLATE", .signature = "TRANSLATE(STRING, from, to) -> STRING",
                .doc = "With each character of from replaced by its counterpart in to.",
                .examples = {{"TRANSLATE('www.a.b', 'w.', 'W_')", "WWW_a_b"}},
                .bind = Fixed({kString, kString, kString}, kString),
                .eval = EvalTranslate});
  registry.Add({.name = "LPAD", .signature = "LPAD(STRING, length, pad) -> STRING",
                .doc = "Filled up on the left, or cut, to a length.",
                .examples = {{"LPAD('hi', 4, 'xy')", "xyhi"}},
                .bind = MayBeNull(Fixed({kString, kInt, kString}, kString)), .eval = EvalPad<true>});
  registry.Add({.name = "RPAD", .signature = "RPAD(STRING, length, pad) -> STRING",
                .doc = "Filled up on the right, or cut, to a length.",
                .examples = {{"RPAD('hi', 4, 'xy')", "hixy"}},
                .bind = MayBeNull(Fixed({kString, kInt, kString}, kString)), .eval = EvalPad<false>});
  registry.Add({.name = "REPEAT", .signature = "REPEAT(STRING, INT) -> STRING",
                .doc = "Several times the same text.", .examples = {{"REPEAT('ab', 2)", "abab"}},
                .bind = Fixed({kString, kInt}, kString),
                .eval = PerRow<Text(View, int32_t)>(Repeat), .may_fail = true});
  registry.Add({.name = "CHR", .signature = "CHR(BIGINT) -> STRING",
                .doc = "The character with a code, modulo 256.", .examples = {{"CHR(65)", "A"}},
                .bind = Fixed({SqlType::BigInt()}, kString), .eval = PerRow<Text(int64_t)>(Chr)});
}

}  // namespace

void RegisterString(FunctionRegistry& registry) {
  RegisterCase(registry);
  RegisterConcat(registry);
  RegisterCut(registry);
  RegisterTrim(registry);
  RegisterSearch(registry);
  RegisterMake(registry);
}

}  // namespace millrace
