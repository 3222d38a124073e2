// LIKE, SIMILAR TO and the REGEXP functions. Patterns that are constants are compiled once.
#include "functions/bind.h"
#include "functions/families.h"
#include "functions/like.h"
#include "functions/per_row.h"
#include "functions/regex.h"

namespace millrace {
namespace {

using View = std::string_view;

const SqlType kString = SqlType::String();

// Remembers what was made from the last pattern: for a constant that is all of them.
template <typename Made>
class LastPattern {
 public:
  template <typename Make>
  Result<Made*> Get(View pattern, View escape, Make make) {
    if (!made_ || pattern != pattern_ || escape != escape_) {
      MILL_ASSIGN(made_, make(pattern, escape));
      pattern_ = pattern;
      escape_ = escape;
    }
    return &*made_;
  }

 private:
  std::optional<Made> made_;
  std::string pattern_, escape_;
};

// One pattern for all rows: no look-up per row.
Result<arrow::Datum> LikeConstant(const Call& call, const LikePattern& pattern, bool negated) {
  const std::vector<arrow::Datum> value = {call.args[0]};
  const Call one{value, call.arg_types, call.type, call.rows, call.context};
  return RunPerRow<bool(View)>(one, [&](View text) { return pattern.Matches(text) != negated; });
}

bool IsValidScalar(const arrow::Datum& value) { return value.is_scalar() && value.scalar()->is_valid; }

View ScalarText(const arrow::Datum& value) {
  return static_cast<const arrow::BaseBinaryScalar&>(*value.scalar()).view();
}

Result<arrow::Datum> EvalLike(const Call& call, bool negated) {
  const bool has_escape = call.args.size() == 3;
  if (IsValidScalar(call.args[1]) && (!has_escape || IsValidScalar(call.args[2]))) {
    MILL_ASSIGN(LikePattern pattern, LikePattern::Make(ScalarText(call.args[1]),
                                                       has_escape ? ScalarText(call.args[2]) : View()));
    return LikeConstant(call, pattern, negated);
  }
  LastPattern<LikePattern> last;
  const auto matches = [&](View text, View pattern, View escape) -> Result<bool> {
    MILL_ASSIGN(LikePattern* like, last.Get(pattern, escape, LikePattern::Make));
    return like->Matches(text) != negated;
  };
  if (has_escape) return RunPerRow<bool(View, View, View)>(call, matches);
  return RunPerRow<bool(View, View)>(
      call, [&](View text, View pattern) { return matches(text, pattern, View()); });
}

Result<arrow::Datum> EvalSimilar(const Call& call, bool negated) {
  LastPattern<std::shared_ptr<Regex>> last;
  const auto make = [](View pattern, View escape) {
    return Regex::Get(RegexOfSimilar(pattern, escape));
  };
  const auto matches = [&](View text, View pattern, View escape) -> Result<bool> {
    MILL_ASSIGN(auto* regex, last.Get(pattern, escape, make));
    MILL_ASSIGN(bool found, (*regex)->Find(text));
    return found != negated;
  };
  if (call.args.size() == 3) return RunPerRow<bool(View, View, View)>(call, matches);
  return RunPerRow<bool(View, View)>(
      call, [&](View text, View pattern) { return matches(text, pattern, View()); });
}

// The regular expressions of one evaluation.
class RegexSource {
 public:
  Result<Regex*> Get(View pattern) {
    MILL_ASSIGN(auto* regex, last_.Get(pattern, View(), [](View text, View) { return Regex::Get(text); }));
    return regex->get();
  }

