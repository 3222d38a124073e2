// Encodes rows of Arrow columns as Avro's binary records.
#pragma once

#include <arrow/array.h>
#include <arrow/record_batch.h>

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "formats/avro/schema.h"

namespace millrace {

struct AvroWriteStep;

// Owned by one thread.
class AvroWriter {
 public:
  // Columns are matched with the record's fields by name, columns that it does not have are an
  // error; a field without a column has to be nullable. Numbers are widened, timestamps go into the
  // field's unit, maps also into arrays of {key, value}, texts into enums.
  static Result<std::unique_ptr<AvroWriter>> Make(std::shared_ptr<const AvroSchema> schema,
                                                  const arrow::Schema& columns);
  ~AvroWriter();

  // The rows to be appended from now on, of the schema that was given at making.
  void SetRows(const arrow::RecordBatch& rows) { columns_ = rows.columns(); }
  // Appends row `row` to `out`. Fails for a value that the schema cannot hold: a NULL where it has
  // no null, a text that is no symbol; what was appended is then no record.
  Status Append(int64_t row, std::string& out) const;
  const AvroSchema& schema() const { return *schema_; }

 private:
  AvroWriter(std::shared_ptr<const AvroSchema> schema, std::unique_ptr<AvroWriteStep> root);

  std::shared_ptr<const AvroSchema> schema_;
  std::unique_ptr<AvroWriteStep> root_;
  std::vector<std::shared_ptr<arrow::Array>> columns_;
};

}  // namespace millrace
