// Making, printing and walking expressions. Evaluation is in evaluate.cc.
#include "functions/expression.h"

#include <algorithm>

#include "functions/registry.h"

namespace millrace {
namespace {

std::string LiteralText(const Expression& literal) {
  if (!literal.literal || !literal.literal->is_valid) return "NULL";
  const auto text = CastDatum(arrow::Datum(literal.literal), literal.type, SqlType::String(), {}, true);
  if (!text.ok()) return literal.literal->ToString();
  std::string plain = text->scalar()->ToString();
  if (!literal.type.IsString()) return plain;
  std::string quoted = "'";
  for (char c : plain) {
    quoted += c;
    if (c == '\'') quoted += c;
  }
  return quoted + "'";
}

bool IsInfix(const std::string& name) {
  static const std::vector<std::string> kNames = {
      "+", "-", "*", "/", "%", "||", "=", "<>", "<", "<=", ">", ">=", "AND", "OR", "LIKE",
      "NOT LIKE", "SIMILAR TO", "NOT SIMILAR TO", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

std::string JoinArgs(const std::vector<ExpressionPtr>& args, size_t begin) {
  std::string text;
  for (size_t i = begin; i < args.size(); ++i) {
    if (i > begin) text += ", ";
    text += args[i]->ToString();
  }
  return text;
}

std::string SpecialCallText(const std::string& name, const std::vector<ExpressionPtr>& args) {
  if (args.size() == 1) {
    if (name == "NEG") return "-" + args[0]->ToString();
    if (name == "NOT") return "NOT " + args[0]->ToString();
    if (name.starts_with("IS ")) return "(" + args[0]->ToString() + " " + name + ")";
  }
  if (args.size() == 3 && name.ends_with("BETWEEN")) {
    return fmt::format("({} {} {} AND {})", args[0]->ToString(), name, args[1]->ToString(),
                       args[2]->ToString());
  }
  if (name == "IN" || name == "NOT IN") {
    return fmt::format("({} {} ({}))", args[0]->ToString(), name, JoinArgs(args, 1));
  }
  if (name == "ITEM" && args.size() == 2) {
    return args[0]->ToString() + "[" + args[1]->ToString() + "]";
  }
  return "";
}

// The operands of a chain of the same operator, which needs no parentheses within.
void CollectOperands(const Expression& call, std::vector<std::string>* texts) {
  for (const ExpressionPtr& arg : call.args) {
    if (arg->function == call.function && arg->args.size() == 2) {
      CollectOperands(*arg, texts);
    } else {
      texts->push_back(arg->ToString());
    }
  }
}

std::string CallText(const Expression& call) {
  const std::string& name = call.function->name;
  if (call.args.size() == 2 && (name == "AND" || name == "OR")) {
    std::vector<std::string> texts;
    CollectOperands(call, &texts);
    return fmt::format("({})", fmt::join(texts, " " + name + " "));
  }
  if (call.args.size() == 2 && IsInfix(name)) {
    return fmt::format("({} {} {})", call.args[0]->ToString(), name, call.args[1]->ToString());
  }
  std::string special = SpecialCallText(name, call.args);
  return special.empty() ? name + "(" + JoinArgs(call.args, 0) + ")" : special;
}

std::string CaseText(const Expression& expression) {
  std::string text = "CASE";
  size_t i = 0;
  for (; i + 1 < expression.args.size(); i += 2) {
    text += " WHEN " + expression.args[i]->ToString() + " THEN " + expression.args[i + 1]->ToString();
  }
  if (i < expression.args.size()) text += " ELSE " + expression.args[i]->ToString();
  return text + " END";
}

bool HasZonedTime(const SqlType& type) {
  if (type.kind == TypeKind::kTimestampLtz) return true;
  return std::any_of(type.children.begin(), type.children.end(),
                     [](const RowField& child) { return HasZonedTime(*child.type); });
}

// Whether the cast's result depends on the session's time zone.
bool DependsOnZone(const SqlType& from, const SqlType& to) {
  return (HasZonedTime(from) || HasZonedTime(to)) && !(from.IsTimestamp() && from.kind == to.kind);
}

}  // namespace

std::string Expression::ToClause() const {
  const std::string text = ToString();
  const bool wrapped = kind == Kind::kCall && text.starts_with('(') && text.ends_with(')');
  return wrapped ? text.substr(1, text.size() - 2) : text;
}

std::string Expression::ToString() const {
  switch (kind) {
    case Kind::kColumn: return name.empty() ? fmt::format("${}", column) : name;
    case Kind::kLiteral: return LiteralText(*this);
    case Kind::kCall: return CallText(*this);
    case Kind::kCase: return CaseText(*this);
    case Kind::kCast:
      return fmt::format("{}({} AS {})", try_cast ? "TRY_CAST" : "CAST", args[0]->ToString(),
                         type.Nullable().ToString());
    case Kind::kField: return args[0]->ToString() + "." + name;
  }
  return "";
}

ExpressionPtr MakeColumn(int column, std::string name, SqlType type) {
  auto expression = std::make_shared<Expression>();
  expression->kind = Expression::Kind::kColumn;
  expression->column = column;
  expression->name = std::move(name);
  expression->type = std::move(type);
  return expression;
}

ExpressionPtr MakeLiteral(std::shared_ptr<arrow::Scalar> value, SqlType type) {
  auto expression = std::make_shared<Expression>();
  expression->kind = Expression::Kind::kLiteral;
  expression->literal = std::move(value);
  expression->type = std::move(type);
  return expression;
}

ExpressionPtr MakeCast(ExpressionPtr expression, SqlType type, bool try_cast) {
  if (expression->type.SameAs(type)) return expression;
  type.nullable = expression->type.nullable || try_cast;
  auto cast = std::make_shared<Expression>();
  cast->kind = Expression::Kind::kCast;
  cast->type = type;
  cast->try_cast = try_cast;
  cast->args = {expression};
  if (expression->kind == Expression::Kind::kLiteral && IsConstant(*cast)) {
    // Folded where it succeeds; a failing cast fails when it is run.
    auto value = EvaluateConstant(*cast);
    if (value.ok()) return MakeLiteral(value.MoveValueUnsafe(), std::move(type));
  }
  return cast;
}

Result<ExpressionPtr> MakeCase(std::vector<ExpressionPtr> args) {
  if (args.size() % 2 == 0) args.push_back(MakeLiteral(arrow::MakeNullScalar(arrow::null()), SqlType::Null()));
  std::vector<SqlType> types;
  for (size_t i = 0; i < args.size(); ++i) {
    const bool is_branch = i % 2 == 1 || i + 1 == args.size();
    if (is_branch) {
      types.push_back(args[i]->type);
    } else if (args[i]->type.kind == TypeKind::kNull) {
      args[i] = MakeCast(args[i], SqlType::Boolean());
    } else if (args[i]->type.kind != TypeKind::kBoolean) {
      return UserError("condition {} of CASE is {}, expected BOOLEAN", args[i]->ToString(),
                       args[i]->type.ToString());
    }
  }
  MILL_ASSIGN(SqlType type, CommonType(types));
  for (size_t i = 0; i < args.size(); ++i) {
    if (i % 2 == 1 || i + 1 == args.size()) args[i] = MakeCast(args[i], type);
  }
  auto expression = std::make_shared<Expression>();
  expression->kind = Expression::Kind::kCase;
  expression->type = std::move(type);
  expression->args = std::move(args);
  return expression;
}

Result<ExpressionPtr> MakeField(ExpressionPtr row, const std::string& name) {
  if (row->type.kind != TypeKind::kRow) {
    return UserError("{} is {} and has no member '{}'", row->ToString(), row->type.ToString(), name);
  }
  for (size_t i = 0; i < row->type.children.size(); ++i) {
    if (row->type.children[i].name != name) continue;
    auto expression = std::make_shared<Expression>();
    expression->kind = Expression::Kind::kField;
    expression->column = static_cast<int>(i);
    expression->name = name;
    expression->type = *row->type.children[i].type;
    expression->type.nullable = expression->type.nullable || row->type.nullable;
    expression->args = {std::move(row)};
    return expression;
  }
  return UserError("{} has no member '{}'", row->type.ToString(), name);
}

bool IsConstant(const Expression& expression) {
  using Kind = Expression::Kind;
  if (expression.kind == Kind::kColumn) return false;
  if (expression.kind == Kind::kCall && !expression.function->deterministic) return false;
  if (expression.kind == Kind::kCast && DependsOnZone(expression.args[0]->type, expression.type)) {
    return false;
  }
  return std::all_of(expression.args.begin(), expression.args.end(),
                     [](const ExpressionPtr& arg) { return IsConstant(*arg); });
}

bool NeverFails(const Expression& expression) {
  using Kind = Expression::Kind;
  if (expression.kind == Kind::kCall && expression.function->may_fail) return false;
  if (expression.kind == Kind::kCast && !expression.try_cast) {
    const SqlType& from = expression.args[0]->type;
    const bool parses = from.IsString() && !expression.type.IsString();
    if (parses || !from.children.empty()) return false;
  }
  return std::all_of(expression.args.begin(), expression.args.end(),
                     [](const ExpressionPtr& arg) { return NeverFails(*arg); });
}

void CollectColumns(const Expression& expression, std::vector<bool>& columns) {
  if (expression.kind == Expression::Kind::kColumn) {
    const auto column = static_cast<size_t>(expression.column);
    if (columns.size() <= column) columns.resize(column + 1);
    columns[column] = true;
  }
  for (const ExpressionPtr& arg : expression.args) CollectColumns(*arg, columns);
}

ExpressionPtr ReplaceColumns(const ExpressionPtr& expression,
                             const std::vector<ExpressionPtr>& replacement) {
  if (expression->kind == Expression::Kind::kColumn) {
    return replacement[static_cast<size_t>(expression->column)];
  }
  if (expression->args.empty()) return expression;
  auto copy = std::make_shared<Expression>(*expression);
  bool changed = false;
  for (ExpressionPtr& arg : copy->args) {
    ExpressionPtr replaced = ReplaceColumns(arg, replacement);
    changed = changed || replaced != arg;
    arg = std::move(replaced);
  }
  return changed ? copy : expression;
}

}  // namespace millrace
