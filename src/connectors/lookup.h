// Lookup: the rows of an outside table that have given values in its key columns, as they are now.
// Lookup joins ask it for one batch of keys after the other; the columns that are keys are chosen when
// it is made. One Lookup object is owned by one thread; calls may block.
#pragma once

#include <arrow/record_batch.h>

#include <memory>
#include <vector>

#include "base/status.h"

namespace millrace {

// What was found for a batch of keys.
struct LookupRows {
  std::shared_ptr<arrow::RecordBatch> rows;  // the columns that were asked for
  std::vector<int32_t> keys;                 // per row: the row of the batch of keys; ascending
};

class Lookup {
 public:
  virtual ~Lookup() = default;
  // Called once, before the first Find.
  virtual Status Open() = 0;
  // The columns of what is found.
  virtual std::shared_ptr<arrow::Schema> schema() const = 0;
  // `keys` has a column for each key column, of its type in the script. A NULL finds nothing.
  virtual Result<LookupRows> Find(const arrow::RecordBatch& keys) = 0;
};

}  // namespace millrace
