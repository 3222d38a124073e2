#include "plan/scope.h"

#include "base/nearest.h"
#include "functions/registry.h"

namespace millrace {

Status AtPlace(const Status& status, const ast::Place& place) {
  if (status.ok() || status.message().starts_with("line ")) return status;
  return status.WithMessage("line ", place.line, ", column ", place.column, ": ", status.message());
}

Scope::Scope(const Plan& plan, const std::string& qualifier) {
  for (const Column& column : plan.schema.columns) {
    columns_.push_back({qualifier, column.name, column.type});
  }
}

void Scope::Append(const Scope& right) {
  columns_.insert(columns_.end(), right.columns_.begin(), right.columns_.end());
}

namespace {
constexpr char kByPosition[] = "\x01column";  // no script can write this name
}  // namespace

std::vector<std::string> Scope::PathOf(size_t position) {
  return {kByPosition, std::to_string(position)};
}

int Scope::Find(const std::string& qualifier, const std::string& name) const {
  int found = -1;
  for (size_t i = 0; i < columns_.size(); ++i) {
    const ScopeColumn& column = columns_[i];
    if (column.name != name || (!qualifier.empty() && column.qualifier != qualifier)) continue;
    if (found >= 0) return -2;
    found = static_cast<int>(i);
  }
  return found;
}

std::vector<int> Scope::ColumnsOf(const std::string& qualifier) const {
  std::vector<int> found;
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (qualifier.empty() || columns_[i].qualifier == qualifier) {
      found.push_back(static_cast<int>(i));
    }
  }
  return found;
}

Status Scope::NotFound(const std::vector<std::string>& path, const ast::Place& place) const {
  std::vector<std::string> names;
  for (const ScopeColumn& column : columns_) names.push_back(column.name);
  const std::string near = NearestName(path.back(), names);
  std::string text;
  for (const std::string& part : path) text += (text.empty() ? "" : ".") + part;
  if (!near.empty()) {
    return ErrorAt(place, "there is no column '{}'. did you mean '{}'?", text, near);
  }
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return ErrorAt(place, "there is no column '{}'. columns here: {}", text,
                 all.empty() ? "none" : all);
}

Result<ExpressionPtr> Scope::Resolve(const std::vector<std::string>& path,
                                     const ast::Place& place) const {
  if (path[0] == kByPosition) {
    const size_t position = std::stoul(path[1]);
    const ScopeColumn& column = columns_[position];
    return MakeColumn(static_cast<int>(position), column.name, column.type);
  }
  size_t used = 1;
  int found = Find("", path[0]);
  if (path.size() > 1) {
    const int qualified = Find(path[0], path[1]);
    if (qualified != -1) {
      found = qualified;
      used = 2;
    }
  }
  if (found == -2) return ErrorAt(place, "column '{}' is ambiguous. hint: write table.column", path[used - 1]);
  if (found < 0) return NotFound(path, place);
  const ScopeColumn& column = columns_[static_cast<size_t>(found)];
  ExpressionPtr expression = MakeColumn(found, column.name, column.type);
  for (; used < path.size(); ++used) {
    auto member = MakeField(expression, path[used]);
    if (!member.ok()) return AtPlace(member.status(), place);
    expression = *member;
  }
  return expression;
}

}  // namespace millrace
