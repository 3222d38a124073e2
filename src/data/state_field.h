// A documented column: what saved state is made of (state/snapshot.h).
#pragma once

#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>

#include <memory>
#include <string>

namespace millrace {

// A column with its meaning, under "doc" in its metadata, for who reads the file.
inline std::shared_ptr<arrow::Field> StateField(const std::string& name,
                                                std::shared_ptr<arrow::DataType> type,
                                                const std::string& doc) {
  return arrow::field(name, std::move(type), true, arrow::key_value_metadata({"doc"}, {doc}));
}

// The column's meaning, "" if it says none.
inline std::string DocOf(const arrow::Field& field) {
  return field.HasMetadata() ? field.metadata()->Get("doc").ValueOr("") : "";
}

}  // namespace millrace
