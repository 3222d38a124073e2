// JSON from values: JSON_STRING, JSON_OBJECT, JSON_ARRAY, JSON, and the quoting of texts. The
// first argument
// of JSON_OBJECT and JSON_ARRAY, which the binder makes, says what NULLs become and which values
// are JSON
// already: "NULL 010" or "ABSENT 010", one digit for each value.
#include <arrow/array.h>

#include <map>

#include "functions/bind.h"
#include "functions/calendar.h"
#include "functions/families.h"
#include "functions/json_path.h"
#include "functions/json_text.h"
#include "functions/json_valid.h"
#include "functions/number_text.h"
#include "functions/per_row.h"
#include "functions/utf8.h"

namespace millrace {
namespace {

using View = std::string_view;
using ArrayPtr = std::shared_ptr<arrow::Array>;

const SqlType kString = SqlType::String();

// Writes values of one type as JSON. Scalars are cast to text column-wise beforehand.
class JsonWriter {
 public:
  static Result<JsonWriter> Make(const ArrayPtr& values, const SqlType& type,
                                 const EvalContext& context);
  void Append(int64_t at, std::string* out) const;

 private:
  void AppendMap(int64_t at, std::string* out) const;
  void AppendRow(int64_t at, std::string* out) const;
  void AppendList(int64_t at, std::string* out) const;
  void AppendText(View text, std::string* out) const;

  SqlType type_;
  ArrayPtr values_;
  ArrayPtr texts_;  // of scalars
  std::vector<JsonWriter> members_;
};

Result<ArrayPtr> ToText(const ArrayPtr& values, const SqlType& type, const EvalContext& context) {
  SqlType plain = type;
  arrow::Datum value(values);
  if (type.kind == TypeKind::kTimestampLtz) {
    // Instants are written in UTC.
    EvalContext utc = context;
    utc.time_zone = "UTC";
    plain = SqlType::Timestamp(type.precision);
    MILL_ASSIGN(value, CastDatum(value, type, plain, utc, false));
  }
  if (type.IsBinary()) {
    return ArrayPtr(values);
  }
  MILL_ASSIGN(arrow::Datum text, CastDatum(value, plain, kString, context, false));
  return text.make_array();
}

Result<JsonWriter> JsonWriter::Make(const ArrayPtr& values, const SqlType& type,
                                    const EvalContext& context) {
  JsonWriter writer;
  writer.type_ = type;
  writer.values_ = values;
  std::vector<ArrayPtr> members;
  switch (type.kind) {
    case TypeKind::kNull: return writer;
    case TypeKind::kArray:
      members = {static_cast<const arrow::ListArray&>(*values).values()};
      break;
    case TypeKind::kMap: {
      const auto& maps = static_cast<const arrow::MapArray&>(*values);
      members = {maps.keys(), maps.items()};
      break;
    }
    case TypeKind::kRow:
      members = static_cast<const arrow::StructArray&>(*values).fields();
      break;
    default: {
      MILL_ASSIGN(writer.texts_, ToText(values, type, context));
      return writer;
    }
  }
  for (size_t i = 0; i < members.size(); ++i) {
    MILL_ASSIGN(JsonWriter member, Make(members[i], *type.children[i].type, context));
    writer.members_.push_back(std::move(member));
  }
  return writer;
}

void AppendBase64(View bytes, std::string* out) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) {
      group = group << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    }
    for (size_t j = 0; j < 4; ++j) {
      out->push_back(i + j <= bytes.size() ? kDigits[group >> (18 - 6 * j) & 63] : '=');
    }
  }
}

void JsonWriter::AppendText(View text, std::string* out) const {
  if (type_.IsNumeric()) {
    out->append(text);
  } else if (type_.kind == TypeKind::kBoolean) {
    out->append(text == "TRUE" ? "true" : "false");
  } else if (type_.IsBinary()) {
    out->push_back('"');
    AppendBase64(text, out);
    out->push_back('"');
  } else if (type_.IsTimestamp()) {
    std::string iso(text);
    iso[iso.find(' ')] = 'T';
    if (type_.kind == TypeKind::kTimestampLtz) iso.push_back('Z');
    AppendJsonString(iso, out);
  } else {
    AppendJsonString(text, out);
  }
}

