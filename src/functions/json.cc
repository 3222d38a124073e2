// JSON_VALUE, JSON_QUERY, JSON_EXISTS, IS JSON over text columns. What to do on an empty result or
// an error
// stands in extra arguments that the binder makes of the clauses (plan/bind_json.cc):
//
//   JSON_VALUE(text, path, default on empty, default on error, on empty, on error): both defaults
// have
//     the wanted type
//   JSON_QUERY(text, path, NULL of the wanted type, wrapper, on empty, on error)
//   JSON_EXISTS(text, path, on error)
#include <arrow/array/concatenate.h>
#include <arrow/builder.h>

#include <span>

#include "functions/bind.h"
#include "functions/families.h"
#include "functions/json_path.h"
#include "functions/json_text.h"
#include "functions/json_valid.h"
#include "functions/lists.h"

namespace millrace {
namespace {

using View = std::string_view;

const SqlType kString = SqlType::String();

enum class Behavior { kNull, kError, kDefault, kEmptyArray, kEmptyObject, kTrue, kFalse };

Behavior BehaviorOf(const Call& call, size_t arg) {
  if (arg >= call.args.size()) return Behavior::kNull;
  const std::string name = call.args[arg].scalar()->ToString();
  if (name == "ERROR") return Behavior::kError;
  if (name == "DEFAULT") return Behavior::kDefault;
  if (name == "EMPTY ARRAY") return Behavior::kEmptyArray;
  if (name == "EMPTY OBJECT") return Behavior::kEmptyObject;
  if (name == "TRUE") return Behavior::kTrue;
  return name == "FALSE" ? Behavior::kFalse : Behavior::kNull;
}

// What a path leads to in a document.
enum class Outcome { kValue, kEmpty, kError };

// The same memory, not only the same text.
bool IsSame(View a, View b) {
  return a.data() != nullptr && a.data() == b.data() && a.size() == b.size();
}

// Looks values up; one per evaluation.
class JsonReader {
 public:
  Status SetPath(View path) {
    // A constant is the same memory for all rows.
    if (IsSame(path, seen_)) return Status::OK();
    if (!path_ || path != path_text_) {
      seen_ = {};
      MILL_ASSIGN(path_, JsonPath::Parse(path));
      path_text_ = path;
    }
    seen_ = path;
    return Status::OK();
  }
  const JsonPath& path() const { return *path_; }

  // A definite path's value. JSON's null is empty, what is missing an error unless the path is lax.
  Outcome Find(View document, View* value) {
    std::optional<View> found;
    if (!path_->FindIn(document, &found) || !found) return Missing();
    *value = *found;
    return JsonKindOf(*found) == JsonKind::kNull ? Outcome::kEmpty : Outcome::kValue;
  }
  Outcome FindAll(View document, std::vector<View>* values) {
    const bool found = IsValidJson(document) && path_->FindAll(document, values);
    return found ? Outcome::kValue : Missing();
  }
  bool IsValid(View document) { return IsValidJson(document); }

 private:
  Outcome Missing() const { return path_->lax() ? Outcome::kEmpty : Outcome::kError; }

