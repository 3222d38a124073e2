// Runs Flink's expression cases and counts: passed, failed, not supported. Fails when fewer pass
// than the
// recorded number.
//
//   expressions_test FOLDER [--all | TEXT]   prints every case that does not pass, or those with
// TEXT
//
// Each case goes through the parser and the binder and is evaluated two ways:
//   columns    the group's input row stands three times in a batch that begins in the middle of its
//              buffers; all three results must be what is expected
//   constants  the input columns are replaced by literals, as constant folding sees them
// It passes if both give what Flink gives:
//   a typed value   equal after a cast to the type that Flink names; floating point bit by bit,
// maps in
//                   any order. The type itself must be of the same kind, precision, scale and
// members;
//                   whether it is nullable is counted apart (a looser type is no wrong answer)
//   a text          CAST(... AS STRING), NULL as "NULL"
//   an error        any error; of binding where Flink refuses the script ("validation"), of
// evaluation
//                   where the value is refused ("runtime"; an error while a constant is bound
// counts too)
// Not supported: an unknown function, syntax or type; the reasons are grouped.
#include <arrow/array/concatenate.h>
#include <arrow/array/util.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>

#include "cases.h"
#include "functions/registry.h"
#include "plan/bind_expression.h"
#include "sql/parser.h"

namespace millrace::conformance {
namespace {

// Cases that pass today, by file. Raise them, never lower them.
const std::map<std::string, int> kRecorded = {
    {"functions_java.json", 691},
    {"scalar_scala.json", 1180},
};

enum class Verdict { kPassed, kFailed, kUnsupported };

struct Outcome {
  Verdict verdict = Verdict::kPassed;
  std::string reason;  // grouped
  std::string detail;
};

Outcome Failed(std::string reason, std::string detail) {
  return {Verdict::kFailed, std::move(reason), std::move(detail)};
}

// ---- the input row ----

struct Input {
  Scope scope;
  std::vector<ExpressionPtr> literals;
  std::shared_ptr<arrow::RecordBatch> rows;
};

Result<Input> MakeInput(const Group& group) {
  constexpr int64_t kRows = 3, kBefore = 2;
  Plan plan;
  Input input;
  arrow::FieldVector fields;
  arrow::ArrayVector columns;
  for (const Field& field : group.fields) {
    if (!field.literal) continue;
    const SqlType& type = field.literal->type;
    plan.schema.columns.push_back({field.name, type});
    MILL_ASSIGN(auto column, arrow::MakeArrayFromScalar(*field.literal->literal, kRows + kBefore));
    columns.push_back(column->Slice(kBefore));
    fields.push_back(arrow::field(field.name, type.ToArrow()));
    input.literals.push_back(field.literal);
  }
  input.scope = Scope(plan, "testTable");
  input.rows = arrow::RecordBatch::Make(arrow::schema(fields), kRows, columns);
  return input;
}

// ---- evaluation ----

// The values of `expression` over the batch, each as a scalar.
Result<std::vector<std::shared_ptr<arrow::Scalar>>> ValuesOf(const Expression& expression,
                                                             const arrow::RecordBatch& rows,
                                                             const EvalContext& context) {
  MILL_ASSIGN(auto array, EvaluateArray(expression, rows, context));
  MILL_RETURN(array->ValidateFull());
  std::vector<std::shared_ptr<arrow::Scalar>> values;
  for (int64_t row = 0; row < array->length(); ++row) {
    MILL_ASSIGN(auto value, array->GetScalar(row));
    values.push_back(std::move(value));
  }
  return values;
}

bool IsDeterministic(const Expression& expression) {
  if (expression.function != nullptr && !expression.function->deterministic) return false;
  return std::all_of(expression.args.begin(), expression.args.end(),
                     [](const ExpressionPtr& arg) { return IsDeterministic(*arg); });
}

std::string TextOf(const std::shared_ptr<arrow::Scalar>& value, const SqlType& type,
                   const EvalContext& context) {
  if (!value->is_valid) return "NULL";
  const auto text = CastDatum(arrow::Datum(value), type, SqlType::String(), context, false);
  if (!text.ok()) return text.status().ToString();
  return text->scalar()->is_valid ? text->scalar()->ToString() : "NULL";
}

// "{b=2, a=1}" as "{a=1, b=2}"; other text as it is.
std::string SortedEntries(std::string text) {
  if (text.size() < 2 || text.front() != '{') return text;
  std::vector<std::string> entries(1);
  int depth = 0;
  for (char c : text.substr(1, text.size() - 2)) {
    depth += c == '[' || c == '{' || c == '(';
    depth -= c == ']' || c == '}' || c == ')';
    if (c == ',' && depth == 0) {
      entries.emplace_back();
    } else if (!(c == ' ' && entries.back().empty())) {
      entries.back().push_back(c);
    }
  }
  std::sort(entries.begin(), entries.end());
  std::string sorted;
  for (const std::string& entry : entries) sorted += (sorted.empty() ? "{" : ", ") + entry;
  return sorted + "}";
}

Outcome CompareValue(const Case& one, const Expression& bound,
                     const std::shared_ptr<arrow::Scalar>& value, const EvalContext& context) {
  const SqlType& wanted = one.value->type;
  const std::string found_text = TextOf(value, bound.type, context);
  const std::string wanted_text = TextOf(one.value->literal, wanted, context);
  const bool both_text = bound.type.IsString() == wanted.IsString();
  const auto cast = CastDatum(arrow::Datum(value), bound.type, wanted, context, false);
  const bool equal =
      both_text && cast.ok() &&
      (cast->scalar()->Equals(*one.value->literal, arrow::EqualOptions().nans_equal(true)) ||
       (wanted.kind == TypeKind::kMap && SortedEntries(found_text) == SortedEntries(wanted_text)));
  if (equal) return {};
  return Failed("value", fmt::format("found {}, expected {}", found_text, wanted_text));
}

Outcome CompareText(const Case& one, const Expression& bound,
                    const std::shared_ptr<arrow::Scalar>& value, const EvalContext& context) {
  const std::string text = TextOf(value, bound.type, context);
  if (text == *one.text) return {};
  return Failed("value", fmt::format("found {}, expected {}", text, *one.text));
}

Outcome EvaluateAndCompare(const Case& one, const Expression& expression,
                           const arrow::RecordBatch& rows) {
  EvalContext context;
  context.time_zone = one.time_zone;
  const auto values = ValuesOf(expression, rows, context);
  if (one.wants_error) {
    if (!values.ok()) return {};
    return Failed("no error", fmt::format("found {}, expected an error",
                                          TextOf((*values)[0], expression.type, context)));
  }
  if (!values.ok()) return Failed("error", values.status().message());
  // Random numbers and their like differ from row to row: then the first row counts.
  const size_t rows_to_check = IsDeterministic(expression) ? values->size() : 1;
  for (size_t i = 0; i < rows_to_check; ++i) {
    const auto& value = (*values)[i];
    Outcome outcome = one.text ? CompareText(one, expression, value, context)
                               : CompareValue(one, expression, value, context);
    if (outcome.verdict != Verdict::kPassed) return outcome;
  }
  return {};
}

// ---- one case ----

// "line 1, column 8: there is no function 'X'" -> "there is no function 'X'"
std::string WithoutPlace(const std::string& message) {
  if (!message.starts_with("line ")) return message;
  const size_t colon = message.find(": ");
  return colon == std::string::npos ? message : message.substr(colon + 2);
}

std::string NamesMissing(const Case& one, const Group& group, const std::string& message) {
  for (const Field& field : group.fields) {
    if (!field.literal && message.find("no column '" + field.name) != std::string::npos) {
      return field.why_missing;
    }
  }
  return one.why_missing;
}

Outcome Refused(const Case& one, const Group& group, const Status& status) {
  const std::string message = WithoutPlace(status.message());
  if (const std::string why = NamesMissing(one, group, message); !why.empty()) {
    return {Verdict::kUnsupported, why, status.message()};
  }
  const bool unknown = message.find("there is no function") != std::string::npos;
  if (unknown) return {Verdict::kUnsupported, message.substr(0, message.find(". ")), ""};
  if (one.wants_error && !one.at_runtime) return {};
  return {Verdict::kUnsupported, message.substr(0, message.find(". ")), status.message()};
}

Outcome CheckType(const Case& one, const SqlType& found) {
  if (!one.value || one.value->type.SameAs(found)) return {};
  return Failed("type", fmt::format("found {}, expected {}", found.ToString(),
                                    one.value->type.ToString()));
}

Outcome RunBound(const Case& one, const Input& input, const ExpressionPtr& bound) {
  if (one.at_binding) return Failed("no error", "it binds, expected a refusal");
  if (Outcome type = CheckType(one, bound->type); type.verdict != Verdict::kPassed) return type;
  Outcome outcome = EvaluateAndCompare(one, *bound, *input.rows);
  if (outcome.verdict != Verdict::kPassed) return outcome;
  outcome = EvaluateAndCompare(one, *ReplaceColumns(bound, input.literals), *input.rows);
  if (outcome.verdict != Verdict::kPassed) outcome.reason += " (as constants)";
  return outcome;
}

Outcome RunCase(const Case& one, const Group& group, const Input& input, bool* looser) {
  const auto parsed = ParseExpression(one.sql);
  if (!parsed.ok()) return Refused(one, group, parsed.status());
  const auto bound = ExpressionBinder(input.scope).Bind(**parsed);
  if (!bound.ok()) return Refused(one, group, bound.status());
  if (!one.why_missing.empty()) return {Verdict::kUnsupported, one.why_missing, ""};
  *looser = one.value && one.value->type.nullable != (*bound)->type.nullable;
  return RunBound(one, input, *bound);
}

// ---- the report ----

struct Tally {
  int passed = 0, failed = 0, unsupported = 0, other_nullability = 0;
  std::map<std::string, int> reasons;
};

// The function that a case is about, for grouping failures.
std::string Topic(const Case& one) {
  const size_t space = one.test.find_first_of(" .");
  return one.test.substr(space + 1);
}

void Report(const Case& one, const Outcome& outcome, const std::string& shown) {
  const bool wanted =
      shown == "--all" || (one.test + one.sql + outcome.reason).find(shown) != std::string::npos;
  if (shown.empty() || !wanted) return;
  std::printf("%s [%s] %s\n    %s: %s\n", outcome.verdict == Verdict::kFailed ? "FAIL" : "----",
              one.test.c_str(), one.sql.c_str(), outcome.reason.c_str(), outcome.detail.c_str());
}

void Count(const Case& one, const Outcome& outcome, const std::string& shown, Tally* tally) {
  if (outcome.verdict == Verdict::kPassed) {
    ++tally->passed;
    return;
  }
  Report(one, outcome, shown);
  if (outcome.verdict == Verdict::kFailed) {
    ++tally->failed;
    ++tally->reasons["failed: " + Topic(one) + ": " + outcome.reason];
  } else {
    ++tally->unsupported;
    ++tally->reasons["not supported: " + outcome.reason];
  }
}

void Print(const std::string& name, const Tally& tally) {
  const int total = tally.passed + tally.failed + tally.unsupported;
  std::printf("%s: %d cases, %d passed (%.1f %%), %d failed, %d not supported; "
              "%d more are nullable where Flink's are not or the other way round\n",
              name.c_str(), total, tally.passed, 100.0 * tally.passed / total, tally.failed,
              tally.unsupported, tally.other_nullability);
  std::vector<std::pair<int, std::string>> sorted;
  for (const auto& [reason, count] : tally.reasons) sorted.emplace_back(-count, reason);
  std::sort(sorted.begin(), sorted.end());
  for (const auto& [count, reason] : sorted) std::printf("  %5d  %s\n", -count, reason.c_str());
}

Result<Tally> RunFile(const std::string& path, const std::string& shown) {
  MILL_ASSIGN(std::vector<Group> groups, ReadCases(path));
  Tally tally;
  for (const Group& group : groups) {
    MILL_ASSIGN(Input input, MakeInput(group));
    for (const Case& one : group.cases) {
      bool looser = false;
      const Outcome outcome = RunCase(one, group, input, &looser);
      tally.other_nullability += looser && outcome.verdict == Verdict::kPassed;
      Count(one, outcome, shown, &tally);
    }
  }
  return tally;
}

int Run(const std::filesystem::path& folder, const std::string& shown) {
  constexpr int kSkipped = 77;
  bool enough = true;
  for (const auto& [name, recorded] : kRecorded) {
    const auto path = folder / name;
    if (!std::filesystem::exists(path)) {
      std::printf("skipped: no %s (set MILLRACE_CONFORMANCE_DIR)\n", path.c_str());
      return kSkipped;
    }
    const auto tally = RunFile(path, shown);
    if (!tally.ok()) {
      std::printf("%s\n", tally.status().ToString().c_str());
      return 1;
    }
    Print(name, *tally);
    if (tally->passed < recorded) {
      std::printf("%s: %d pass, %d did\n", name.c_str(), tally->passed, recorded);
      enough = false;
    }
  }
  return enough ? 0 : 1;
}

}  // namespace
}  // namespace millrace::conformance

int main(int argc, char** argv) {
  const char* set = std::getenv("MILLRACE_CONFORMANCE_DIR");
  const std::string folder = set != nullptr ? set : argc > 1 ? argv[1] : ".";
  (void)arrow::compute::Initialize();
  return millrace::conformance::Run(folder, argc > 2 ? argv[2] : "");
}