void JsonWriter::Append(int64_t at, std::string* out) const {
  if (type_.kind == TypeKind::kNull || values_->IsNull(at)) {
    out->append("null");
    return;
  }
  switch (type_.kind) {
    case TypeKind::kArray: return AppendList(at, out);
    case TypeKind::kMap: return AppendMap(at, out);
    case TypeKind::kRow: return AppendRow(at, out);
    default: AppendText(static_cast<const arrow::BinaryArray&>(*texts_).GetView(at), out);
  }
}

void JsonWriter::AppendList(int64_t at, std::string* out) const {
  const auto& lists = static_cast<const arrow::ListArray&>(*values_);
  out->push_back('[');
  for (int32_t i = lists.value_offset(at); i < lists.value_offset(at + 1); ++i) {
    if (i > lists.value_offset(at)) out->push_back(',');
    members_[0].Append(i, out);
  }
  out->push_back(']');
}

// Members of an object in the order of their names.
void AppendObject(const std::map<std::string, std::string>& members, std::string* out) {
  out->push_back('{');
  bool first = true;
  for (const auto& [name, value] : members) {
    if (!first) out->push_back(',');
    first = false;
    AppendJsonString(name, out);
    out->push_back(':');
    out->append(value);
  }
  out->push_back('}');
}

void JsonWriter::AppendMap(int64_t at, std::string* out) const {
  const auto& maps = static_cast<const arrow::MapArray&>(*values_);
  std::map<std::string, std::string> members;
  for (int32_t i = maps.value_offset(at); i < maps.value_offset(at + 1); ++i) {
    std::string value;
    members_[1].Append(i, &value);
    const auto& keys = members_[0].texts_;
    members[keys ? static_cast<const arrow::BinaryArray&>(*keys).GetString(i) : ""] = value;
  }
  AppendObject(members, out);
}

void JsonWriter::AppendRow(int64_t at, std::string* out) const {
  std::map<std::string, std::string> members;
  for (size_t i = 0; i < members_.size(); ++i)
    members_[i].Append(at, &members[type_.children[i].name]);
  AppendObject(members, out);
}

// Writes a text per row in which `append(row, out)` answers true.
template <typename Append>
Result<arrow::Datum> WriteTexts(const Call& call, const Operands& operands, Append append) {
  Operands none;
  none.rows = operands.rows;
  MILL_ASSIGN(Validity validity, Validity::Of(none));
  MILL_ASSIGN(auto writer, Writer<Text>::Make(operands.rows));
  for (int64_t row = 0; row < operands.rows; ++row) {
    const bool valid = append(row, writer.text());
    if (writer.IsFull()) return UserError("more than 2 GB of text in one batch");
    writer.End(row, valid);
    if (!valid) MILL_RETURN(validity.SetNull(row));
  }
  MILL_ASSIGN(auto buffers, writer.Finish());
  buffers[0] = validity.buffer();
  return AsDatum(arrow::ArrayData::Make(call.type.ToArrow(), operands.rows, std::move(buffers),
                                        validity.null_count()),
                 operands.scalar);
}

Result<Binding> BindJsonString(const std::vector<SqlType>& args) {
  if (args.size() != 1) return ArgumentCountError(args.size(), "1");
  return Binding{args, WithNullable(kString, args[0].nullable)};
}

Result<arrow::Datum> EvalJsonString(const Call& call) {
  MILL_ASSIGN(Operands operands, MakeOperands(call.args, call.rows));
  const ArrayPtr values = arrow::MakeArray(operands.items[0].data);
  MILL_ASSIGN(const JsonWriter writer, JsonWriter::Make(values, call.arg_types[0], call.context));
  return WriteTexts(call, operands, [&](int64_t row, std::string* out) {
    if (values->IsNull(row)) return false;
    writer.Append(row, out);
    return true;
  });
}