  std::optional<JsonPath> path_;
  std::string path_text_;
  View seen_;
};

bool IsContainer(View value) {
  const JsonKind kind = JsonKindOf(value);
  return kind == JsonKind::kArray || kind == JsonKind::kObject;
}

// A scalar as SQL text.
void AppendScalar(View value, std::string* out) {
  switch (JsonKindOf(value)) {
    case JsonKind::kString: AppendUnescaped(value.substr(1, value.size() - 2), out); return;
    case JsonKind::kNumber: AppendJsonNumber(value, out); return;
    default: out->append(value);
  }
}

Status NothingFound(const char* function, View path) {
  return UserError("{} found nothing at '{}', and ERROR is wanted then", function, path);
}

// ---- JSON_VALUE ----

Outcome ScalarAt(JsonReader* reader, View text, std::string* out) {
  View value;
  if (!reader->path().definite()) return reader->path().lax() ? Outcome::kEmpty : Outcome::kError;
  const Outcome outcome = reader->Find(text, &value);
  if (outcome != Outcome::kValue) return outcome;
  if (IsContainer(value)) return reader->path().lax() ? Outcome::kEmpty : Outcome::kError;
  AppendScalar(value, out);
  return outcome;
}

// The plain form: text, NULL where there is none.
Result<arrow::Datum> EvalPlainValue(const Call& call) {
  JsonReader reader;
  Status failure;
  auto result =
      RunPerRow<Text(View, View)>(call, [&](View text, View path, std::string* out) -> bool {
        if (const Status status = reader.SetPath(path); !status.ok()) failure = status;
        return failure.ok() && ScalarAt(&reader, text, out) == Outcome::kValue;
      });
  MILL_RETURN(failure);
  return result;
}

// Which of three columns each row's value comes from: 0 the value, 1 and 2 the defaults.
struct Choices {
  arrow::StringBuilder texts;
  std::vector<int8_t> from;
};

Status ReadChoices(const Call& call, const Operands& operands, Choices* choices) {
  JsonReader reader;
  std::string text;
  const Reader<View> documents(operands.items[0]), paths(operands.items[1]);
  const Behavior on_empty = BehaviorOf(call, 4), on_error = BehaviorOf(call, 5);
  for (int64_t row = 0; row < operands.rows; ++row) {
    int8_t from = 0;
    text.clear();
    bool valid = !operands.items[0].IsNull(row) && !operands.items[1].IsNull(row);
    if (valid) {
      MILL_RETURN(reader.SetPath(paths[row]));
      const Outcome outcome = ScalarAt(&reader, documents[row], &text);
      valid = outcome == Outcome::kValue;
      const Behavior behavior = outcome == Outcome::kEmpty ? on_empty : on_error;
      if (!valid && behavior == Behavior::kError) return NothingFound("JSON_VALUE", paths[row]);
      if (!valid && behavior == Behavior::kDefault) from = outcome == Outcome::kEmpty ? 1 : 2;
    }
    choices->from.push_back(from);
    MILL_RETURN(valid ? choices->texts.Append(text) : choices->texts.AppendNull());
  }
  return Status::OK();
}

// A found text that is no value of the wanted type is an error like the others.
Status CheckConverted(const Call& call, const arrow::Array& texts, const arrow::Array& values,
                      std::vector<int8_t>* from) {
  const Behavior behavior = BehaviorOf(call, 5);
  for (int64_t i = 0; i < texts.length(); ++i) {
    if (texts.IsNull(i) || values.IsValid(i)) continue;
    if (behavior == Behavior::kError) {
      return UserError("JSON_VALUE found '{}', which is no {}",
                       static_cast<const arrow::StringArray&>(texts).GetView(i),
                       call.type.Nullable().ToString());
    }
    if (behavior == Behavior::kDefault) (*from)[static_cast<size_t>(i)] = 2;
  }
  return Status::OK();
}

Result<arrow::Datum> EvalValue(const Call& call) {
  if (call.args.size() == 2) return EvalPlainValue(call);
  MILL_ASSIGN(Operands operands, MakeOperands(call.args, call.rows));
  Choices choices;
  MILL_RETURN(ReadChoices(call, operands, &choices));
  MILL_ASSIGN(ArrayPtr texts, choices.texts.Finish());
  MILL_ASSIGN(arrow::Datum converted,
              CastDatum(arrow::Datum(texts), kString, call.type, call.context, /*try_cast=*/true));
  const ArrayPtr values = converted.make_array();
  MILL_RETURN(CheckConverted(call, *texts, *values, &choices.from));
  const ArrayPtr on_empty = arrow::MakeArray(operands.items[2].data);
  const ArrayPtr on_error = arrow::MakeArray(operands.items[3].data);
  MILL_ASSIGN(ArrayPtr all, arrow::Concatenate({values, on_empty, on_error}));
  std::vector<int32_t> positions;
  for (int64_t row = 0; row < operands.rows; ++row) {
    const int8_t from = choices.from[static_cast<size_t>(row)];
    int64_t at = from == 0 ? row : values->length() + operands.items[2].At(row);
    if (from == 2) at = values->length() + on_empty->length() + operands.items[3].At(row);
    positions.push_back(static_cast<int32_t>(at));
  }
  MILL_ASSIGN(ArrayPtr chosen, TakeAt(all, positions));
  return ArrayOrScalar(chosen, operands.scalar);
}

// ---- JSON_QUERY ----

enum class Wrapper { kNone, kAlways, kUnlessArray };

Wrapper WrapperOf(const Call& call) {
  if (call.args.size() < 4) return Wrapper::kNone;
  const std::string name = call.args[3].scalar()->ToString();
  if (name.starts_with("WITHOUT")) return Wrapper::kNone;
  return name.find("CONDITIONAL") == 5 ? Wrapper::kUnlessArray : Wrapper::kAlways;
}

// The array or object that a query finds, as canonical JSON.
Outcome QueryAt(JsonReader* reader, View text, Wrapper wrapper, std::string* out) {
  std::vector<View> found;
  View one;
  const bool many = !reader->path().definite();
  const Outcome outcome = many ? reader->FindAll(text, &found) : reader->Find(text, &one);
  if (outcome != Outcome::kValue) return outcome;
  const std::span<const View> values = many ? std::span<const View>(found) : std::span(&one, 1);
  const bool is_array = many || JsonKindOf(values[0]) == JsonKind::kArray;
  const bool wraps = wrapper == Wrapper::kAlways || (wrapper == Wrapper::kUnlessArray && !is_array);
  if (!wraps && !many && !IsContainer(values[0])) {
    return reader->path().lax() ? Outcome::kEmpty : Outcome::kError;
  }
  if (wraps) out->push_back('[');
  if (many) out->push_back('[');
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out->push_back(',');
    AppendCanonicalJson(values[i], out);
  }
  if (many) out->push_back(']');
  if (wraps) out->push_back(']');
  return outcome;
}

// Replaces an empty or failed result; false for NULL.
Result<bool> Substitute(Behavior behavior, View path, std::string* out) {
  if (behavior == Behavior::kError) return NothingFound("JSON_QUERY", path);
  if (behavior == Behavior::kEmptyArray) out->append("[]");
  if (behavior == Behavior::kEmptyObject) out->append("{}");
  return behavior != Behavior::kNull;
}

class QueryEvaluation {
 public:
  explicit QueryEvaluation(const Call& call)
      : wrapper_(WrapperOf(call)), on_empty_(BehaviorOf(call, 4)), on_error_(BehaviorOf(call, 5)) {}

