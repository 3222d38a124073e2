// CROSS JOIN UNNEST(collection) [WITH ORDINALITY], and LEFT JOIN UNNEST(...) ON TRUE.
#include "functions/registry.h"
#include "plan/binder.h"

namespace millrace {
namespace {

bool IsTrue(const ast::Expr& expr) {
  return expr.kind == ast::ExprKind::kLiteral && expr.literal_type.kind == TypeKind::kBoolean &&
         expr.text == "TRUE";
}

// The columns of one element.
Result<Schema> ElementColumns(const SqlType& type, const ast::Place& place) {
  Schema schema;
  if (type.kind == TypeKind::kMap) {
    schema.columns = {{"KEY", *type.children[0].type}, {"VALUE", *type.children[1].type}};
    return schema;
  }
  if (type.kind != TypeKind::kArray) {
    return ErrorAt(place, "UNNEST wants an ARRAY or a MAP, found {}", type.ToString());
  }
  const SqlType& element = *type.children[0].type;
  if (element.kind != TypeKind::kRow) {
    schema.columns = {{"EXPR$0", element}};
    return schema;
  }
  for (const RowField& field : element.children) {
    schema.columns.push_back({field.name, *field.type});
  }
  return schema;
}

// COLLECT gives a map from value to number. Under one name its elements are meant, as Flink's MULTISET
// has them; under two, keys and values.
bool IsMultiset(const SqlType& type, const ast::TableRef& ref) {
  return type.kind == TypeKind::kMap && type.children[1].type->kind == TypeKind::kInt &&
         ref.column_aliases.size() == (ref.with_ordinality ? 2 : 1);
}

// All of `input`'s columns and `collection` behind them.
PlanPtr WithCollection(const PlanPtr& input, ExpressionPtr collection) {
  std::vector<ExpressionPtr> expressions;
  std::vector<std::string> names;
  for (int i = 0; i < input->schema.size(); ++i) {
    const Column& column = input->schema.columns[static_cast<size_t>(i)];
    expressions.push_back(MakeColumn(i, column.name, column.type));
    names.push_back(column.name);
  }
  names.push_back(collection->ToString());
  expressions.push_back(std::move(collection));
  return MakeProject(input, std::move(expressions), std::move(names));
}

}  // namespace

Result<Relation> Binder::BindJoin(const ast::TableRef& ref) {
  if (ref.right->kind != ast::TableRefKind::kUnnest) {
    return ErrorAt(ref.place, "joins are not supported");
  }
  MILL_ASSIGN(Relation left, BindFrom(*ref.left));
  const bool outer = ref.join == ast::JoinKind::kLeft;
  if (ref.join == ast::JoinKind::kRight || ref.join == ast::JoinKind::kFull) {
    return ErrorAt(ref.place, "UNNEST can be joined by CROSS, INNER and LEFT JOIN only");
  }
  if (!ref.using_columns.empty()) return ErrorAt(ref.place, "UNNEST cannot be joined with USING");
  if (outer && !(ref.on && IsTrue(*ref.on))) {
    return ErrorAt(ref.place, "LEFT JOIN UNNEST(...) wants ON TRUE");
  }
  MILL_ASSIGN(Relation joined, BindUnnest(*ref.right, left, outer));
  if (ref.on && !IsTrue(*ref.on)) {
    MILL_ASSIGN(ExpressionPtr condition, ExpressionBinder(joined.scope).BindCondition(*ref.on));
    joined.plan = MakeFilter(joined.plan, condition);
  }
  return joined;
}

Result<Relation> Binder::BindUnnest(const ast::TableRef& ref, const Relation& left, bool outer) {
  MILL_ASSIGN(ExpressionPtr collection, ExpressionBinder(left.scope).Bind(*ref.args[0]));
  if (IsMultiset(collection->type, ref)) {
    MILL_ASSIGN(collection, MakeCall("MULTISET_ELEMENTS", {std::move(collection)}));
  }
  MILL_ASSIGN(Schema elements, ElementColumns(collection->type, ref.place));
  const bool nullable = outer || collection->type.nullable;
  if (ref.with_ordinality) elements.columns.push_back({"ORDINALITY", SqlType::Int().NotNull()});
  if (!ref.column_aliases.empty() && ref.column_aliases.size() != elements.columns.size()) {
    return ErrorAt(ref.place, "UNNEST yields {} columns but {} names are given",
                   elements.columns.size(), ref.column_aliases.size());
  }
  for (size_t i = 0; i < ref.column_aliases.size(); ++i) {
    elements.columns[i].name = ref.column_aliases[i];
  }
  auto plan = std::make_shared<Plan>();
  plan->kind = PlanKind::kUnnest;
  plan->outer = outer;
  plan->with_ordinality = ref.with_ordinality;
  plan->schema = left.plan->schema;
  plan->traits = left.plan->traits;
  plan->updating = left.plan->updating;
  Plan right;
  for (Column& column : elements.columns) {
    if (nullable) column.type = column.type.Nullable();
    right.schema.columns.push_back(column);
    plan->schema.columns.push_back(std::move(column));
    plan->traits.push_back({});
  }
  plan->inputs = {WithCollection(left.plan, std::move(collection))};
  Relation joined;
  joined.scope = left.scope;
  joined.scope.Append(Scope(right, ref.alias));
  joined.plan = std::move(plan);
  return joined;
}

}  // namespace millrace