// The arguments of JSON_OBJECT and JSON_ARRAY.
class Composition {
 public:
  static Result<Composition> Make(const Call& call, size_t per_value) {
    Composition made;
    MILL_ASSIGN(made.operands_, MakeOperands(call.args, call.rows));
    const std::string mode = call.args[0].scalar()->ToString();
    made.absent_ = mode.starts_with("ABSENT");
    made.is_json_ = mode.substr(mode.find(' ') + 1);
    for (size_t i = per_value; i < call.args.size(); i += per_value) {
      const ArrayPtr values = arrow::MakeArray(made.operands_.items[i].data);
      MILL_ASSIGN(JsonWriter writer, JsonWriter::Make(values, call.arg_types[i], call.context));
      made.writers_.push_back(std::move(writer));
      made.args_.push_back(i);
    }
    // All of them are literals only if the call has no argument beside the mode.
    return made;
  }
  const Operands& operands() const { return operands_; }
  size_t size() const { return writers_.size(); }
  const Operand& Arg(size_t i) const { return operands_.items[args_[i]]; }
  const Operand& Key(size_t i) const { return operands_.items[args_[i] - 1]; }
  // Appends value `i`; false if it is NULL and left out.
  bool Append(size_t i, int64_t row, std::string* out) const {
    if (Arg(i).data->type->id() == arrow::Type::NA || Arg(i).IsNull(row)) {
      if (!absent_) out->append("null");
      return !absent_;
    }
    if (is_json_[i] == '1') out->append(Reader<View>(Arg(i))[row]);
    else writers_[i].Append(Arg(i).At(row), out);
    return true;
  }

 private:
  Operands operands_;
  std::vector<JsonWriter> writers_;
  std::vector<size_t> args_;
  std::string is_json_;
  bool absent_ = false;
};

Result<arrow::Datum> EvalObject(const Call& call) {
  MILL_ASSIGN(const Composition members, Composition::Make(call, 2));
  for (size_t i = 0; i < members.size(); ++i) {
    if (members.Key(i).data->GetNullCount() > 0) return UserError("a name in JSON_OBJECT is NULL");
  }
  return WriteTexts(call, members.operands(), [&](int64_t row, std::string* out) {
    std::map<std::string, std::string> object;
    std::string value;
    for (size_t i = 0; i < members.size(); ++i) {
      value.clear();
      if (members.Append(i, row, &value))
        object[std::string(Reader<View>(members.Key(i))[row])] = value;
    }
    AppendObject(object, out);
    return true;
  });
}

Result<arrow::Datum> EvalArray(const Call& call) {
  MILL_ASSIGN(const Composition elements, Composition::Make(call, 1));
  return WriteTexts(call, elements.operands(), [&](int64_t row, std::string* out) {
    const size_t begin = out->size();
    out->push_back('[');
    for (size_t i = 0; i < elements.size(); ++i) {
      const size_t before = out->size();
      if (before > begin + 1) out->push_back(',');
      if (!elements.Append(i, row, out)) out->resize(before);
    }
    out->push_back(']');
    return true;
  });
}

Result<Binding> BindObject(const std::vector<SqlType>& args) {
  if (args.size() % 2 != 1) return ArgumentCountError(args.size(), "names with values");
  for (size_t i = 1; i < args.size(); i += 2) {
    if (!args[i].IsString()) return ArgumentTypeError(i - 1, args[i], "STRING as a name");
  }
  return Binding{args, kString.NotNull()};
}

Result<Binding> BindArray(const std::vector<SqlType>& args) {
  return Binding{args, kString.NotNull()};
}

// JSON(text): blank text is NULL, what is no JSON an error.
Result<arrow::Datum> EvalJson(const Call& call) {
  Status failure;
  auto result = RunPerRow<Text(View)>(call, [&](View text, std::string* out) -> bool {
    const size_t begin = json_text::SkipBlank(text, 0);
    if (begin == text.size()) return false;
    if (!IsValidJson(text)) {
      failure = UserError("JSON: '{}' is no JSON", text.substr(0, 100));
      return false;
    }
    AppendCanonicalJson(text.substr(begin, json_text::SkipValue(text, begin) - begin), out);
    return true;
  });
  MILL_RETURN(failure);
  return result;
}