  // Appends a row's result; false for NULL.
  Result<bool> Run(View text, View path, bool wants_array, std::string* out) {
    MILL_RETURN(reader_.SetPath(path));
    const size_t begin = out->size();
    Outcome outcome = QueryAt(&reader_, text, wrapper_, out);
    if (outcome == Outcome::kValue && wants_array && (*out)[begin] != '[') {
      out->resize(begin);
      outcome = Outcome::kError;
    }
    if (outcome == Outcome::kValue) return true;
    return Substitute(outcome == Outcome::kEmpty ? on_empty_ : on_error_, path, out);
  }

 private:
  JsonReader reader_;
  Wrapper wrapper_;
  Behavior on_empty_, on_error_;
};

Result<arrow::Datum> QueryText(const Call& call) {
  QueryEvaluation query(call);
  const std::vector<arrow::Datum> args = {call.args[0], call.args[1]};
  Status failure;
  auto result = RunPerRow<Text(View, View)>(
      Call{args, call.arg_types, call.type, call.rows, call.context},
      [&](View text, View path, std::string* out) -> bool {
        const Result<bool> found = query.Run(text, path, false, out);
        if (!found.ok()) failure = found.status();
        return found.ok() && *found;
      });
  MILL_RETURN(failure);
  return result;
}

Status AddElements(View array, TextListBuilder* lists) {
  Status failure;
  std::string text;
  ForEachElement(array, [&](View element) {
    text.clear();
    const bool null = JsonKindOf(element) == JsonKind::kNull;
    if (IsContainer(element)) text = element;
    else AppendScalar(element, &text);
    failure = null ? lists->AddNull() : lists->Add(text);
    return failure.ok();
  });
  return failure;
}

Result<arrow::Datum> QueryArray(const Call& call) {
  QueryEvaluation query(call);
  MILL_ASSIGN(Operands operands, MakeOperands({call.args[0], call.args[1]}, call.rows));
  const Reader<View> documents(operands.items[0]), paths(operands.items[1]);
  TextListBuilder lists;
  std::string found;
  for (int64_t row = 0; row < operands.rows; ++row) {
    found.clear();
    bool valid = !operands.items[0].IsNull(row) && !operands.items[1].IsNull(row);
    if (valid) {
      MILL_ASSIGN(valid, query.Run(documents[row], paths[row], true, &found));
    }
    if (valid) {
      MILL_RETURN(AddElements(found, &lists));
      lists.EndRow();
    } else {
      lists.EndNull();
    }
  }
  return lists.Finish(call.type, operands.scalar);
}

// ---- JSON_EXISTS, IS JSON ----

Result<arrow::Datum> EvalExists(const Call& call) {
  JsonReader reader;
  const Behavior on_error = call.args.size() > 2 ? BehaviorOf(call, 2) : Behavior::kFalse;
  const std::vector<arrow::Datum> args = {call.args[0], call.args[1]};
  using Answer = Result<std::optional<bool>>;
  return RunPerRow<bool(View, View)>(
      Call{args, call.arg_types, call.type, call.rows, call.context},
      [&](View text, View path) -> Answer {
        MILL_RETURN(reader.SetPath(path));
        View value;
        std::vector<View> values;
        const Outcome outcome = reader.path().definite() ? reader.Find(text, &value)
                                                         : reader.FindAll(text, &values);
        if (outcome != Outcome::kError) return std::optional(outcome == Outcome::kValue);
        if (on_error == Behavior::kError) return NothingFound("JSON_EXISTS", path);
        if (on_error == Behavior::kNull) return std::optional<bool>();
        return std::optional(on_error == Behavior::kTrue);
      });
}

enum class JsonShape { kAny, kObject, kArray, kScalar };

bool HasShape(View text, JsonShape shape) {
  const JsonKind kind = JsonKindOf(text.substr(json_text::SkipBlank(text, 0)));
  switch (shape) {
    case JsonShape::kAny: return true;
    case JsonShape::kObject: return kind == JsonKind::kObject;
    case JsonShape::kArray: return kind == JsonKind::kArray;
    case JsonShape::kScalar: return kind != JsonKind::kObject && kind != JsonKind::kArray;
  }
  return false;
}

// NULL is no JSON: the answer is never NULL.
Result<arrow::Datum> EvalIsJson(const Call& call, JsonShape shape, bool negated) {
  MILL_ASSIGN(Operands operands, MakeOperands(call.args, call.rows));
  MILL_ASSIGN(auto writer, Writer<bool>::Make(operands.rows));
  const Reader<View> texts(operands.items[0]);
  for (int64_t row = 0; row < operands.rows; ++row) {
    const bool is = !operands.items[0].IsNull(row) && IsValidJson(texts[row]) &&
                    HasShape(texts[row], shape);
    writer.Set(row, is != negated);
  }
  MILL_ASSIGN(auto buffers, writer.Finish());
  return AsDatum(arrow::ArrayData::Make(arrow::boolean(), operands.rows, std::move(buffers), 0),
                 operands.scalar);
}

void AddIsJson(FunctionRegistry& registry, const char* suffix, JsonShape shape) {
  for (const bool negated : {false, true}) {
    const std::string name = fmt::format("IS {}JSON{}", negated ? "NOT " : "", suffix);
    registry.Add({.name = name, .signature = fmt::format("STRING {} -> BOOLEAN", name),
                  .doc = "Whether a text is JSON of that shape; NULL is not.",
                  .examples = {{fmt::format("'nothing' {}", name), negated ? "TRUE" : "FALSE"}},
                  .bind = Fixed({kString}, SqlType::Boolean().NotNull()),
                  .eval = [=](const Call& call) { return EvalIsJson(call, shape, negated); }});
  }
}

// ---- binding ----

// text, path and the extra arguments, of which `wanted` gives the result's type.
Result<Binding> BindLookup(const std::vector<SqlType>& args, size_t wanted) {
  if (args.size() < 2) return ArgumentCountError(args.size(), "2");
  std::vector<SqlType> types = args;
  for (size_t i = 0; i < 2; ++i) {
    MILL_ASSIGN(types[i], MatchParameter(i, args[i], kString));
  }
  SqlType type = args.size() > wanted ? args[wanted].Nullable() : kString;
  return Binding{std::move(types), std::move(type)};
}

Result<Binding> BindExists(const std::vector<SqlType>& args) {
  MILL_ASSIGN(Binding binding, BindLookup(args, args.size()));
  binding.type = SqlType::Boolean();
  return binding;
}

}  // namespace

