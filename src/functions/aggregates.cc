// The built-in aggregate functions as a family, and what they share.
#include "functions/aggregate_values.h"
#include "functions/families.h"

namespace millrace {
namespace aggregates {

Result<SqlType> OneArgument(const char* name, const Types& args) {
  if (args.size() != 1) return UserError("{} wants one argument, found {}", name, args.size());
  return args[0].kind == TypeKind::kNull ? SqlType::Int() : args[0];
}

Result<ArrayPtr> MakeLists(std::vector<int64_t> begins, ArrayPtr values) {
  begins.push_back(values->length());
  if (begins.back() > std::numeric_limits<int32_t>::max()) {
    return Status::CapacityError("the values of the groups saved together exceed 2^31");
  }
  const auto count = static_cast<int64_t>(begins.size()) - 1;
  std::vector<int32_t> offsets(begins.begin(), begins.end());
  return std::make_shared<arrow::ListArray>(arrow::list(values->type()), count,
                                            arrow::Buffer::FromVector(std::move(offsets)),
                                            std::move(values));
}

}  // namespace aggregates

Status TakeConstant(const AggregateFunction& function, std::shared_ptr<arrow::Scalar> constant,
                    AggregateFunction::Bound* bound) {
  if (!constant->is_valid) return UserError("a constant of {} is NULL", function.name);
  if (function.check_constant) MILL_RETURN(function.check_constant(*constant));
  bound->constant = std::move(constant);
  bound->arg_types.erase(bound->arg_types.begin() + function.constant_at);
  return Status::OK();
}

std::string AggregateCall::ToString() const {
  std::string text = function ? function->name : "?";
  text += distinct ? "(DISTINCT " : "(";
  for (size_t i = 0; i < args.size(); ++i) text += (i > 0 ? ", $" : "$") + std::to_string(args[i]);
  if (args.empty()) text += "*";
  text += ")";
  if (filter >= 0) text += " FILTER $" + std::to_string(filter);
  return name.empty() ? text : text + " AS " + name;
}

void RegisterAggregates(FunctionRegistry& registry) {
  aggregates::RegisterSums(registry);
  aggregates::RegisterExtremes(registry);
  aggregates::RegisterEdges(registry);
  aggregates::RegisterLists(registry);
  aggregates::RegisterCounted(registry);
}

}  // namespace millrace
