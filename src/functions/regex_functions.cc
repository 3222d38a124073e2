// REGEXP and REGEXP_*: Java's regular expressions over text. A pattern that is none gives NULL, as
// in Flink
// (FALSE for REGEXP); a pattern that takes too long on a text is an error.
#include "functions/bind.h"
#include "functions/families.h"
#include "functions/lists.h"
#include "functions/regex.h"
#include "functions/utf8.h"

namespace millrace {
namespace {

using View = std::string_view;

const SqlType kString = SqlType::String();
const SqlType kInt = SqlType::Int();

// The same memory, not only the same text.
bool IsSame(View a, View b) {
  return a.data() != nullptr && a.data() == b.data() && a.size() == b.size();
}

// The regular expressions of one evaluation: the last one is kept, for a constant that is all of
// them.
class RegexSource {
 public:
  // Null if the pattern is no regular expression.
  Regex* Get(View pattern) {
    // A constant is the same memory for all rows.
    if (IsSame(pattern, seen_)) return regex_.get();
    seen_ = pattern;
    if (known_ && pattern == pattern_) return regex_.get();
    const auto regex = Regex::Get(pattern);
    regex_ = regex.ok() ? *regex : nullptr;
    pattern_ = pattern;
    known_ = true;
    return regex_.get();
  }

