// Columns between the engine's layout (data/type.h) and that of data files (StorageTypeOf).
#pragma once

#include <arrow/array.h>

#include <memory>

#include "base/status.h"
#include "connectors/iceberg/types.h"

namespace millrace {

// A column of the engine as it is written into a column of `type`; IsWritableFrom must hold for its
// SQL type. A value that does not fit is an error.
Result<std::shared_ptr<arrow::Array>> ToStorage(const std::shared_ptr<arrow::Array>& array,
                                                const IcebergType& type);

// A column of a data file, `field` of it with the field ids of its parts, as column `wanted` of the
// table: structs get the fields that `wanted` has, by id, under its names; those that the file
// lacks are NULL. `by_name`: the file has no ids. The types of leaves stay as they are.
Result<std::shared_ptr<arrow::Array>> ProjectById(const std::shared_ptr<arrow::Array>& array,
                                                  const arrow::Field& field,
                                                  const IcebergType& wanted, bool by_name);

}  // namespace millrace
