// LIKE and SIMILAR TO. Patterns that are constants are compiled once.
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
}

}  // namespace millrace
