// What saved state is made of (state/snapshot.h): documented columns.
#pragma once

#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>

#include <memory>
#include <string>

namespace millrace {

// kDelta: what changed since the snapshot before it, whatever that one's mode. Asked for only if
// that one has become part of the chain; else, and after a restore, the next one must be full.
enum class SaveMode { kFull, kDelta };

// A column with its meaning, under "doc" in its metadata, for who reads the file.
inline std::shared_ptr<arrow::Field> StateField(const std::string& name,
                                                std::shared_ptr<arrow::DataType> type,
                                                const std::string& doc) {
  return arrow::field(name, std::move(type), true, arrow::key_value_metadata({"doc"}, {doc}));
}

// A LIST column that only grows: a delta's row holds what was added, behind the lists of earlier
// rows of the same id. Only for tables where ids are unique.
inline std::shared_ptr<arrow::Field> GrowingStateField(const std::string& name,
                                                       std::shared_ptr<arrow::DataType> type,
                                                       const std::string& doc) {
  return arrow::field(name, std::move(type), true,
                      arrow::key_value_metadata({"doc", "fold"}, {doc, "append"}));
}
inline bool IsGrowing(const arrow::Field& field) {
  return field.HasMetadata() && field.metadata()->Get("fold").ValueOr("") == "append";
}

// The column's meaning, "" if it says none.
inline std::string DocOf(const arrow::Field& field) {
  return field.HasMetadata() ? field.metadata()->Get("doc").ValueOr("") : "";
}

}  // namespace millrace
