// PRINTF: Java's format strings over SQL values.
//
//   %[index$][flags][width][.precision]conversion   flags - # + blank 0 , (
//   conversions b s c d x X o e E f g n %, capitals for capital letters
// A format that does not fit its arguments gives NULL, as in Flink.
#include <cmath>

#include "functions/bind.h"
#include "functions/families.h"
#include "functions/number_text.h"
#include "functions/per_row.h"
#include "functions/utf8.h"
#include "functions/vectorized.h"

namespace millrace {
namespace {

using View = std::string_view;

const SqlType kString = SqlType::String();

// What a conversion asks for.
struct Spec {
  size_t index = 0;  // of the argument, from 1; 0: the next
  std::string flags;
  int width = 0, precision = -1;
  char conversion = 0;

  bool Has(char flag) const { return flags.find(flag) != std::string::npos; }
};

int ReadDigits(View format, size_t* at) {
  constexpr int kMost = 100000;  // a wider field is a slip
  int value = 0;
  while (*at < format.size() && format[*at] >= '0' && format[*at] <= '9') {
    value = std::min(value * 10 + (format[(*at)++] - '0'), kMost);
  }
  return value;
}

// Reads what stands behind a '%'.
bool ReadSpec(View format, size_t* at, Spec* spec) {
  const size_t begin = *at;
  const int index = ReadDigits(format, at);
  if (index > 0 && *at < format.size() && format[*at] == '$') {
    spec->index = static_cast<size_t>(index);
    ++*at;
  } else {
    *at = begin;
  }
  while (*at < format.size() && View("-#+ 0,(").find(format[*at]) != View::npos) {
    spec->flags.push_back(format[(*at)++]);
  }
  spec->width = ReadDigits(format, at);
  if (*at < format.size() && format[*at] == '.') {
    ++*at;
    spec->precision = ReadDigits(format, at);
  }
  if (*at == format.size()) return false;
  spec->conversion = format[(*at)++];
  return true;
}

// One argument of one row.
struct Value {
  enum class Kind { kNull, kText, kInteger, kReal, kBoolean } kind = Kind::kNull;
  View text;  // of every kind but NULL
  int64_t integer = 0;
  double real = 0;
  int bits = 64;  // of an integer: how negative numbers show in other bases
};

std::string Grouped(std::string digits) {
  const size_t point = std::min(digits.find('.'), digits.size());
  for (size_t at = point; at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

// A number's digits with sign, grouping and zeros up to the width.
std::string Signed(const Spec& spec, std::string digits, bool negative) {
  if (spec.Has(',')) digits = Grouped(std::move(digits));
  std::string before = negative        ? (spec.Has('(') ? "(" : "-")
                       : spec.Has('+') ? "+"
                       : spec.Has(' ') ? " "
                                       : "";
  const std::string behind = negative && spec.Has('(') ? ")" : "";
  const size_t used = before.size() + digits.size() + behind.size();
  const auto width = static_cast<size_t>(spec.width);
  if (spec.Has('0') && used < width) digits.insert(0, width - used, '0');
  return before + digits + behind;
}

bool FormatInteger(const Spec& spec, const Value& value, std::string* field) {
  if (value.kind != Value::Kind::kInteger) return false;
  const auto bits = static_cast<uint64_t>(value.integer);
  if (spec.conversion == 'd') {
    const uint64_t size = value.integer < 0 ? 0 - bits : bits;
    *field = Signed(spec, std::to_string(size), value.integer < 0);
    return true;
  }
  const uint64_t shown = value.bits == 64 ? bits : bits & ((1ULL << value.bits) - 1);
  const bool octal = spec.conversion == 'o';
  std::string digits = octal ? fmt::format("{:o}", shown) : fmt::format("{:x}", shown);
  if (spec.Has('#')) digits.insert(0, octal ? "0" : "0x");
  const auto width = static_cast<size_t>(spec.width);
  if (spec.Has('0') && digits.size() < width) digits.insert(0, width - digits.size(), '0');
  *field = std::move(digits);
  return true;
}

bool FormatReal(const Spec& spec, const Value& value, std::string* field) {
  if (value.kind != Value::Kind::kReal) return false;
  const int precision = spec.precision < 0 ? 6 : std::min(spec.precision, 300);
  const double size = value.real < 0 ? -value.real : value.real;
  std::string digits;
  switch (spec.conversion) {
    case 'e': digits = fmt::format("{:.{}e}", size, precision); break;
    case 'g': {
      // Java's %g is scientific below 10^-4 and from 10^precision on, with `precision` digits.
      const int significant = std::max(precision, 1);
      const bool plain = size == 0 || (size >= 1e-4 && size < std::pow(10, significant));
      const int integer = size >= 1 ? static_cast<int>(std::floor(std::log10(size))) + 1 : 1;
      digits = plain ? fmt::format("{:.{}f}", size, std::max(significant - integer, 0))
                     : fmt::format("{:.{}e}", size, significant - 1);
      break;
    }
    default: digits = fmt::format("{:.{}f}", size, precision);
  }
  *field = Signed(spec, std::move(digits), value.real < 0);
  return true;
}

void ToUpper(std::string* text) {
  for (char& c : *text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}

bool FormatField(Spec spec, const Value& value, std::string* field) {
  const bool upper = spec.conversion >= 'A' && spec.conversion <= 'Z';
  if (upper) spec.conversion = static_cast<char>(spec.conversion + 32);
  const bool null = value.kind == Value::Kind::kNull;
  bool fits = true;
  switch (spec.conversion) {
    case 'd':
    case 'x':
    case 'o': fits = null || FormatInteger(spec, value, field); break;
    case 'e':
    case 'f':
    case 'g': fits = null || FormatReal(spec, value, field); break;
    case 'b':
      *field = value.kind == Value::Kind::kBoolean ? std::string(value.text)
               : null                              ? "false"
                                                   : "true";
      break;
    case 's': *field = null ? "null" : std::string(value.text); break;
    case 'c':
      fits = null || value.kind == Value::Kind::kInteger;
      if (fits && !null) AppendChar(static_cast<char32_t>(value.integer), field);
      break;
    default: return false;
  }
  if (null && spec.conversion != 'b') *field = "null";
  const bool cuts = spec.conversion == 's' || spec.conversion == 'b';
  if (cuts && spec.precision >= 0) {
    field->resize(OffsetOfChar(*field, static_cast<size_t>(spec.precision)));
  }
  if (upper) ToUpper(field);
  return fits;
}

void AppendPadded(const Spec& spec, const std::string& field, std::string* out) {
  const size_t chars = CountChars(field), width = static_cast<size_t>(spec.width);
  const size_t missing = width > chars ? width - chars : 0;
  if (!spec.Has('-')) out->append(missing, ' ');
  out->append(field);
  if (spec.Has('-')) out->append(missing, ' ');
}

bool Printf(View format, const std::vector<Value>& values, std::string* out) {
  size_t next = 0;
  std::string field;
  for (size_t at = 0; at < format.size();) {
    if (format[at] != '%') {
      out->push_back(format[at++]);
      continue;
    }
    Spec spec;
    if (!ReadSpec(format, &++at, &spec)) return false;
    if (spec.conversion == '%' || spec.conversion == 'n') {
      out->push_back(spec.conversion == '%' ? '%' : '\n');
      continue;
    }
    const size_t index = spec.index > 0 ? spec.index - 1 : next++;
    field.clear();
    if (index >= values.size() || !FormatField(spec, values[index], &field)) return false;
    AppendPadded(spec, field, out);
  }
  return true;
}

// One argument's column.
struct Source {
  Operand operand, text;
  SqlType type;

  Value At(int64_t row) const {
    Value value;
    if (operand.data->type->id() == arrow::Type::NA || operand.IsNull(row)) return value;
    value.text = Reader<View>(text)[row];
    value.kind = Value::Kind::kText;
    if (type.kind == TypeKind::kBoolean) value.kind = Value::Kind::kBoolean;
    if (type.IsApproximate()) {
      value.kind = Value::Kind::kReal;
      value.real = type.kind == TypeKind::kFloat ? Reader<float>(operand)[row]
                                                 : Reader<double>(operand)[row];
    }
    const bool integer =
        type.IsInteger() || type.kind == TypeKind::kDate || type.kind == TypeKind::kTime;
    if (integer) WithNumberType(type.kind, [&](auto number) {
      using T = decltype(number);
      value.kind = Value::Kind::kInteger;
      value.integer = static_cast<int64_t>(Reader<T>(operand)[row]);
      value.bits = static_cast<int>(sizeof(T)) * 8;
    });
    return value;
  }
};

// Dates and times are numbers of days and milliseconds to Flink's PRINTF.
Result<Source> MakeSource(const arrow::Datum& arg, const SqlType& type,
                          const EvalContext& context) {
  Source source;
  source.type = type;
  MILL_ASSIGN(source.operand, MakeOperand(arg));
  arrow::Datum plain = arg;
  SqlType shown = type;
  if (type.kind == TypeKind::kDate || type.kind == TypeKind::kTime) {
    auto copy = source.operand.data->Copy();
    copy->type = arrow::int32();
    shown = SqlType::Int();
    MILL_ASSIGN(plain, AsDatum(std::move(copy), source.operand.scalar));
  }
  MILL_ASSIGN(arrow::Datum text, CastDatum(plain, shown, kString, context, false));
  MILL_ASSIGN(source.text, MakeOperand(text));
  if (type.kind == TypeKind::kBoolean) {
    // Java's spelling.
    const arrow::StringArray texts(source.text.data);
    arrow::StringBuilder lower;
    for (int64_t i = 0; i < texts.length(); ++i) {
      MILL_RETURN(texts.IsNull(i) ? lower.AppendNull()
                                  : lower.Append(texts.GetView(i) == "TRUE" ? "true" : "false"));
    }
    MILL_ASSIGN(auto array, lower.Finish());
    source.text.data = array->data();
  }
  return source;
}

Result<arrow::Datum> EvalPrintf(const Call& call) {
  MILL_ASSIGN(Operands operands, MakeOperands(call.args, call.rows));
  Operands format = operands;
  format.items.resize(1);
  MILL_ASSIGN(Validity validity, Validity::Of(format));
  std::vector<Source> sources;
  for (size_t i = 1; i < call.args.size(); ++i) {
    MILL_ASSIGN(Source source, MakeSource(call.args[i], call.arg_types[i], call.context));
    sources.push_back(std::move(source));
  }
  MILL_ASSIGN(auto writer, Writer<Text>::Make(operands.rows));
  std::vector<Value> values(sources.size());
  for (int64_t row = 0; row < operands.rows; ++row) {
    bool valid = validity.IsValid(row);
    for (size_t i = 0; valid && i < sources.size(); ++i) values[i] = sources[i].At(row);
    const bool fits = valid && Printf(Reader<View>(operands.items[0])[row], values, writer.text());
    if (writer.IsFull()) return UserError("more than 2 GB of text in one batch");
    writer.End(row, fits);
    if (valid && !fits) MILL_RETURN(validity.SetNull(row));
  }
  MILL_ASSIGN(auto buffers, writer.Finish());
  buffers[0] = validity.buffer();
  return AsDatum(arrow::ArrayData::Make(call.type.ToArrow(), operands.rows, std::move(buffers),
                                        validity.null_count()),
                 operands.scalar);
}

Result<Binding> BindPrintf(const std::vector<SqlType>& args) {
  if (args.empty()) return ArgumentCountError(0, "1 or more");
  std::vector<SqlType> types = args;
  MILL_ASSIGN(types[0], MatchParameter(0, args[0], kString));
  return Binding{std::move(types), kString};
}

}  // namespace

void RegisterPrintf(FunctionRegistry& registry) {
  registry.Add({.name = "PRINTF", .signature = "PRINTF(format, any, ...) -> STRING",
                .doc = "Values in Java's format; NULL if it does not fit them.",
                .examples = {{"PRINTF('%05d %s', 42, 'x')", "00042 x"}},
                .bind = BindPrintf, .eval = EvalPrintf});
}

}  // namespace millrace
