// CREATE TABLE and CREATE VIEW.
#include "sql/parser_internal.h"

namespace millrace {

using ast::Place;

Result<ast::CreateTable> Parser::ParseCreateTable(bool temporary) {
  ast::CreateTable table;
  table.temporary = temporary;
  table.if_not_exists = AcceptAll({"IF", "NOT", "EXISTS"});
  MILL_ASSIGN(table.name, ExpectTableName("a table name"));
  if (Accept("(")) MILL_RETURN(ParseTableElements(table));
  MILL_RETURN(ParseTableClauses(table));
  MILL_RETURN(CheckTyped(table));
  return table;
}

Status Parser::ParseTableElements(ast::CreateTable& table) {
  if (Accept(")")) return Status::OK();  // with LIKE, nothing need be added
  do {
    MILL_RETURN(ParseTableElement(table));
  } while (Accept(","));
  if (IsUsableName(Peek()) && SpellingHint().empty()) {
    return ExpectedWithHint("')' after the column list", "columns are separated by commas");
  }
  return Expect(")", "after the column list");
}

Status Parser::ParseTableElement(ast::CreateTable& table) {
  if (At("CONSTRAINT") && AtAny({"PRIMARY", "UNIQUE"}, 2)) {
    Take();
    MILL_RETURN(ExpectName("a constraint name").status());
  }
  if (At("UNIQUE")) return ErrorAt(Peek().place, "UNIQUE constraints are not supported");
  if (AtAll({"PRIMARY", "KEY"})) return ParsePrimaryKey(table);
  if (AtAll({"WATERMARK", "FOR"})) return ParseWatermark(table);
  return ParseColumn(table);
}

Status Parser::ParsePrimaryKey(ast::CreateTable& table) {
  const Place place = Peek().place;
  MILL_RETURN(ExpectAll({"PRIMARY", "KEY"}, ""));
  if (!table.primary_key.empty()) return ErrorAt(place, "the table has two primary keys");
  MILL_ASSIGN(table.primary_key, ParseNameList("key column"));
  return ParseNotEnforced();
}

Status Parser::ParseNotEnforced() {
  if (AcceptAll({"NOT", "ENFORCED"})) return Status::OK();
  return ExpectedWithHint("NOT ENFORCED after the primary key",
                          "keys are trusted, not checked, and must be declared so");
}

Status Parser::ParseWatermark(ast::CreateTable& table) {
  ast::WatermarkDef watermark;
  watermark.place = Peek().place;
  MILL_RETURN(ExpectAll({"WATERMARK", "FOR"}, ""));
  MILL_ASSIGN(Names path, ExpectPath("the column of the watermark"));
  for (const std::string& part : path) {
    watermark.column += watermark.column.empty() ? part : "." + part;
  }
  MILL_RETURN(Expect("AS", "and the watermark's expression"));
  const size_t first = position_;
  MILL_ASSIGN(watermark.expr, ParseExpression());
  watermark.text = Slice(first, position_);
  if (table.watermark) return ErrorAt(watermark.place, "the table has two watermarks");
  table.watermark = std::move(watermark);
  return Status::OK();
}

Status Parser::ParseColumn(ast::CreateTable& table) {
  ast::ColumnDef column;
  column.place = Peek().place;
  MILL_ASSIGN(column.name, ExpectName("a column name"));
  if (Accept("AS")) {
    const size_t first = position_;
    MILL_ASSIGN(column.computed, ParseExpression());
    column.computed_text = Slice(first, position_);
  } else if (!AtAny({",", ")"})) {
    MILL_ASSIGN(column.type, ParseType());
    column.has_type = true;
  }
  MILL_RETURN(ParseColumnClauses(table, column));
  table.columns.push_back(std::move(column));
  return Status::OK();
}

Status Parser::ParseColumnClauses(ast::CreateTable& table, ast::ColumnDef& column) {
  while (true) {
    if (Accept("COMMENT")) {
      MILL_ASSIGN(column.comment, ExpectString("the comment as a string"));
    } else if (column.has_type && At("METADATA")) {
      MILL_RETURN(ParseMetadata(column));
    } else if (column.has_type && AtAny({"PRIMARY", "CONSTRAINT"})) {
      MILL_RETURN(ParseColumnKey(table, column));
    } else if (column.has_type && AtNullability()) {
      MILL_RETURN(ParseNullability(column.type));
    } else {
      return Status::OK();
    }
  }
}

// name type [CONSTRAINT n] PRIMARY KEY NOT ENFORCED
Status Parser::ParseColumnKey(ast::CreateTable& table, const ast::ColumnDef& column) {
  if (Accept("CONSTRAINT")) MILL_RETURN(ExpectName("a constraint name").status());
  if (!table.primary_key.empty()) return ErrorAt(Peek().place, "the table has two primary keys");
  MILL_RETURN(ExpectAll({"PRIMARY", "KEY"}, "in the column's constraint"));
  table.primary_key = {column.name};
  return ParseNotEnforced();
}

// METADATA [FROM 'key'] [VIRTUAL]
Status Parser::ParseMetadata(ast::ColumnDef& column) {
  MILL_RETURN(Expect("METADATA", ""));
  column.metadata = true;
  if (Accept("FROM")) {
    MILL_ASSIGN(column.metadata_key, ExpectString("the metadata key as a string"));
  }
  column.metadata_virtual = Accept("VIRTUAL");
  return Status::OK();
}

Status Parser::ParseTableClauses(ast::CreateTable& table) {
  while (!AtStatementEnd()) {
    if (Accept("COMMENT")) {
      MILL_ASSIGN(table.comment, ExpectString("the comment as a string"));
    } else if (AcceptAll({"PARTITIONED", "BY"})) {
      MILL_ASSIGN(table.partitioned_by, ParseNameList("partition column"));
    } else if (Accept("WITH")) {
      MILL_RETURN(ParseOptions(table.options, &table.option_places));
    } else if (Accept("LIKE")) {
      MILL_ASSIGN(table.like, ParseLike());
    } else if (Accept("AS")) {
      MILL_ASSIGN(table.as_query, ParseQuery());
    } else {
      return Expected("COMMENT, PARTITIONED BY, WITH, LIKE, AS or the end of CREATE TABLE");
    }
  }
  return Status::OK();
}

// Reads ('key' = 'value', ...).
Status Parser::ParseOptions(Options& options, std::map<std::string, Place>* places) {
  MILL_RETURN(Expect("(", "before the options"));
  if (Accept(")")) return Status::OK();
  do {
    const Place place = Peek().place;
    if (Peek().kind == TokenKind::kWord) {
      return ExpectedWithHint("an option's name as a string",
                              "names and values of options are quoted: 'connector' = 'kafka'");
    }
    MILL_ASSIGN(std::string key, ExpectString("an option's name as a string"));
    MILL_RETURN(Expect("=", "after the option's name"));
    MILL_ASSIGN(std::string value, ExpectString("the option's value as a string"));
    if (!options.emplace(key, std::move(value)).second) {
      return ErrorAt(place, fmt::format("option '{}' is given twice", Shown(key)));
    }
    if (places != nullptr) places->emplace(std::move(key), place);
  } while (Accept(","));
  return Expect(")", "after the options");
}

Result<ast::LikeClause> Parser::ParseLike() {
  ast::LikeClause like;
  MILL_ASSIGN(like.table, ExpectTableName("the table to be like"));
  if (!Accept("(")) return like;
  while (!Accept(")")) {
    if (!AtAny({"INCLUDING", "EXCLUDING", "OVERWRITING"})) {
      return Expected("INCLUDING, EXCLUDING, OVERWRITING or ')'");
    }
    std::string option = Take().key;
    if (!AtAny({"ALL", "CONSTRAINTS", "DISTRIBUTION", "PARTITIONS", "OPTIONS", "METADATA",
                "GENERATED", "WATERMARKS"})) {
      return Expected(
          "ALL, CONSTRAINTS, PARTITIONS, OPTIONS, METADATA, GENERATED or WATERMARKS");
    }
    like.options.push_back(option + " " + Take().key);
  }
  return like;
}

// Only CREATE TABLE ... AS may name columns without types; it takes them from the query.
Status Parser::CheckTyped(const ast::CreateTable& table) const {
  if (table.as_query != nullptr) return Status::OK();
  for (const ast::ColumnDef& column : table.columns) {
    if (column.has_type || column.computed != nullptr) continue;
    return ErrorAt(column.place, fmt::format("column '{}' has no type", Shown(column.name)));
  }
  return Status::OK();
}

Result<ast::CreateView> Parser::ParseCreateView(bool temporary) {
  ast::CreateView view;
  view.temporary = temporary;
  view.if_not_exists = AcceptAll({"IF", "NOT", "EXISTS"});
  MILL_ASSIGN(view.name, ExpectTableName("a view name"));
  if (At("(")) {
    MILL_ASSIGN(view.columns, ParseNameList("view column"));
  }
  if (Accept("COMMENT")) MILL_RETURN(ExpectString("the comment as a string").status());
  MILL_RETURN(Expect("AS", "before the view's query"));
  const size_t first = position_;
  MILL_ASSIGN(view.query, ParseQuery());
  view.text = Slice(first, position_);
  return view;
}

}  // namespace millrace
