// Encodes rows for COPY ... FROM STDIN (FORMAT binary):
//
//   stream = "PGCOPY\n\377\r\n\0" u32 0 u32 0 | rows | i16 -1
//   row    = i16 columns | each: i32 length (-1: NULL), bytes; all big-endian
//
// Times count microseconds from 2000-01-01; numeric is sign, weight and digits of base 10000.
#pragma once

#include <arrow/record_batch.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/postgres/types.h"
#include "data/type.h"
#include "formats/format.h"

namespace millrace {

class PostgresEncoder {
 public:
  // What goes into one column of the COPY.
  struct Item {
    int column = 0;  // of the rows
    Column declared;
    PostgresMapping mapping;
  };

  static Result<std::unique_ptr<PostgresEncoder>> Make(std::vector<Item> items);

  // The rows that AppendRow speaks of from now on; they must live as long.
  Status SetRows(const arrow::RecordBatch& rows);
  // Appends a row. If PostgreSQL cannot hold one of its values, says why in `reason`, leaves `out`
  // as it was and returns false.
  bool AppendRow(int64_t row, std::string* out, std::string* reason) const;

  static std::string_view Header();
  static std::string_view Trailer();

 private:
  // Of a MAP, ROW or nested list: the values of the batch as JSON.
  struct Json {
    std::unique_ptr<Encoder> encoder;
    std::string text;
    std::vector<std::string_view> values;
  };

  PostgresEncoder() = default;
  Status FillJson(const arrow::Array& array, const Column& declared, Json& json) const;
  const char* AppendItem(size_t i, int64_t row, std::string* out) const;

  std::vector<Item> items_;
  std::vector<const arrow::Array*> arrays_;  // by item
  std::vector<Json> json_;                   // by item
};

}  // namespace millrace
