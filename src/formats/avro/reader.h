// Decodes Avro's binary records straight into columns. The writer's schema is resolved against the
// wanted columns once, into a tree of steps; each record is then a walk over it.
//
//   writer's field   column                     writer's field   column
//   boolean          BOOLEAN                    date, int        DATE
//   int, long        TINYINT ... BIGINT (*),    time-*           TIME
//                    FLOAT, DOUBLE              timestamp-*,
//   float            FLOAT, DOUBLE              local-..., long  TIMESTAMP, TIMESTAMP_LTZ
//   double           DOUBLE                     decimal          DECIMAL of no smaller scale
//   string, enum     STRING                     record           ROW, by names
//   bytes, fixed     BYTES; bytes also STRING   array            ARRAY; of {key, value} also MAP
//   string           BYTES                      map              MAP with keys of STRING
//   union            whatever the branch that is there can be; null is NULL
//
// (*) a value beyond the column's range, precision or NOT NULL is an error of its record. Columns
// that the writer does not have are NULL, fields that nobody wants are skipped. Timestamps of a
// plain long are in the column's own unit; digits that a column does not have are cut.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "data/type.h"
#include "formats/avro/schema.h"
#include "formats/columns.h"

namespace millrace {

struct AvroStep;

// Owned by one thread.
class AvroReader {
 public:
  // Records of `writer`, whose root is a record, into `columns`, matched by name. Fails where a
  // column can never come out of its field.
  static Result<std::unique_ptr<AvroReader>> Make(std::shared_ptr<const AvroSchema> writer,
                                                  const Schema& columns);
  ~AvroReader();

  // Reads the record at the front of `*bytes` into the open row of `rows` (whose columns are those
  // given at making) and moves `*bytes` behind it. False: error() says why; the row must then be
  // undone, and the place of the next record is not known.
  bool ReadRecord(std::string_view* bytes, RowsBuilder& rows);
  const std::string& error() const { return error_; }

 private:
  AvroReader(std::shared_ptr<const AvroSchema> writer, std::unique_ptr<AvroStep> root);

  std::shared_ptr<const AvroSchema> writer_;
  std::unique_ptr<AvroStep> root_;
  int64_t cells_ = 0;  // of the batch being built: bounds what a few bytes can blow up to
  std::string error_;
};

}  // namespace millrace
