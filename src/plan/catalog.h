// Catalog: what the binder may know of tables and views. An interface, so that the plan knows no
// connector; the engine implements it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/batch.h"
#include "functions/expression.h"
#include "sql/ast.h"

namespace millrace {

// One column of a table. Physical columns come out of the format; the others are made from them.
struct TableColumn {
  std::string name;
  SqlType type;
  enum class Kind { kPhysical, kComputed, kMetadata } kind = Kind::kPhysical;
  ExpressionPtr computed;       // kComputed: over the table's columns
  std::string metadata_key;     // kMetadata
  bool metadata_virtual = false;
  std::string comment;
};

struct TableDefinition {
  std::string name;
  std::vector<TableColumn> columns;
  int rowtime = -1;             // column that carries event time, -1 if there is no WATERMARK
  ExpressionPtr watermark;      // over the table's columns
  bool source_watermark = false;  // AS SOURCE_WATERMARK(): what knows the connector sets `watermark`
  std::vector<std::string> primary_key;
  std::vector<std::string> partitioned_by;
  std::string comment;
  std::map<std::string, std::string> options;
  ChangelogMode changelog = ChangelogMode::kInsertOnly;  // of its sources
  ast::CreateTable syntax;      // for LIKE and SHOW CREATE TABLE

  Schema ToSchema() const;
};

struct ViewDefinition {
  std::string name;
  std::vector<std::string> columns;
  ast::QueryPtr query;
  std::string text;
};

class Catalog {
 public:
  virtual ~Catalog() = default;
  // Null if there is none of that name.
  virtual std::shared_ptr<const TableDefinition> FindTable(const std::string& name) const = 0;
  virtual std::shared_ptr<const ViewDefinition> FindView(const std::string& name) const = 0;
  // All tables and views, for "did you mean".
  virtual std::vector<std::string> Names() const = 0;
};

}  // namespace millrace
