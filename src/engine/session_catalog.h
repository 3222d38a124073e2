// SessionCatalog: the tables and views of one session, in memory.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "plan/catalog.h"

namespace millrace {

class SessionCatalog : public Catalog {
 public:
  std::shared_ptr<const TableDefinition> FindTable(const std::string& name) const override;
  std::shared_ptr<const ViewDefinition> FindView(const std::string& name) const override;
  std::vector<std::string> Names() const override;

  // Adds; an error names what is there already unless `if_not_exists`.
  Status Add(TableDefinition table, bool if_not_exists);
  Status Add(ViewDefinition view, bool if_not_exists);
  Status Drop(const ast::Drop& drop);

  std::vector<std::string> TableNames() const;
  std::vector<std::string> ViewNames() const;

 private:
  std::map<std::string, std::shared_ptr<const TableDefinition>> tables_;
  std::map<std::string, std::shared_ptr<const ViewDefinition>> views_;
};

// "name | type | null | key | extras | watermark", a line each.
std::string DescribeTable(const TableDefinition& table);
// The statement that makes the table again. Values of options that look like secrets are not shown.
std::string ShowCreateTable(const TableDefinition& table);

}  // namespace millrace
