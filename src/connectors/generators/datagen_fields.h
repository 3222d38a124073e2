// Fields of the datagen connector: from a column's type and its options fields.<name>.* to the code
// that fills it.
#pragma once

#include <functional>
#include <string>

#include "connectors/generators/generator_columns.h"
#include "data/batch.h"
#include "data/type.h"
#include "formats/format.h"

namespace millrace {

struct DatagenField {
  // Rows [first, first + rows) of the column at wall clock `now`. All values but times are
  // functions of the seed and the row's number.
  std::function<ArrayResult(int64_t first, int64_t rows, Timestamp now)> make;
  int64_t length = -1;          // rows until a sequence is used up, -1: endless
  int64_t bytes_per_row = 16;   // at most, roughly
};

// Makes the field `name` ("user", or "address.city" inside of a ROW); `stream` numbers it.
Result<DatagenField> MakeDatagenField(const std::string& name, const SqlType& type,
                                      const Options& options, uint64_t seed, uint64_t stream);
// Checks that every option fields.<name>.<option> names a column of `schema` and a known option.
Status CheckDatagenFields(const Options& options, const Schema& schema);

}  // namespace millrace
