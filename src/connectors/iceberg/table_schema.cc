#include "connectors/iceberg/table_schema.h"

#include <algorithm>

#include "base/nearest.h"

namespace millrace {
namespace {

std::string Near(const IcebergSchema& schema, const std::string& name) {
  std::vector<std::string> names;
  for (const auto& field : schema.fields) names.push_back(field.name);
  const std::string near = NearestName(name, names);
  return near.empty() ? fmt::format(". its columns: {}", fmt::join(names, ", "))
                      : fmt::format(". did you mean '{}'?", near);
}

Result<IcebergPartitionSpec> SpecOf(const IcebergSchema& schema,
                                    const std::vector<std::string>& partitioning) {
  constexpr int kFirstPartitionId = 1000;
  IcebergPartitionSpec spec;
  for (const std::string& each : partitioning) {
    MILL_ASSIGN(const auto element, ParsePartitioning(each));
    const IcebergField* source = schema.Find(element.second);
    if (!source) {
      return UserError("partition column '{}' does not exist{}", element.second,
                       Near(schema, element.second));
    }
    MILL_RETURN(Annotate(element.first.Check(source->type),
                         fmt::format("partition column '{}'", element.second)));
    IcebergPartitionField field;
    field.source_id = source->id;
    field.field_id = kFirstPartitionId + static_cast<int>(spec.fields.size());
    field.name = PartitionFieldName(element.first, element.second);
    field.transform = element.first;
    spec.fields.push_back(std::move(field));
  }
  return spec;
}

// "day(ts), country".
std::string TextOf(const IcebergPartitionSpec& spec, const IcebergSchema& schema) {
  std::vector<std::string> parts;
  for (const auto& field : spec.fields) {
    const IcebergField* source = schema.FindId(field.source_id);
    parts.push_back(fmt::format("{}({})", field.transform.ToString(),
                                source ? source->name : fmt::format("{}", field.source_id)));
  }
  return parts.empty() ? "nothing" : fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace

Result<IcebergTableDraft> DraftOf(const TableInfo& info, const IcebergOptions& options) {
  IcebergTableDraft draft;
  auto schema = IcebergSchemaOf(info.schema, info.primary_key);
  MILL_RETURN(Annotate(schema.status(), fmt::format("table '{}'", info.name)));
  draft.schema = std::move(*schema);
  MILL_ASSIGN(draft.spec, SpecOf(draft.schema, options.partitioning));
  draft.properties = {{"write.format.default", "parquet"},
                      {"write.parquet.compression-codec", "zstd"},
                      {"write.metadata.delete-after-commit.enabled", "true"}};
  return draft;
}

std::vector<Column> MissingColumns(const IcebergSchema& schema, const Schema& declared) {
  std::vector<Column> missing;
  for (const Column& column : declared.columns) {
    if (!schema.Find(column.name)) missing.push_back(column);
  }
  return missing;
}

Result<IcebergSchema> WithColumns(const IcebergSchema& schema, const std::vector<Column>& columns,
                                  int schema_id, int* last_id) {
  IcebergSchema wider = schema;
  wider.id = schema_id;
  for (const Column& column : columns) {
    if (!column.type.nullable) {
      return UserError("column '{}' cannot be added: it is NOT NULL, and rows that are there have "
                       "no value for it. hint: declare it nullable", column.name);
    }
    IcebergField field;
    field.id = ++*last_id;
    field.name = column.name;
    MILL_ASSIGN(field.type, IcebergTypeOf(column.type, last_id));
    wider.fields.push_back(std::move(field));
  }
  return wider;
}

Result<std::vector<IcebergField>> WrittenFields(const IcebergSchema& schema,
                                                const TableInfo& info) {
  std::vector<IcebergField> fields;
  std::vector<std::string> problems;
  for (const Column& column : info.schema.columns) {
    const IcebergField* field = schema.Find(column.name);
    if (!field) {
      problems.push_back(fmt::format("the table has no column '{}'{}", column.name,
                                     Near(schema, column.name)));
    } else if (!IsWritableFrom(field->type, column.type)) {
      problems.push_back(fmt::format("column '{}' is {} in the table and {} here", column.name,
                                     field->type.ToString(), column.type.ToString()));
    } else {
      fields.push_back(*field);
      // Rows that the engine lets through without a value are kept out by its own checks.
    }
  }
  for (const IcebergField& field : schema.fields) {
    if (field.required && info.schema.Find(field.name) < 0) {
      problems.push_back(fmt::format("column '{}' is required in the table and missing here",
                                     field.name));
    }
  }
  if (problems.empty()) return fields;
  return UserError("table '{}' does not fit the Iceberg table: {}. hint: 'schema.add-columns' = "
                   "'true' adds nullable columns", info.name, fmt::join(problems, "; "));
}

Result<std::vector<IcebergField>> ReadFields(const IcebergSchema& schema, const Schema& columns,
                                             const std::string& name) {
  std::vector<IcebergField> fields;
  for (const Column& column : columns.columns) {
    const IcebergField* field = schema.Find(column.name);
    if (!field) {
      return UserError("table '{}': the Iceberg table has no column '{}'{}", name, column.name,
                       Near(schema, column.name));
    }
    if (!IsReadableAs(field->type, column.type)) {
      return UserError("table '{}': column '{}' is {}: it cannot be read as {}", name, column.name,
                       field->type.ToString(), column.type.ToString());
    }
    fields.push_back(*field);
  }
  return fields;
}

Status CheckPartitioning(const IcebergMetadata& table, const IcebergOptions& options) {
  if (options.partitioning.empty()) return Status::OK();
  MILL_ASSIGN(const auto wanted, SpecOf(table.schema(), options.partitioning));
  const auto& there = table.spec().fields;
  const bool same = std::equal(
      wanted.fields.begin(), wanted.fields.end(), there.begin(), there.end(),
      [](const auto& a, const auto& b) {
        return a.source_id == b.source_id && a.transform.ToString() == b.transform.ToString();
      });
  if (same) return Status::OK();
  return UserError("Iceberg table '{}' is partitioned by {}, not by {}", options.full_name(),
                   TextOf(table.spec(), table.schema()), TextOf(wanted, table.schema()));
}

}  // namespace millrace
