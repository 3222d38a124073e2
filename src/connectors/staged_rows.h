// Staged rows: the rows of an epoch as bytes, for committables of sinks that have nowhere else to put
// them: an Arrow IPC stream, with a last column `$kind` for the row kinds.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "data/batch.h"

namespace millrace {

// At least one batch; all have the same columns.
Result<std::string> RowsToBytes(const std::vector<Batch>& batches);
// The inverse. Fails unless the rows have `columns` columns.
Result<std::vector<Batch>> RowsFromBytes(std::string_view bytes, int columns);

}  // namespace millrace