void RegisterJson(FunctionRegistry& registry) {
  registry.Add(
      {.name = "JSON_VALUE",
       .signature = "JSON_VALUE(STRING, path [RETURNING type] [NULL | ERROR | DEFAULT x ON "
                    "EMPTY] [NULL | ERROR | DEFAULT x ON ERROR]) -> STRING or type",
       .doc = "The scalar that a path leads to; NULL if there is none. A 'lax' path that "
              "leads nowhere is empty, any other an error.",
       .examples = {{"JSON_VALUE('{\"a\": {\"b\": [1, 2]}}', '$.a.b[1]')", "2"},
                    {"JSON_VALUE('{\"a\": 1}', 'lax $.b' RETURNING INT DEFAULT 7 ON EMPTY)", "7"}},
       .bind = [](const auto& args) { return BindLookup(args, 2); },
       .eval = EvalValue,
       .may_fail = true});
  registry.Add(
      {.name = "JSON_QUERY",
       .signature = "JSON_QUERY(STRING, path [RETURNING ARRAY<STRING>] [WITHOUT | WITH "
                    "[CONDITIONAL] WRAPPER] [NULL | ERROR | EMPTY ARRAY | EMPTY OBJECT ON "
                    "EMPTY] [... ON ERROR]) -> STRING",
       .doc = "The object or array that a path leads to; NULL if there is none.",
       .examples = {{"JSON_QUERY('{\"a\": {\"b\": 1}}', '$.a')", "{\"b\":1}"},
                    {"JSON_QUERY('{\"a\": 5}', '$.a' WITH WRAPPER)", "[5]"},
                    {"JSON_QUERY('{\"a\": [{\"b\": 1}, {\"b\": 2}]}', '$.a[*].b')", "[1,2]"}},
       .bind = [](const auto& args) { return BindLookup(args, 2); },
       .eval =
           [](const Call& call) {
             return call.type.kind == TypeKind::kArray ? QueryArray(call) : QueryText(call);
           },
       .may_fail = true});
  registry.Add({.name = "JSON_EXISTS",
                .signature =
                    "JSON_EXISTS(STRING, path [TRUE | FALSE | UNKNOWN | ERROR ON ERROR]) -> "
                    "BOOLEAN",
                .doc = "Whether a path leads anywhere.",
                .examples = {{"JSON_EXISTS('{\"a\": 1}', '$.b')", "FALSE"}},
                .bind = BindExists,
                .eval = EvalExists,
                .may_fail = true});
  AddIsJson(registry, "", JsonShape::kAny);
  AddIsJson(registry, " VALUE", JsonShape::kAny);
  AddIsJson(registry, " OBJECT", JsonShape::kObject);
  AddIsJson(registry, " ARRAY", JsonShape::kArray);
  AddIsJson(registry, " SCALAR", JsonShape::kScalar);
}

}  // namespace millrace
