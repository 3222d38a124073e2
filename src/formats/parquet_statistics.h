// What a Parquet file's footer tells of a column in one row group, in the engine's values.
#pragma once

#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/metadata.h>

#include "data/column_condition.h"
#include "data/type.h"

namespace millrace {

// `field`: the column in the file; `type`: what it is read as. No bounds where the file has none, for
// types that ColumnValue lacks, and where the values are converted. May throw, as Parquet does.
ColumnFacts FactsOfGroup(const parquet::RowGroupMetaData& group,
                         const parquet::arrow::SchemaField& field, const SqlType& type);

}  // namespace millrace
