// Scope: the columns that names in a query may mean, with the table they came from.
#pragma once

#include <string>
#include <vector>

#include "plan/logical.h"
#include "sql/ast.h"

namespace millrace {

// Puts "line L, column C: " before a user error.
template <typename... Args>
Status ErrorAt(const ast::Place& place, fmt::format_string<Args...> format, Args&&... args) {
  return Status::Invalid("line ", place.line, ", column ", place.column, ": ",
                         fmt::format(format, std::forward<Args>(args)...));
}

// Adds a place to an error that has none.
Status AtPlace(const Status& status, const ast::Place& place);

struct ScopeColumn {
  std::string qualifier;  // table or alias, "" if none
  std::string name;
  SqlType type;
};

class Scope {
 public:
  Scope() = default;
  // All columns of `plan` under the name `qualifier`.
  Scope(const Plan& plan, const std::string& qualifier);

  // Adds the columns of what stands to the right in FROM.
  void Append(const Scope& right);

  // A path that means column `position` whatever it is called: for '*'.
  static std::vector<std::string> PathOf(size_t position);
  // The expression that a dotted path means: column, table.column, or a member of a ROW column.
  Result<ExpressionPtr> Resolve(const std::vector<std::string>& path, const ast::Place& place) const;
  // Positions of the columns under `qualifier`; all if it is empty.
  std::vector<int> ColumnsOf(const std::string& qualifier) const;
  const std::vector<ScopeColumn>& columns() const { return columns_; }

 private:
  // Position of the column; -1 if there is none, -2 if it is ambiguous.
  int Find(const std::string& qualifier, const std::string& name) const;
  Status NotFound(const std::vector<std::string>& path, const ast::Place& place) const;

  std::vector<ScopeColumn> columns_;
};

}  // namespace millrace