 private:
  std::shared_ptr<Regex> regex_;
  std::string pattern_;
  View seen_;
  bool known_ = false;
};

// Calls visit(begin, end) for the matches one after the other until it answers false.
template <typename Visit>
Status ForEachMatch(Regex* regex, View text, Visit visit) {
  for (size_t at = 0; at <= text.size();) {
    MILL_ASSIGN(const bool found, regex->Find(text, at));
    if (!found) return Status::OK();
    const size_t begin = regex->GroupBegin(0), end = regex->GroupEnd(0);
    if (!visit(begin, end)) return Status::OK();
    at = end;
    if (end > begin) continue;
    // An empty match must not be found again: go on behind the next character.
    ++at;
    while (at < text.size() && IsContinuationByte(text[at])) ++at;
  }
  return Status::OK();
}

Result<arrow::Datum> EvalRegexp(const Call& call) {
  RegexSource source;
  return RunPerRow<bool(View, View)>(call, [&](View text, View pattern) -> Result<bool> {
    Regex* regex = pattern.empty() ? nullptr : source.Get(pattern);
    return regex == nullptr ? Result<bool>(false) : regex->Find(text);
  });
}

// Runs append(regex, text, out), which answers whether there is a result, for rows with a valid
// pattern.
template <typename Append>
Result<arrow::Datum> MapText(const Call& call, Append append) {
  RegexSource source;
  Status failure;
  auto result =
      RunPerRow<Text(View, View)>(call, [&](View text, View pattern, std::string* out) -> bool {
        Regex* regex = source.Get(pattern);
        const Result<bool> found =
            regex == nullptr ? Result<bool>(false) : append(regex, text, out);
        if (!found.ok()) failure = found.status();
        return found.ok() && *found;
      });
  MILL_RETURN(failure);
  return result;
}

void AppendGroup(const Regex& regex, View text, int group, std::string* out) {
  const size_t begin = regex.GroupBegin(group);
  out->append(text.substr(begin, regex.GroupEnd(group) - begin));
}

Result<arrow::Datum> EvalSubstr(const Call& call) {
  return MapText(call, [](Regex* regex, View text, std::string* out) -> Result<bool> {
    MILL_ASSIGN(const bool found, regex->Find(text));
    if (found) AppendGroup(*regex, text, 0, out);
    return found;
  });
}

Result<arrow::Datum> EvalExtract(const Call& call) {
  if (call.args.size() == 2) return EvalSubstr(call);
  RegexSource source;
  Status failure;
  auto result = RunPerRow<Text(View, View, int32_t)>(
      call, [&](View text, View pattern, int32_t group, std::string* out) -> bool {
        Regex* regex = source.Get(pattern);
        const Result<bool> found = regex == nullptr ? Result<bool>(false) : regex->Find(text);
        if (!found.ok()) failure = found.status();
        if (!found.ok() || !*found || group < 0 || !regex->HasGroup(group)) return false;
        AppendGroup(*regex, text, group, out);
        return true;
      });
  MILL_RETURN(failure);
  return result;
}

// The replacement is plain text: Flink quotes Java's $1 and backslashes.
Status ReplaceAll(Regex* regex, View text, View replacement, std::string* out) {
  size_t copied = 0;
  MILL_RETURN(ForEachMatch(regex, text, [&](size_t begin, size_t end) {
    out->append(text.substr(copied, begin - copied)).append(replacement);
    copied = end;
    return true;
  }));
  out->append(text.substr(copied));
  return Status::OK();
}

Result<arrow::Datum> EvalReplace(const Call& call) {
  RegexSource source;
  Status failure;
  auto result = RunPerRow<Text(View, View, View)>(
      call, [&](View text, View pattern, View replacement, std::string* out) -> bool {
        Regex* regex = source.Get(pattern);
        if (regex == nullptr) return false;
        const Status status = ReplaceAll(regex, text, replacement, out);
        if (!status.ok()) failure = status;
        return status.ok();
      });
  MILL_RETURN(failure);
  return result;
}

// Runs count(regex, text) for rows with a valid pattern.
template <typename Count>
Result<arrow::Datum> MapCount(const Call& call, Count count) {
  RegexSource source;
  using Answer = Result<std::optional<int32_t>>;
  return RunPerRow<int32_t(View, View)>(call, [&](View text, View pattern) -> Answer {
    Regex* regex = source.Get(pattern);
    if (regex == nullptr) return std::optional<int32_t>();
    MILL_ASSIGN(const int32_t counted, count(regex, text));
    return std::optional(counted);
  });
}

Result<arrow::Datum> EvalCount(const Call& call) {
  return MapCount(call, [](Regex* regex, View text) -> Result<int32_t> {
    int32_t count = 0;
    MILL_RETURN(ForEachMatch(regex, text, [&](size_t, size_t) { return ++count > 0; }));
    return count;
  });
}

Result<arrow::Datum> EvalInstr(const Call& call) {
  return MapCount(call, [](Regex* regex, View text) -> Result<int32_t> {
    MILL_ASSIGN(const bool found, regex->Find(text));
    if (!found) return 0;
    return static_cast<int32_t>(CountChars(text.substr(0, regex->GroupBegin(0)))) + 1;
  });
}

// The texts of one row's matches; false if the pattern has no such group.
Result<bool> AddMatches(Regex* regex, View text, int32_t group, TextListBuilder* lists) {
  if (regex == nullptr || group < 0 || group > regex->groups()) return false;
  Status added;
  MILL_RETURN(ForEachMatch(regex, text, [&](size_t, size_t) {
    const bool has = regex->HasGroup(group);
    const size_t begin = has ? regex->GroupBegin(group) : 0;
    const size_t size = has ? regex->GroupEnd(group) - begin : 0;
    added = has ? lists->Add(text.substr(begin, size)) : lists->AddNull();
    return added.ok();
  }));
  MILL_RETURN(added);
  return true;
}

Result<arrow::Datum> EvalExtractAll(const Call& call) {
  MILL_ASSIGN(Operands operands, MakeOperands(call.args, call.rows));
  MILL_ASSIGN(Validity validity, Validity::Of(operands));
  const Reader<View> texts(operands.items[0]), patterns(operands.items[1]);
  RegexSource source;
  TextListBuilder lists;
  for (int64_t row = 0; row < operands.rows; ++row) {
    bool valid = validity.IsValid(row);
    if (valid) {
      const int32_t group = operands.items.size() > 2 ? Reader<int32_t>(operands.items[2])[row] : 1;
      MILL_ASSIGN(valid, AddMatches(source.Get(patterns[row]), texts[row], group, &lists));
    }
    valid ? lists.EndRow() : lists.EndNull();
  }
  return lists.Finish(call.type, operands.scalar);
}

// A pattern may be bad: the result may be NULL even if no argument is.
Bind Nullable(Bind bind) {
  return [bind = std::move(bind)](const std::vector<SqlType>& args) -> Result<Binding> {
    MILL_ASSIGN(Binding binding, bind(args));
    binding.type.nullable = true;
    return binding;
  };
}

void Add(FunctionRegistry& registry, const char* name, const char* signature, const char* doc,
         std::vector<Example> examples, Bind bind, Result<arrow::Datum> (*eval)(const Call&)) {
  registry.Add({.name = name, .signature = signature, .doc = doc, .examples = std::move(examples),
                .bind = std::move(bind), .eval = eval, .may_fail = true});
}

}  // namespace

void RegisterRegex(FunctionRegistry& registry) {
  Add(registry, "REGEXP", "REGEXP(STRING, regex) -> BOOLEAN",
      "Whether a part of the text matches a regular expression.",
      {{"REGEXP('hello', 'l+')", "TRUE"}},
      Fixed({kString, kString}, SqlType::Boolean()), EvalRegexp);
  Add(registry, "REGEXP_EXTRACT", "REGEXP_EXTRACT(STRING, regex [, group]) -> STRING",
      "A group of the first match (0, the default: all of it), NULL without a match.",
      {{"REGEXP_EXTRACT('k=v', '(.)=(.)', 2)", "v"}},
      Nullable(Fixed({kString, kString, kInt}, kString, 1)), EvalExtract);
  Add(registry, "REGEXP_EXTRACT_ALL",
      "REGEXP_EXTRACT_ALL(STRING, regex [, group]) -> ARRAY<STRING>",
      "A group (1, the default; 0: all) of every match.",
      {{"REGEXP_EXTRACT_ALL('1-2, 3-4', '(\\d)-(\\d)', 2)", "[2, 4]"}},
      Nullable(Fixed({kString, kString, kInt}, SqlType::Array(kString), 1)), EvalExtractAll);
  Add(registry, "REGEXP_REPLACE", "REGEXP_REPLACE(STRING, regex, replacement) -> STRING",
      "With every match replaced by a plain text.",
      {{"REGEXP_REPLACE('a1b22', '[0-9]+', '#')", "a#b#"},
       {"REGEXP_REPLACE('äö', 'x*', '-')", "-ä-ö-"}},
      Nullable(Fixed({kString, kString, kString}, kString)), EvalReplace);
  Add(registry, "REGEXP_COUNT", "REGEXP_COUNT(STRING, regex) -> INT", "Number of matches.",
      {{"REGEXP_COUNT('a.b.c', '\\.')", "2"}}, Nullable(Fixed({kString, kString}, kInt)),
      EvalCount);
  Add(registry, "REGEXP_INSTR", "REGEXP_INSTR(STRING, regex) -> INT",
      "Position of the first match, from 1; 0 without one.",
      {{"REGEXP_INSTR('hello', 'l+')", "3"}}, Nullable(Fixed({kString, kString}, kInt)), EvalInstr);
  Add(registry, "REGEXP_SUBSTR", "REGEXP_SUBSTR(STRING, regex) -> STRING",
      "The first match, NULL without one.", {{"REGEXP_SUBSTR('abc123', '\\d+')", "123"}},
      Nullable(Fixed({kString, kString}, kString)), EvalSubstr);
}

}  // namespace millrace