 private:
  LastPattern<std::shared_ptr<Regex>> last_;
};

Result<arrow::Datum> EvalRegexp(const Call& call) {
  RegexSource source;
  return RunPerRow<bool(View, View)>(call, [&](View text, View pattern) -> Result<bool> {
    MILL_ASSIGN(Regex* regex, source.Get(pattern));
    return regex->Find(text);
  });
}

Result<arrow::Datum> EvalExtract(const Call& call) {
  RegexSource source;
  MILL_ASSIGN(Operands operands, MakeOperands(call.args, call.rows));
  std::vector<arrow::Datum> args = call.args;
  if (args.size() == 2) args.emplace_back(int32_t{0});
  const Call full{args, call.arg_types, call.type, call.rows, call.context};
  // Text writers know void, bool and Status; the match decides between NULL and an error here.
  Status failure;
  auto result = RunPerRow<Text(View, View, int32_t)>(
      full, [&](View text, View pattern, int32_t group, std::string* out) -> bool {
        auto regex = source.Get(pattern);
        auto found = regex.ok() ? (*regex)->Find(text) : Result<bool>(regex.status());
        if (!found.ok()) failure = found.status();
        if (!found.ok() || !*found || group < 0 || !(*regex)->HasGroup(group)) return false;
        const size_t begin = (*regex)->GroupBegin(group);
        out->append(text.substr(begin, (*regex)->GroupEnd(group) - begin));
        return true;
      });
  MILL_RETURN(failure);
  return result;
}

// Java's replacement text: $1 is a group, a backslash takes the next character's meaning.
void AppendReplacement(const Regex& regex, View text, View replacement, std::string* out) {
  for (size_t i = 0; i < replacement.size(); ++i) {
    const char c = replacement[i];
    const char next = i + 1 < replacement.size() ? replacement[i + 1] : '\0';
    if (c == '\\' && next != '\0') {
      out->push_back(replacement[++i]);
    } else if (c == '$' && next >= '0' && next <= '9') {
      const int group = next - '0';
      ++i;
      if (!regex.HasGroup(group)) continue;
      const size_t begin = regex.GroupBegin(group);
      out->append(text.substr(begin, regex.GroupEnd(group) - begin));
    } else {
      out->push_back(c);
    }
  }
}

Status ReplaceAll(Regex* regex, View text, View replacement, std::string* out) {
  size_t copied = 0, at = 0;
  while (at <= text.size()) {
    MILL_ASSIGN(bool found, regex->Find(text, at));
    if (!found) break;
    const size_t begin = regex->GroupBegin(0), end = regex->GroupEnd(0);
    out->append(text.substr(copied, begin - copied));
    AppendReplacement(*regex, text, replacement, out);
    copied = end;
    at = end > begin ? end : end + 1;  // an empty match must not be found again
  }
  out->append(text.substr(std::min(copied, text.size())));
  return Status::OK();
}

Result<arrow::Datum> EvalReplace(const Call& call) {
  RegexSource source;
  return RunPerRow<Text(View, View, View)>(
      call, [&](View text, View pattern, View replacement, std::string* out) -> Status {
        MILL_ASSIGN(Regex* regex, source.Get(pattern));
        return ReplaceAll(regex, text, replacement, out);
      });
}

void AddMatch(FunctionRegistry& registry, const char* name, bool negated, const char* doc,
              Result<arrow::Datum> (*eval)(const Call&, bool), Example example) {
  registry.Add({.name = name, .signature = fmt::format("STRING {} STRING [ESCAPE c] -> BOOLEAN", name),
                .doc = doc, .examples = {std::move(example)},
                .bind = Fixed({kString, kString, kString}, SqlType::Boolean(), 1),
                .eval = [=](const Call& call) { return eval(call, negated); }});
}

}  // namespace

void RegisterPattern(FunctionRegistry& registry) {
  AddMatch(registry, "LIKE", false, "Matches a pattern: % is any text, _ any character.", EvalLike,
           {"'hello' LIKE 'h%o'", "TRUE"});
  AddMatch(registry, "NOT LIKE", true, "Does not match the pattern.", EvalLike,
           {"'hello' NOT LIKE '%x%'", "TRUE"});
  AddMatch(registry, "SIMILAR TO", false, "Matches an SQL regular expression.", EvalSimilar,
           {"'abc' SIMILAR TO '(a|b)%'", "TRUE"});
  AddMatch(registry, "NOT SIMILAR TO", true, "Does not match the SQL regular expression.", EvalSimilar,
           {"'abc' NOT SIMILAR TO 'a_'", "TRUE"});
  registry.Add({.name = "REGEXP", .signature = "REGEXP(STRING, regex) -> BOOLEAN",
                .doc = "Whether a part of the text matches a regular expression.",
                .examples = {{"REGEXP('hello', 'l+')", "TRUE"}},
                .bind = Fixed({kString, kString}, SqlType::Boolean()), .eval = EvalRegexp,
                .may_fail = true});
  registry.Add({.name = "REGEXP_EXTRACT", .signature = "REGEXP_EXTRACT(STRING, regex [, group]) -> STRING",
                .doc = "A group of the first match (0, the default: all of it), NULL without a match.",
                .examples = {{"REGEXP_EXTRACT('k=v', '(.)=(.)', 2)", "v"}},
                .bind = Fixed({kString, kString, SqlType::Int()}, kString, 1), .eval = EvalExtract,
                .may_fail = true});
  registry.Add({.name = "REGEXP_REPLACE", .signature = "REGEXP_REPLACE(STRING, regex, replacement) -> STRING",
                .doc = "With every match replaced; $1 stands for a group.",
                .examples = {{"REGEXP_REPLACE('a1b22', '[0-9]+', '#')", "a#b#"}},
                .bind = Fixed({kString, kString, kString}, kString), .eval = EvalReplace,
                .may_fail = true});
}

}  // namespace millrace
