#include "plan/bind_json.h"

#include <arrow/scalar.h>

#include "functions/registry.h"
#include "plan/scope.h"

namespace millrace {
namespace {

ExpressionPtr TextLiteral(const std::string& text) {
  const auto length = static_cast<int>(text.size());
  return MakeLiteral(std::make_shared<arrow::StringScalar>(text),
                     SqlType::Of(TypeKind::kChar, length).NotNull());
}

ExpressionPtr NullOf(const SqlType& type) {
  return MakeLiteral(arrow::MakeNullScalar(type.ToArrow()), type.Nullable());
}

// What stands before e.g. " ON EMPTY" in the clauses; `otherwise` without such a clause.
std::string Behavior(const ast::Expr& expr, const std::string& suffix,
                     const std::string& otherwise) {
  for (const std::string& clause : expr.clauses) {
    if (clause.ends_with(suffix)) return clause.substr(0, clause.size() - suffix.size());
  }
  return otherwise;
}

bool HasClause(const ast::Expr& expr, const std::string& wanted) {
  for (const std::string& clause : expr.clauses) {
    if (clause == wanted) return true;
  }
  return false;
}

SqlType ReturnedType(const ast::Expr& expr) {
  return HasClause(expr, "RETURNING") ? expr.cast_type : SqlType::String();
}

Status CheckDefault(const ast::Expr& expr, const ExpressionPtr& value, const SqlType& type) {
  if (Castable(value->type, type)) return Status::OK();
  return ErrorAt(expr.place, "the default {} of JSON_VALUE is no {}", value->ToString(),
                 type.Nullable().ToString());
}

// Defaults stand behind the path, in the order of their clauses.
Result<ExpressionPtr> BindValue(const ast::Expr& expr, std::vector<ExpressionPtr> args) {
  const SqlType type = ReturnedType(expr);
  if (!type.children.empty()) {
    return ErrorAt(expr.place, "JSON_VALUE cannot return {}. hint: use JSON_QUERY",
                   type.ToString());
  }
  ExpressionPtr defaults[] = {NullOf(type), NullOf(type)};
  size_t next = 2;
  for (const std::string& clause : expr.clauses) {
    if (!clause.starts_with("DEFAULT ON ")) continue;
    if (next >= args.size()) return ErrorAt(expr.place, "JSON_VALUE: a default has no value");
    MILL_RETURN(CheckDefault(expr, args[next], type));
    defaults[clause.ends_with("ERROR") ? 1 : 0] = MakeCast(args[next++], type);
  }
  if (next != args.size()) {
    return ErrorAt(expr.place, "JSON_VALUE takes 2 arguments, found {}", args.size());
  }
  args.resize(2);
  args.insert(args.end(),
              {defaults[0], defaults[1], TextLiteral(Behavior(expr, " ON EMPTY", "NULL")),
               TextLiteral(Behavior(expr, " ON ERROR", "NULL"))});
  return MakeCall("JSON_VALUE", std::move(args));
}

Result<ExpressionPtr> BindQuery(const ast::Expr& expr, std::vector<ExpressionPtr> args) {
  const SqlType type = ReturnedType(expr);
  const bool is_array = type.kind == TypeKind::kArray && type.children[0].type->IsString();
  if (!is_array && !type.IsString()) {
    return ErrorAt(expr.place, "JSON_QUERY returns STRING or ARRAY<STRING>, not {}",
                   type.ToString());
  }
  const std::string on_empty = Behavior(expr, " ON EMPTY", "NULL");
  const std::string on_error = Behavior(expr, " ON ERROR", "NULL");
  if (is_array && (on_empty == "EMPTY OBJECT" || on_error == "EMPTY OBJECT")) {
    return ErrorAt(expr.place, "EMPTY OBJECT is no {}. hint: EMPTY ARRAY", type.ToString());
  }
  args.insert(args.end(), {NullOf(type), TextLiteral(Behavior(expr, " WRAPPER", "WITHOUT")),
                           TextLiteral(on_empty), TextLiteral(on_error)});
  return MakeCall("JSON_QUERY", std::move(args));
}

// A call whose result is JSON and not a text to be quoted.
bool IsJsonValued(const ast::Expr& arg) {
  return arg.kind == ast::ExprKind::kCall &&
         (arg.name == "JSON" || arg.name == "JSON_OBJECT" || arg.name == "JSON_ARRAY" ||
          arg.name == "JSON_QUERY");
}

Result<ExpressionPtr> BindComposition(const ast::Expr& expr, std::vector<ExpressionPtr> args) {
  const bool object = expr.name == "JSON_OBJECT";
  std::string mode = Behavior(expr, " ON NULL", object ? "NULL" : "ABSENT") + " ";
  for (size_t i = object ? 1 : 0; i < expr.args.size(); i += object ? 2 : 1) {
    mode += IsJsonValued(*expr.args[i]) ? '1' : '0';
  }
  args.insert(args.begin(), TextLiteral(mode));
  return MakeCall(expr.name, std::move(args));
}

}  // namespace

bool IsJsonAggregate(const ast::Expr& call) {
  return call.name == "JSON_ARRAYAGG" || call.name == "JSON_OBJECTAGG";
}

Status BindJsonAggregate(const ast::Expr& expr, std::vector<ExpressionPtr>* args) {
  const bool object = expr.name == "JSON_OBJECTAGG";
  if (args->size() != (object ? 2u : 1u)) {
    return ErrorAt(expr.place, "{} takes {}, found {} arguments", expr.name,
                   object ? "a name and a value" : "a value", args->size());
  }
  if (!IsJsonValued(*expr.args.back())) {
    MILL_ASSIGN(args->back(), MakeCall("JSON_STRING", {args->back()}));
  }
  args->push_back(TextLiteral(Behavior(expr, " ON NULL", object ? "NULL" : "ABSENT")));
  return Status::OK();
}

bool HasJsonClauses(const ast::Expr& call) {
  if (call.name == "JSON_OBJECT" || call.name == "JSON_ARRAY") return true;
  return !call.clauses.empty() &&
         (call.name == "JSON_VALUE" || call.name == "JSON_QUERY" || call.name == "JSON_EXISTS");
}

Result<ExpressionPtr> BindJsonCall(const ast::Expr& expr, std::vector<ExpressionPtr> args) {
  if (expr.name == "JSON_OBJECT" || expr.name == "JSON_ARRAY") {
    return BindComposition(expr, std::move(args));
  }
  if (args.size() < 2) return ErrorAt(expr.place, "{} takes a text and a path", expr.name);
  if (expr.name == "JSON_VALUE") return BindValue(expr, std::move(args));
  if (expr.name == "JSON_QUERY") return BindQuery(expr, std::move(args));
  args.push_back(TextLiteral(Behavior(expr, " ON ERROR", "FALSE")));
  return MakeCall("JSON_EXISTS", std::move(args));
}

}  // namespace millrace