// Everything beyond ASCII is escaped, as are quotes, slashes and control characters.
// A character that does not stand in quotes as it is.
void AppendQuoted(char32_t c, std::string* out) {
  constexpr View kSpecial = "\"\\/\b\f\n\r\t", kLetters = "\"\\/bfnrt";
  const size_t special = c < 128 ? kSpecial.find(static_cast<char>(c)) : View::npos;
  if (special != View::npos) {
    out->push_back('\\');
    out->push_back(kLetters[special]);
  } else if (c > 0xFFFF) {
    out->append(fmt::format("\\u{:04x}\\u{:04x}",
                            static_cast<uint32_t>(0xD800 + ((c - 0x10000) >> 10)),
                            static_cast<uint32_t>(0xDC00 + ((c - 0x10000) & 0x3FF))));
  } else {
    out->append(fmt::format("\\u{:04x}", static_cast<uint32_t>(c)));
  }
}

bool StandsInQuotes(char c) { return c >= ' ' && c < 127 && c != '"' && c != '\\' && c != '/'; }

void Quote(View text, std::string* out) {
  out->push_back('"');
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    while (at < text.size() && StandsInQuotes(text[at])) ++at;
    out->append(text, begin, at - begin);
    if (at < text.size()) AppendQuoted(ReadChar(text, &at), out);
  }
  out->push_back('"');
}

void Unquote(View text, std::string* out) {
  const bool quoted = text.size() > 1 && text.front() == '"' && text.back() == '"';
  if (!quoted || !AppendUnescaped(text.substr(1, text.size() - 2), out)) out->append(text);
}

}  // namespace

void RegisterJsonMake(FunctionRegistry& registry) {
  registry.Add({.name = "JSON_STRING", .signature = "JSON_STRING(any) -> STRING",
                .doc = "A value as JSON; NULL for NULL.",
                .examples = {{"JSON_STRING(ARRAY[1, 2])", "[1,2]"}, {"JSON_STRING('a')", "\"a\""}},
                .bind = BindJsonString, .eval = EvalJsonString});
  registry.Add(
      {.name = "JSON_OBJECT",
       .signature = "JSON_OBJECT([KEY] name VALUE any, ... [NULL | ABSENT ON NULL]) -> STRING",
       .doc = "A JSON object; NULLs become null unless they are to be absent.",
       .examples = {{"JSON_OBJECT(KEY 'a' VALUE 1, KEY 'b' VALUE 'x')", "{\"a\":1,\"b\":\"x\"}"}},
       .bind = BindObject,
       .eval = EvalObject,
       .may_fail = true});
  registry.Add({.name = "JSON_ARRAY",
                .signature = "JSON_ARRAY(any, ... [NULL | ABSENT ON NULL]) -> STRING",
                .doc = "A JSON array; NULLs are left out unless NULL ON NULL is given.",
                .examples = {{"JSON_ARRAY(1, 'x', TRUE)", "[1,\"x\",true]"}},
                .bind = BindArray,
                .eval = EvalArray,
                .may_fail = true});
  registry.Add({.name = "JSON", .signature = "JSON(STRING) -> JSON text",
                .doc = "Within JSON_OBJECT and JSON_ARRAY: a text that is JSON already.",
                .examples = {{"JSON_ARRAY(JSON('{\"b\": 1}'))", "[{\"b\":1}]"}},
                .bind = [](const auto& args) -> Result<Binding> {
                  MILL_ASSIGN(Binding binding, Fixed({kString}, kString)(args));
                  binding.type.nullable = true;  // for blank text
                  return binding;
                },
                .eval = EvalJson, .may_fail = true});
  registry.Add({.name = "JSON_QUOTE", .signature = "JSON_QUOTE(STRING) -> STRING",
                .doc = "The text in quotes, with JSON's escapes.",
                .examples = {{"JSON_QUOTE('a\"b')", "\"a\\\"b\""}},
                .bind = Fixed({kString}, kString), .eval = PerRow<Text(View)>(Quote)});
  registry.Add({.name = "JSON_UNQUOTE", .signature = "JSON_UNQUOTE(STRING) -> STRING",
                .doc = "The text that a JSON string stands for; other text stays as it is.",
                .examples = {{"JSON_UNQUOTE('\"abc\"')", "abc"}},
                .bind = Fixed({kString}, kString), .eval = PerRow<Text(View)>(Unquote)});
}

}  // namespace millrace
